import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import * as v from "valibot";
import { PERMISSION_DENIED } from "#base/http/access.ts";
import { RESOURCES } from "#base/language/acl-policy/vocabulary.ts";
import { HostVolumeSchema } from "#base/protocol/host-volume.ts";
import { put, remove } from "#base/state/codec.ts";
import { aclTokens, hostVolumes } from "#base/state/tables.ts";
import { makeNode } from "../../server/cluster.ts";
import { FakeClock } from "../../../../base/http/fake-clock.ts";
import { sent, startApi, type Answer } from "../api.ts";

/** A cluster with access control, bootstrapped; `root` speaks as management. */
async function secured(t: ExecutionContext, options: Parameters<typeof startApi>[0] = {}) {
  const started = await startApi({ acl: {}, ...options });
  t.teardown(() => started.stop());
  await started.cluster.server.link.register(makeNode("node-1"));
  const first = await started.put("/v1/acl/bootstrap");
  const root = started.as(first.json.SecretID);
  const policy = (name: string, Rules: string, fields: object = {}) =>
    root.put(`/v1/acl/policy/${name}`, { Name: name, Rules, ...fields });
  const client = async (...Policies: string[]) => {
    const made = await root.put("/v1/acl/token", { Name: Policies.join(), Type: "client", Policies });
    return started.as(made.json.SecretID);
  };
  /** A token that may do just this. */
  const allowed = async (name: string, rules: string) => {
    await policy(name, rules);
    return client(name);
  };
  return { ...started, first, root, policy, client, allowed };
}

const denied = (t: ExecutionContext, { status, text }: Answer, what = ""): void => {
  t.is(status, 403, what);
  t.is(text, PERMISSION_DENIED, what);
};

test("where access is not controlled everything is open and the ACL API says so", async (t) => {
  const started = await startApi();
  t.teardown(() => started.stop());
  const { get, put } = started;
  t.is((await get("/v1/jobs")).status, 200);
  for (const path of ["/v1/acl/tokens", "/v1/acl/policies", "/v1/acl/token/self"]) {
    const answer = await get(path);
    t.is(answer.status, 400, path);
    t.is(answer.text, "ACL support disabled");
  }
  t.is((await put("/v1/acl/bootstrap")).status, 400);
});

test("bootstrap works once, with an own secret, and again after a reset", async (t) => {
  const { put, as, cluster, first, root } = await secured(t);
  t.is(first.json.Type, "management");
  t.is(first.json.Name, "Bootstrap Token");
  t.is(first.json.Policies, null);
  t.true(first.json.Global);
  const again = await put("/v1/acl/bootstrap");
  t.is(again.status, 400);
  const index = /ACL bootstrap already done \(reset index: (\d+)\)/.exec(again.text)?.[1];
  await writeFile(join(cluster.folder, "acl-bootstrap-reset"), "1");
  t.is((await put("/v1/acl/bootstrap")).status, 400, "another index");
  await writeFile(join(cluster.folder, "acl-bootstrap-reset"), `${index}\n`);
  t.is((await put("/v1/acl/bootstrap", { BootstrapSecret: "no uuid" })).status, 400);
  const secret = "2b778dd9-f5f1-6f29-b4b4-9a5fa948757a";
  const own = await put("/v1/acl/bootstrap", { BootstrapSecret: secret });
  t.is(own.json.SecretID, secret);
  t.is((await put("/v1/acl/bootstrap")).status, 400, "the reset is used up");
  t.is((await as(secret).get("/v1/acl/tokens")).json.length, 2);
  t.is((await root.get("/v1/acl/token/self")).json.AccessorID, first.json.AccessorID, "the old one is still good");
});

test("tokens are made, read, changed, listed without secrets, and ended; their secrets are in no row", async (t) => {
  const { root, as, policy, cluster, get, put } = await secured(t);
  await policy("read", 'namespace "default" { policy = "read" }');
  const made = await root.put("/v1/acl/token", { Name: "ci", Type: "client", Policies: ["read"] });
  const { AccessorID, SecretID } = made.json;
  t.like(made.json, { Name: "ci", Type: "client", Policies: ["read"], Global: false });
  const stored = JSON.stringify([...cluster.view.table(aclTokens).list()]);
  t.false(stored.includes(SecretID));
  t.like((await root.get(`/v1/acl/token/${AccessorID}`)).json, { SecretID });
  const own = as(SecretID);
  t.like((await own.get("/v1/acl/token/self")).json, { AccessorID, SecretID });
  t.is((await own.get(`/v1/acl/token/${AccessorID}`)).status, 200);
  const list = await root.get("/v1/acl/tokens");
  t.is(list.json.length, 2);
  t.false(list.text.includes("SecretID"));
  const page = await root.get("/v1/acl/tokens?per_page=1");
  t.is(page.json[0].Name, "Bootstrap Token");
  t.truthy(page.headers["x-nomad-nexttoken"]);
  t.is((await root.get("/v1/acl/tokens?global=true")).json.length, 1);
  const renamed = await root.put(`/v1/acl/token/${AccessorID}`, { Name: "cd", Type: "client", Policies: ["read"] });
  t.like(renamed.json, { Name: "cd", SecretID, AccessorID });
  for (const wrong of [
    { Type: "root" },
    { Type: "client" },
    { Type: "management", Policies: ["read"] },
    { Type: "client", Policies: ["read"], ExpirationTTL: "1s" },
    { Type: "client", Policies: ["read"], ExpirationTTL: "1000h" },
    { Type: "client", Policies: ["read"], ExpirationTTL: "nonsense" },
    { Type: "client", Roles: [{ Name: "none" }] },
    { Type: "client", Policies: ["read"], Name: "x".repeat(300) },
  ])
    t.is((await root.put("/v1/acl/token", wrong)).status, 400, JSON.stringify(wrong));
  t.is(
    (await root.put(`/v1/acl/token/${AccessorID}`, { Type: "client", Policies: ["read"], Global: true })).status,
    400,
  );
  denied(t, await own.get("/v1/acl/tokens"));
  denied(t, await own.put("/v1/acl/token", { Type: "management" }));
  denied(t, await get("/v1/acl/token/self"));
  t.is((await root.delete(`/v1/acl/token/${AccessorID}`)).status, 200);
  t.is((await own.get("/v1/jobs")).text, "ACL token not found");
  t.is((await root.delete(`/v1/acl/token/${AccessorID}`)).status, 404);
  t.is((await put("/v1/acl/token/onetime")).status, 403);
});

test("a token ends when its time is over, and is forgotten then", async (t) => {
  const clock = new FakeClock();
  const { root, as, policy, cluster } = await secured(t, { acl: {}, clock });
  await policy("read", 'namespace "default" { policy = "read" }');
  const made = await root.put("/v1/acl/token", { Type: "client", Policies: ["read"], ExpirationTTL: 3600e9 });
  t.is(made.json.ExpirationTTL, 3600e9);
  const own = as(made.json.SecretID);
  t.is((await own.get("/v1/jobs")).status, 200);
  const { json: oneTime } = await own.put("/v1/acl/token/onetime");
  clock.advance(3601_000);
  t.is((await own.get("/v1/jobs")).text, "ACL token expired");
  t.is(
    (await own.put("/v1/acl/token/onetime/exchange", { OneTimeSecretID: oneTime.OneTimeToken.OneTimeSecretID })).status,
    403,
  );
  await cluster.server.acl.sweep();
  const left = await root.get("/v1/acl/tokens");
  t.is(left.json.length, 1);
});

test("a stand-in is exchanged once", async (t) => {
  const { root, put, first } = await secured(t);
  const made = await root.put("/v1/acl/token/onetime");
  const body = { OneTimeSecretID: made.json.OneTimeToken.OneTimeSecretID };
  const got = await put("/v1/acl/token/onetime/exchange", body);
  t.is(got.json.Token.SecretID, first.json.SecretID);
  t.is((await put("/v1/acl/token/onetime/exchange", body)).status, 403);
});

test("policies and roles: who has them sees them, and what they say counts at once", async (t) => {
  const { root, policy, client, as, get } = await secured(t);
  t.is((await policy("bad name!", 'node { policy = "read" }')).status, 400);
  t.regex((await policy("bad", 'node { policy = "reed" }')).text, /"reed" is not known here/);
  t.is((await policy("one", 'namespace "default" { policy = "read" }')).status, 200);
  await policy("two", 'node { policy = "read" }');
  const own = await client("one");
  t.deepEqual(
    (await own.get("/v1/acl/policies")).json.map(({ Name }: { Name: string }) => Name),
    ["one"],
  );
  t.is((await root.get("/v1/acl/policies?prefix=t")).json.length, 1);
  t.regex((await own.get("/v1/acl/policy/one")).json.Rules, /default/);
  t.is((await own.get("/v1/acl/policy/self")).json.one.RulesJSON.Namespaces[0].Name, "default");
  denied(t, await own.get("/v1/acl/policy/two"));
  t.is((await get("/v1/acl/policies")).json.length, 0);
  denied(t, await own.get("/v1/nodes"));
  const role = await root.put("/v1/acl/role", { Name: "ops", Policies: [{ Name: "two" }] });
  t.like(role.json, { Name: "ops", Policies: [{ Name: "two" }] });
  t.is((await root.put("/v1/acl/role", { Name: "ops", Policies: [{ Name: "two" }] })).status, 400, "the name is taken");
  t.is((await root.put("/v1/acl/role", { Name: "x", Policies: [{ Name: "none" }] })).status, 400);
  const made = await root.put("/v1/acl/token", { Type: "client", Roles: [{ Name: "ops" }] });
  t.deepEqual(made.json.Roles, [{ ID: role.json.ID, Name: "ops" }]);
  const ops = as(made.json.SecretID);
  t.is((await ops.get("/v1/nodes")).status, 200);
  t.is((await ops.get("/v1/acl/roles")).json.length, 1);
  t.is((await ops.get("/v1/acl/role/name/ops")).json.ID, role.json.ID);
  t.is((await own.get("/v1/acl/roles")).json.length, 0);
  denied(t, await own.get(`/v1/acl/role/${role.json.ID}`));
  await policy("two", 'agent { policy = "read" }');
  denied(t, await ops.get("/v1/nodes"));
  await root.delete(`/v1/acl/role/${role.json.ID}`);
  denied(t, await ops.get("/v1/agent/self"));
  await policy("anonymous", 'node { policy = "read" }');
  t.is((await get("/v1/nodes")).status, 200, "the anonymous policy is everybody's");
});

test("lists, searches and streams show each reader their own namespaces", async (t) => {
  const { root, allowed, cluster, send } = await secured(t);
  await root.put("/v1/namespace/dev", { Name: "dev" });
  for (const Namespace of ["default", "dev"]) {
    t.is(
      (await root.put("/v1/jobs", sent({ ID: `app-${Namespace}`, Name: `app-${Namespace}`, Namespace }))).status,
      200,
    );
  }
  await cluster.settled();
  await root.put("/v1/var/shared/one?namespace=dev", { Items: { a: "b" } });
  await root.put("/v1/var/other/two?namespace=dev", { Items: { a: "b" } });
  const dev = await allowed(
    "dev",
    'namespace "dev" {\n policy = "read"\n variables {\n path "shared/*" {\n capabilities = ["read"]\n }\n }\n }',
  );
  const ids = (answer: Answer) => answer.json.map(({ ID }: { ID: string }) => ID);
  t.deepEqual(ids(await dev.get("/v1/jobs?namespace=*")), ["app-dev"]);
  t.deepEqual(ids(await root.get("/v1/jobs?namespace=*")).length, 2);
  denied(t, await dev.get("/v1/jobs"));
  denied(t, await dev.get("/v1/job/app-default"));
  t.is((await dev.get("/v1/allocations?namespace=*")).json.length, 1);
  t.true((await root.get("/v1/evaluations/count?namespace=*")).json.Count > 1);
  t.is((await dev.get("/v1/evaluations/count?namespace=*")).json.Count, 1);
  denied(t, await dev.get("/v1/evaluations/count"));
  const [alloc] = cluster.allocs("app-default");
  denied(t, await dev.get(`/v1/allocation/${alloc!.alloc.ID}?namespace=dev`), "its own namespace counts");
  t.deepEqual(
    (await dev.get("/v1/namespaces")).json.map(({ Name }: { Name: string }) => Name),
    ["dev"],
  );
  t.deepEqual(
    (await dev.get("/v1/vars?namespace=dev")).json.map(({ Path }: { Path: string }) => Path),
    ["shared/one"],
  );
  t.is((await dev.get("/v1/var/shared/one?namespace=dev")).status, 200);
  denied(t, await dev.get("/v1/var/other/two?namespace=dev"));
  denied(t, await dev.put("/v1/var/shared/one?namespace=dev", { Items: { a: "c" } }));
  const found = await dev.put("/v1/search?namespace=*", { Prefix: "app", Context: "all" });
  t.deepEqual(found.json.Matches.jobs, ["app-dev"]);
  const fuzzy = await dev.put("/v1/search/fuzzy?namespace=*", { Text: "app", Context: "jobs" });
  t.is(fuzzy.json.Matches.jobs.length, 1);
  denied(t, await dev.put("/v1/search", { Prefix: "n", Context: "nodes" }));
  denied(t, await dev.get("/v1/event/stream?namespace=*"));
  denied(t, await dev.get("/v1/event/stream?topic=Node"));
  denied(t, await dev.put("/v1/jobs", sent({ ID: "x", Name: "x", Namespace: "dev" })));
  t.truthy(send);
});

test("the event stream tells management of tokens, policies and roles, without a secret", async (t) => {
  const { root, first, client, policy, cluster, send } = await secured(t);
  await policy("reads", 'namespace "default" { policy = "read" }');
  const role = await root.put("/v1/acl/role", { Name: "readers", Policies: [{ Name: "reads" }] });
  const made = await root.put("/v1/acl/token", { Name: "mine", Type: "client", Policies: ["reads"] });
  await root.put("/v1/acl/auth-method", {
    Name: "jwt",
    Type: "JWT",
    TokenLocality: "local",
    MaxTokenTTL: "1h",
    Config: { JWKSURL: "http://127.0.0.1:1/keys" },
  });
  await root.delete(`/v1/acl/token/${made.json.AccessorID}`);
  await cluster.server.link.register({
    ...makeNode("node-2"),
    HostVolumes: { data: { Name: "data", Path: "/srv/data", ReadOnly: true } },
  });
  const events = async (token: string, query: string, last: string) => {
    const abort = new AbortController();
    const { body } = await send("GET", `/v1/event/stream?${query}`, undefined, { signal: abort.signal, token });
    const seen: any[] = [];
    for await (const line of body as AsyncIterable<Uint8Array>) {
      seen.push(...(JSON.parse(Buffer.from(line).toString()).Events ?? []));
      if (seen.some(({ Type }) => Type === last)) abort.abort();
    }
    return seen;
  };
  const seen = await events(
    first.json.SecretID,
    "topic=ACLToken&topic=ACLPolicy&topic=ACLRole:readers&topic=ACLAuthMethod",
    "ACLTokenDeleted",
  );
  const of = (Type: string, key: string) => seen.find((event) => event.Type === Type && event.Key === key);
  t.is(of("ACLPolicyUpserted", "reads").Payload.ACLPolicy.Name, "reads");
  t.deepEqual(of("ACLRoleUpserted", role.json.ID).Payload.ACLRole.Policies, [{ Name: "reads" }]);
  t.deepEqual(of("ACLTokenDeleted", made.json.AccessorID).Payload, { ACLToken: { AccessorID: made.json.AccessorID } });
  t.truthy(of("ACLAuthMethodUpserted", "jwt"));
  t.false(seen.some(({ Namespace }) => Namespace !== ""));
  for (const secret of ["SecretID", "SecretHash", made.json.SecretID]) t.false(JSON.stringify(seen).includes(secret));
  const reader = await client("reads");
  for (const topic of ["ACLToken", "ACLPolicy", "ACLRole", "ACLAuthMethod", "ACLBindingRule", "NodePool"]) {
    denied(t, await reader.get(`/v1/event/stream?topic=${topic}`), topic);
  }
  const rules = 'namespace "default" { capabilities = ["host-volume-read"] }';
  await policy("volumes", rules);
  const reads = await root.put("/v1/acl/token", { Name: "volumes", Type: "client", Policies: ["volumes"] });
  const [volume] = await events(reads.json.SecretID, "topic=HostVolume:data", "HostVolumeRegistered");
  t.like(volume, {
    Topic: "HostVolume",
    Namespace: "default",
    Payload: { Volume: { Name: "data", NodeID: "node-2" } },
  });
  for (const path of ["app/mine", "other/hidden"]) await root.put(`/v1/var/${path}`, { Items: { pin: "1234" } });
  await root.delete("/v1/var/app/mine");
  await policy("lists", 'namespace "default" {\n variables {\n path "app/*" {\n capabilities = ["list"]\n }\n }\n}');
  const lists = await root.put("/v1/acl/token", { Name: "lists", Type: "client", Policies: ["lists"] });
  const told = await events(lists.json.SecretID, "topic=Variable", "VariableDeleted");
  t.deepEqual(
    told.map(({ Type, Key }) => [Type, Key]),
    [
      ["VariableUpdated", "app/mine"],
      ["VariableDeleted", "app/mine"],
    ],
  );
  t.is(told[0].Payload.Variable.Path, "app/mine");
  t.false(JSON.stringify(told).includes("1234"));
  denied(t, await reader.get("/v1/event/stream?topic=Operator"));
});

test("the event stream tells of host volumes that are asked for and deleted", async (t) => {
  const { root, first, cluster, send } = await secured(t);
  await cluster.server.link.register(makeNode("node-2"));
  const row = v.parse(HostVolumeSchema, { ID: "data-1", Name: "data", PluginID: "mkdir", NodeID: "node-2" });
  const at = { namespace: "default", id: row.ID };
  for (const op of [put(hostVolumes, at, row), remove(hostVolumes, at.namespace, at.id)])
    await cluster.view.reached((await cluster.store.txn({ then: [op] })).revision);
  t.is((await root.get(`/v1/volume/host/${row.ID}`)).status, 404);
  const abort = new AbortController();
  const { SecretID: token } = first.json;
  const { body } = await send("GET", "/v1/event/stream?topic=HostVolume", undefined, { signal: abort.signal, token });
  const seen: string[] = [];
  for await (const line of body as AsyncIterable<Uint8Array>) {
    for (const { Type, Payload } of JSON.parse(Buffer.from(line).toString()).Events ?? [])
      seen.push(`${Type} ${Payload.Volume.ID}`);
    if (seen.length === 2) abort.abort();
  }
  t.deepEqual(seen, [`HostVolumeRegistered ${row.ID}`, `HostVolumeDeleted ${row.ID}`]);
});

test("who may only write a variable is not told what somebody else wrote", async (t) => {
  const { root, allowed } = await secured(t);
  const rules = (list: string) =>
    `namespace "default" {\n variables {\n path "*" {\n capabilities = [${list}]\n }\n }\n}`;
  const writer = await allowed("writes", rules('"write", "destroy"'));
  const reader = await allowed("both", rules('"write", "read"'));
  await root.put("/v1/var/app/db", { Items: { pin: "1234" } });
  t.is((await root.put("/v1/var/app/db?cas=1", { Items: { pin: "5" } })).json.Items.pin, "1234");
  t.is((await reader.put("/v1/var/app/db?cas=1", { Items: { pin: "5" } })).json.Items.pin, "1234");
  const secret = /1234/;
  for (const answer of [
    await writer.put("/v1/var/app/db?cas=1", { Items: { pin: "5" } }),
    await writer.delete("/v1/var/app/db?cas=1"),
  ]) {
    t.is(answer.status, 409);
    t.is(answer.json.Path, "app/db");
    t.notRegex(answer.text, secret);
  }
  const held = await writer.put("/v1/var/app/db?lock-acquire", {});
  t.is(held.status, 200);
  t.truthy(held.json.Lock.ID);
  t.notRegex(held.text, secret);
  t.is((await writer.put("/v1/var/app/own?lock-acquire", { Items: { a: "b" } })).json.Items.a, "b");
});

test("where registration is closed, management goes in all the same; who drains a node is written down", async (t) => {
  const { root, allowed, first } = await secured(t);
  const writer = await allowed("jobs", 'namespace "default" { policy = "write" }');
  t.is((await root.put("/v1/operator/scheduler/configuration", { RejectJobRegistration: true })).status, 200);
  const refused = await writer.put("/v1/jobs", sent());
  t.is(refused.status, 403);
  t.regex(refused.text, /disabled by the scheduler configuration/);
  t.is((await root.put("/v1/jobs", sent())).status, 200);
  await root.put("/v1/node/node-1/drain", { DrainSpec: { Deadline: 3600e9 } });
  t.is((await root.get("/v1/node/node-1")).json.LastDrain.AccessorID, first.json.AccessorID);
  t.is((await writer.put("/v1/job/app/scale", { Count: 1, Target: { Group: "web" } })).status, 403);
});

test("a job's volumes take leave of their own", async (t) => {
  const { allowed } = await secured(t);
  const volumes = { Volumes: { data: { Name: "data", Type: "host", Source: "prod-data", ReadOnly: false } } };
  const job = sent({}, volumes);
  const submit = 'namespace "default" { policy = "write" }';
  denied(t, await (await allowed("plain", submit)).put("/v1/jobs", job));
  denied(t, await (await allowed("reads", `${submit}\nhost_volume "*" { policy = "read" }`)).put("/v1/jobs", job));
  const writes = await allowed("writes", `${submit}\nhost_volume "prod-*" { policy = "write" }`);
  t.is((await writes.put("/v1/jobs", job)).status, 200);
});

/** Rows that answer without any token, each for a reason. */
const PUBLIC: readonly string[] = [
  "/v1/status/leader",
  "/v1/status/peers",
  "/v1/regions",
  "/v1/agent/health",
  "/v1/metrics",
  "/v1/acl/bootstrap",
  "/v1/acl/token/onetime/exchange",
  "/v1/acl/auth-methods",
  "/v1/acl/login",
  "/v1/acl/oidc/auth-url",
  "/v1/acl/oidc/complete-auth",
  "/.well-known/jwks.json",
  "/.well-known/openid-configuration",
];
const KNOWN: Readonly<Record<string, readonly string[]>> = {
  ...Object.fromEntries(Object.entries(RESOURCES).map(([name, { capabilities }]) => [name, Object.keys(capabilities)])),
  management: ["write"],
};
const EXTRA = ["any", "read-service"];

test("every route has a rule that can be granted, and only these answer everybody", async (t) => {
  const { routes } = await secured(t);
  for (const { path, access } of routes) {
    if (access.kind === "public") t.true(PUBLIC.includes(path), `${path} is public`);
    if (access.kind !== "capability") continue;
    const capabilities = [...(KNOWN[access.resource] ?? []), ...(access.resource === "namespace" ? EXTRA : [])];
    t.true(capabilities.includes(access.capability), `${path}: ${access.resource}:${access.capability}`);
  }
});

/** A policy that grants this, or everything but this, to everything. */
function rulesFor(resource: string, capabilities: readonly string[]): string {
  const list = JSON.stringify(capabilities);
  const short = capabilities.includes("write") ? "write" : capabilities.includes("read") ? "read" : "list";
  if (capabilities.length === 0) return "";
  switch (resource) {
    case "namespace":
      return `namespace "*" {\n capabilities = ${list}\n}`;
    case "variables":
      return `namespace "*" {\n variables {\n path "*" {\n capabilities = ${list}\n }\n }\n}`;
    case "operator":
      return `operator {\n capabilities = ${list}\n}`;
    case "node-pool":
      return `node_pool "*" {\n capabilities = ${list}\n}`;
    default:
      return `${resource} {\n policy = "${short}"\n}`;
  }
}

/** Capabilities that bring this one along are no others. */
function others(resource: string, rule: { capability: string; or?: string }): string[] {
  const vocabulary: Record<string, readonly string[]> = { ...(RESOURCES as any)[resource]?.capabilities };
  const brings = (from: string): boolean =>
    from === rule.capability || from === rule.or || (vocabulary[from] ?? []).some(brings);
  if (rule.capability === "any") return [];
  return Object.keys(vocabulary).filter((each) => !brings(each));
}

test("each route is closed without its capability, whatever else is granted, and opens with it", async (t) => {
  const { routes, allowed, root, send, put } = await secured(t);
  const call = async (method: string, path: string, token: string): Promise<Answer> => {
    const { status, body } = await send(method, path, "{}", { token, signal: AbortSignal.abort() });
    return { status, text: typeof body === "string" ? body : "", headers: {}, json: undefined };
  };
  const tokens = new Map<string, Promise<string>>();
  const tokenWith = (rules: string): Promise<string> => {
    const known = tokens.get(rules);
    const made =
      known ??
      allowed(`p${tokens.size}`, rules)
        .then((as) => as.get("/v1/acl/token/self"))
        .then(({ json }) => json.SecretID);
    tokens.set(rules, made);
    return made;
  };
  for (const { path, method, access } of routes) {
    if (access.kind !== "capability") continue;
    const url = path.replaceAll(/[:+*][a-z]+/g, "x");
    for (const verb of [method].flat()) {
      const what = `${verb} ${path}`;
      denied(t, await call(verb, url, ""), what);
      if (access.resource === "management") {
        denied(
          t,
          await call(verb, url, await tokenWith(rulesFor("namespace", Object.keys(RESOURCES.namespace.capabilities)))),
          what,
        );
        continue;
      }
      const rest = Object.keys(RESOURCES)
        .filter(
          (each) =>
            !["key", "service", "session", "event", "query", "node-name", "host-volume", access.resource].includes(
              each,
            ),
        )
        .map((each) => rulesFor(each, Object.keys(KNOWN[each] ?? [])))
        .filter((rules) => access.resource !== "variables" || !rules.includes("variables"));
      const without = rulesFor(access.resource, others(access.resource, access));
      denied(t, await call(verb, url, await tokenWith([...rest, without].join("\n"))), `${what} with everything else`);
      const capability =
        access.capability === "any"
          ? "read-job"
          : access.capability === "read-service"
            ? "read-job"
            : access.capability;
      const granted = await call(verb, url, await tokenWith(rulesFor(access.resource, [capability])));
      t.not(granted.status, 403, `${what} with ${access.capability}: ${granted.text}`);
    }
  }
  t.truthy(root);
  t.truthy(put);
});

test("stopping a job and forgetting it take a capability each", async (t) => {
  const { root, allowed } = await secured(t);
  t.is((await root.put("/v1/jobs", sent())).status, 200);
  const stops = await allowed("stops", 'namespace "default" {\n capabilities = ["deregister-job"]\n}');
  denied(t, await stops.put("/v1/jobs", sent()), "registering");
  denied(t, await stops.delete("/v1/job/app?purge=true"), "purging");
  t.is((await stops.delete("/v1/job/app")).status, 200);
  const purges = await allowed("purges", 'namespace "default" {\n capabilities = ["purge-job"]\n}');
  t.is((await purges.delete("/v1/job/app?purge=true")).status, 200);
  t.is((await root.get("/v1/job/app")).status, 404);
});

test("a plan for another cluster names no jobs of namespaces its asker may not read", async (t) => {
  const { root, allowed, cluster } = await secured(t);
  await root.put("/v1/namespace/dev", { Name: "dev" });
  t.is((await root.put("/v1/jobs", sent({ ID: "secret" }))).status, 200);
  await cluster.settled();
  const question = { ...sent({ Namespace: "dev" }), WhatIf: { Without: ["node-1"] } };
  const dev = await allowed("dev", 'namespace "dev" { policy = "write" }');
  const both = await allowed("both", 'namespace "*" { policy = "write" }');
  const others = async (who: typeof dev): Promise<string[]> => {
    const answer = await who.put("/v1/job/app/plan?namespace=dev", question);
    t.is(answer.status, 200, answer.text);
    return answer.json.WhatIf.Others.map(({ JobID }: { JobID: string }) => JobID);
  };
  t.deepEqual(await others(dev), []);
  t.deepEqual(await others(both), ["secret"]);
});
