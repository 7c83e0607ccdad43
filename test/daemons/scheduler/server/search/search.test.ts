import test from "ava";
import fc from "fast-check";
import { searchFuzzy, type FuzzyMatches } from "#daemons/scheduler/server/search/fuzzy-search.ts";
import { MAX_PREFIX_MATCHES, searchPrefix } from "#daemons/scheduler/server/search/prefix-search.ts";
import { CONTEXTS } from "#daemons/scheduler/server/search/contexts.ts";
import { atOnce, STRIDE } from "#daemons/scheduler/server/schedule/steps.ts";
import { api, sent } from "../../http/api.ts";

const TASK = { Name: "redis", Driver: "docker", Config: { image: "redis:7", command: "redis-server" } };
const Services = [{ Name: "cache-redis", Provider: "nomad" }];

test("every kind of thing is found by the first characters of its id", async (t) => {
  const { put, cluster } = await api(t);
  await put("/v1/namespace", { Name: "nsx" });
  await put("/v1/node/pools", { Name: "poolx" });
  await put("/v1/var/nomad/jobs/app", { Items: { a: "b" } });
  await put("/v1/jobs", sent({}, { Scaling: { Min: 0, Max: 3 } }));
  await cluster.settled();
  const found = async (Prefix: string, Context = "all") => (await put("/v1/search", { Prefix, Context })).json.Matches;
  t.deepEqual(await found("ap"), { jobs: ["app"] });
  t.deepEqual(await found("nsx"), { namespaces: ["nsx"] });
  t.deepEqual(await found("pool"), { node_pools: ["poolx"] });
  t.deepEqual(await found("nomad/", "vars"), { vars: ["nomad/jobs/app"] });
  t.deepEqual(await found("node-", "nodes"), { nodes: ["node-1"] });
  const [alloc] = cluster.running();
  for (const length of [1, 7, 8, 9])
    t.deepEqual((await found(alloc!.ID.slice(0, length), "allocs")).allocs, [alloc!.ID]);
  t.is((await found("", "scaling_policy")).scaling_policy.length, 1);
  t.is((await found("", "deployment")).deployment.length, 1);
  const all = (await put("/v1/search", { Prefix: "zzz", Context: "all" })).json;
  t.deepEqual(all.Matches, {});
  t.deepEqual(Object.keys(all.Truncations).toSorted(), [...CONTEXTS].toSorted());
  t.is(all.KnownLeader, true);
  t.deepEqual((await put("/v1/search", { Prefix: "", Context: "quotas" })).json.Matches, {});
});

test("a search gives so many matches, and says that there are more", async (t) => {
  const { put, cluster } = await api(t);
  for (let i = 0; i <= MAX_PREFIX_MATCHES; i++) await put(`/v1/var/v${i}`, { Items: { a: "b" } });
  const scope = { view: cluster.view, namespace: undefined };
  const found = searchPrefix(scope, "v", ["vars"]);
  t.is(found.Matches["vars"]?.length, MAX_PREFIX_MATCHES);
  t.true(found.Truncations["vars"]);
});

test("a fuzzy search finds what a job is made of, with the way to it", async (t) => {
  const { put, cluster } = await api(t);
  await put("/v1/jobs", sent({ ID: "shop-redis", Name: "shop-redis" }, { Name: "redis", Services, Tasks: [TASK] }));
  await put("/v1/jobs", sent());
  await cluster.settled();
  const search = async (Text: string, Context: string) => (await put("/v1/search/fuzzy", { Text, Context })).json;
  t.deepEqual((await search("REDIS", "jobs")).Matches, {
    jobs: [{ ID: "shop-redis", Scope: ["default", "shop-redis"] }],
    groups: [{ ID: "redis", Scope: ["default", "shop-redis"] }],
    services: [{ ID: "cache-redis", Scope: ["default", "shop-redis", "redis"] }],
    tasks: [{ ID: "redis", Scope: ["default", "shop-redis", "redis"] }],
    images: [{ ID: "redis:7", Scope: ["default", "shop-redis", "redis", "redis"] }],
    commands: [{ ID: "redis-server", Scope: ["default", "shop-redis", "redis", "redis"] }],
  });
  t.deepEqual((await search("ode", "nodes")).Matches, { nodes: [{ ID: "node-1", Scope: ["node-1"] }] });
  t.deepEqual((await search("fau", "node_pools")).Matches, { node_pools: [{ ID: "default", Scope: ["default"] }] });
  t.deepEqual((await search("fau", "namespaces")).Matches, { namespaces: [{ ID: "default" }] });
  const [alloc] = cluster.running();
  t.deepEqual((await search("web[0", "allocs")).Matches.allocs, [{ ID: "app.web[0]", Scope: ["default", alloc!.ID] }]);
  const [evaluation] = cluster.state.jobEvals("default", "app");
  t.deepEqual((await search(evaluation!.id.slice(0, 6), "all")).Matches.evals, [{ ID: evaluation!.id }]);
  t.like(await put("/v1/search/fuzzy", { Text: "a", Context: "all" }), {
    status: 400,
    text: "fuzzy search query must be at least 2 characters, got 1",
  });
  t.is((await put("/v1/search/fuzzy", { Text: "aa", Context: "planets" })).status, 400);
});

test("the closest name comes first, and limits hold", async (t) => {
  const { put, cluster } = await api(t);
  for (const ID of ["my-app-x", "app", "apps", "an-app"]) await put("/v1/jobs", sent({ ID, Name: ID }));
  const scope = { view: cluster.view, namespace: "default" };
  const limits = { fuzzyEnabled: true, limitQuery: 20, limitResults: 100, minTermLength: 2 };
  const ids = (found: FuzzyMatches) => found.Matches["jobs"]?.map(({ ID }) => ID);
  t.deepEqual(ids(atOnce(searchFuzzy(scope, "app", { contexts: ["jobs"], limits }))), [
    "app",
    "apps",
    "an-app",
    "my-app-x",
  ]);
  const few = atOnce(searchFuzzy(scope, "app", { contexts: ["jobs"], limits: { ...limits, limitResults: 2 } }));
  t.deepEqual([ids(few), few.Truncations["jobs"]], [["app", "apps"], true]);
  const queried = atOnce(searchFuzzy(scope, "app", { contexts: ["jobs"], limits: { ...limits, limitQuery: 1 } }));
  t.deepEqual([ids(queried)?.length, queried.Truncations["jobs"]], [1, true]);
});

test("a fuzzy search through very many allocations lets others in between", async (t) => {
  const { put, cluster } = await api(t);
  const small = {
    Name: "main",
    Driver: "mock",
    Resources: { CPU: 1, MemoryMB: 10 },
    LogConfig: { MaxFiles: 1, MaxFileSizeMB: 1 },
  };
  const EphemeralDisk = { SizeMB: 10, Sticky: false, Migrate: false };
  const done = await put("/v1/jobs", sent({}, { Count: STRIDE + 1, EphemeralDisk, Tasks: [small] }));
  t.is(done.status, 200, done.text);
  await cluster.settled();
  t.is(cluster.running().length, STRIDE + 1);
  const limits = { fuzzyEnabled: true, limitQuery: 20, limitResults: 100, minTermLength: 2 };
  const scope = { view: cluster.view, namespace: "default" };
  const none = searchFuzzy(scope, "nothing", { contexts: ["allocs"], limits });
  t.false(none.next().done, "a turn ends");
  t.true(none.next().done);
  const elsewhere = searchFuzzy({ ...scope, namespace: "other" }, "web", { contexts: ["allocs"], limits });
  t.deepEqual(atOnce(elsewhere).Matches, {});
  const [last] = cluster.running().slice(-1);
  const found = atOnce(searchFuzzy(scope, last!.Name, { contexts: ["allocs"], limits }));
  t.true(found.Matches["allocs"]?.some(({ Scope }) => Scope?.[1] === last!.ID));
});

test("any text is searched for", async (t) => {
  const { put } = await api(t);
  await put("/v1/jobs", sent());
  const property = fc.asyncProperty(fc.string(), fc.constantFrom(...CONTEXTS, "all"), async (text, Context) => {
    const prefix = await put("/v1/search", { Prefix: text, Context });
    const fuzzy = await put("/v1/search/fuzzy", { Text: text, Context });
    return prefix.status === 200 && (fuzzy.status === 200 || Array.from(text).length < 2);
  });
  await fc.assert(property, { numRuns: 50 });
  t.pass();
});
