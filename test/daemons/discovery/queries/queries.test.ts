import { execFile } from "node:child_process";
import { promisify } from "node:util";
import test from "ava";
import fc from "fast-check";
import * as v from "valibot";
import { PreparedQuerySchema } from "#base/protocol/prepared-query.ts";
import { checkTemplate, fillTemplate } from "#daemons/discovery/queries/template.ts";
import { call, startNode, type Owner } from "../node.ts";

const run = promisify(execFile);

/** Redis on three nodes: passing, warning and critical. */
async function startRedis(t: Owner) {
  const node = await startNode(t);
  for (const [i, Status] of ["passing", "warning", "critical"].entries()) {
    const { status } = await call(`${node.url}/v1/catalog/register`, "PUT", {
      Node: `n${i}`,
      Address: `10.0.0.${i}`,
      NodeMeta: { rack: `r${i}` },
      Service: { Service: "redis", Port: 6379 + i, Tags: [i === 0 ? "primary" : "replica"], Meta: { v: "7" } },
      Check: { Name: "alive", CheckID: `alive-${i}`, ServiceID: "redis", Status },
    });
    if (status !== 200) throw new Error(`cannot register: ${status}`);
  }
  const create = async (query: object): Promise<string> => (await call(`${node.url}/v1/query`, "POST", query)).json.ID;
  const nodes = async (name: string, parameters = ""): Promise<string[]> =>
    (await call(`${node.url}/v1/query/${name}/execute${parameters}`)).json.Nodes.map(
      (one: { Node: { Node: string } }) => one.Node.Node,
    );
  const dig = async (...words: string[]): Promise<string> =>
    (await run("dig", ["@127.0.0.1", "-p", String(node.dnsPort), "+time=2", "+tries=1", ...words])).stdout.trim();
  return { ...node, create, nodes, dig };
}

test("queries are kept, changed, carried out and forgotten", async (t) => {
  const { url, create, nodes } = await startRedis(t);
  const id = await create({ Name: "cache", Service: { Service: "redis", Tags: ["!none"] }, DNS: { TTL: "10s" } });
  t.deepEqual((await nodes("cache")).toSorted(), ["n0", "n1"]);
  t.deepEqual((await nodes(id, "?limit=1")).length, 1);
  for (let i = 0; i < 8; i++) t.is((await nodes("Cache", "?near=n1"))[0], "n1");
  t.like((await call(`${url}/v1/query/cache/execute`)).json, {
    Service: "redis",
    Datacenter: "dc1",
    Failovers: 0,
    DNS: { TTL: "10s" },
  });
  t.is((await call(`${url}/v1/query`, "POST", { Name: "cache", Service: { Service: "x" } })).status, 400);
  const put = (service: object) =>
    call(`${url}/v1/query/${id}`, "PUT", { Name: "cache", Service: { Service: "redis", ...service } });
  t.is((await put({ OnlyPassing: true })).status, 200);
  t.deepEqual(await nodes("cache"), ["n0"]);
  await put({ Tags: ["replica"], IgnoreCheckIDs: ["alive-2"] });
  t.deepEqual((await nodes("cache")).toSorted(), ["n1", "n2"]);
  await put({ NodeMeta: { rack: "r1" }, ServiceMeta: { v: "7" } });
  t.deepEqual(await nodes("cache"), ["n1"]);
  const listed = await call(`${url}/v1/query`);
  t.like(listed.json[0], { ID: id, Name: "cache" });
  const waiting = call(`${url}/v1/query?index=${listed.headers.get("x-consul-index")}&wait=10s`);
  t.is((await call(`${url}/v1/query/${id}`, "DELETE")).status, 200);
  t.deepEqual((await waiting).json, []);
  t.is((await call(`${url}/v1/query/cache/execute`)).status, 404);
  t.is((await call(`${url}/v1/query/${id}`)).status, 404);
});

test("bad queries say what is wrong", async (t) => {
  const { url } = await startNode(t);
  const refused = async (query: object, why: RegExp): Promise<void> => {
    const { status, text } = await call(`${url}/v1/query`, "POST", query);
    t.is(status, 400, text);
    t.regex(text, why);
  };
  await refused({ Name: "a", Service: {} }, /Service/);
  await refused({ Service: { Service: "x" } }, /session or have a name/);
  await refused({ Name: "a", Service: { Service: "x" }, DNS: { TTL: "soon" } }, /TTL/);
  await refused({ Name: "a", Session: "none", Service: { Service: "x" } }, /session/);
  await refused({ Name: "a", Template: { Type: "other" }, Service: { Service: "x" } }, /name_prefix_match/);
  const template = { Type: "name_prefix_match" };
  await refused({ Name: "a", Template: template, Service: { Service: "${name.first}" } }, /name\.first/);
  await refused({ Name: "a", Template: { ...template, Regexp: "(" }, Service: { Service: "x" } }, /Regexp/);
});

test("a query goes with its session", async (t) => {
  const { url, create } = await startRedis(t);
  const session = (await call(`${url}/v1/session/create`, "PUT")).json.ID;
  const id = await create({ Session: session, Service: { Service: "redis" } });
  t.is((await call(`${url}/v1/query/${id}`)).status, 200);
  await call(`${url}/v1/session/destroy/${session}`, "PUT");
  t.is((await call(`${url}/v1/query/${id}`)).status, 404);
});

test("the template with the longest beginning answers for names nobody kept", async (t) => {
  const { url, create, nodes, dig } = await startRedis(t);
  const Template = { Type: "name_prefix_match", Regexp: "^geo-(.*?)-([^-]+)$" };
  await create({ Name: "", Template: { Type: "name_prefix_match" }, Service: { Service: "${name.full}" } });
  await create({
    Name: "geo-",
    Template: { ...Template, RemoveEmptyTags: true },
    Service: { Service: "${match(1)}", Tags: ["${match(2)}", "${match(3)}"] },
    DNS: { TTL: "7s" },
  });
  t.deepEqual(await nodes("geo-redis-primary"), ["n0"]);
  t.deepEqual((await nodes("redis")).toSorted(), ["n0", "n1"]);
  const { Query } = (await call(`${url}/v1/query/geo-redis-primary/explain`)).json;
  t.like(Query, { Name: "geo-", Service: { Service: "redis", Tags: ["primary"] } });
  t.is(await dig("+short", "geo-redis-primary.query.consul"), "10.0.0.0");
  t.regex(await dig("geo-redis-primary.query.dc1.consul"), /\s7\s+IN\s+A\s+10\.0\.0\.0/);
  t.regex(await dig("+short", "_geo-redis-primary._tcp.query.consul", "SRV"), /^1 1 6379 n0\.node\.dc1\.consul\.$/);
  t.regex(await dig("none.query.consul"), /NXDOMAIN/);
  t.regex(await dig("geo-redis-primary.query.dc9.consul"), /NXDOMAIN/);
});

test("filling a template in never fails", (t) => {
  const piece = fc.oneof(
    fc.string(),
    fc.constantFrom("${name.full}", "${name.suffix}", "${match(1)}", "$${", "${", "}"),
  );
  const text = fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join(""));
  fc.assert(
    fc.property(text, text, fc.string(), (service, tag, name) => {
      const query = v.parse(PreparedQuerySchema, {
        Name: "p",
        Template: { Type: "name_prefix_match", Regexp: "^p(.*)$" },
        Service: { Service: service, Tags: [tag] },
      });
      const checked = checkTemplate(query);
      const filled = fillTemplate(query, `p${name}`);
      t.is(typeof filled.Service.Service, "string");
      if (service === "${name.suffix}" && checked.ok) t.is(filled.Service.Service, name);
    }),
  );
});
