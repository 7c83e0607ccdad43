import test, { type ExecutionContext } from "ava";
import { succeed } from "#base/env/errors.ts";
import { fullAccess, noAccess, type AccessPolicy } from "#base/http/access.ts";
import { compilePolicies } from "#base/language/acl-policy/compile.ts";
import { parsePolicy } from "#base/language/acl-policy/parse-policy.ts";
import { startNode } from "../../node.ts";

/** A token is the policy it stands for; `root` may do everything, none nothing. */
const access: AccessPolicy = (token) => {
  if (token === "root") return succeed(fullAccess);
  if (token === "") return succeed(noAccess);
  const rules = parsePolicy(Buffer.from(token, "base64url").toString());
  if (!rules.ok) throw new Error(rules.error.message);
  return succeed({ ...noAccess, isAnonymous: false, ...compilePolicies([rules.value]) });
};

async function secured(t: ExecutionContext) {
  const { url, routes } = await startNode(t, {}, { access });
  const as = (policy: string) => async (method: string, path: string, body?: unknown) => {
    const token = policy === "root" ? policy : Buffer.from(policy).toString("base64url");
    const answer = await fetch(`${url}${path}`, {
      method,
      headers: { "x-consul-token": token },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const text = await answer.text();
    return { status: answer.status, text, json: () => JSON.parse(text) };
  };
  return { as, routes, root: as("root") };
}

const PUBLIC: readonly string[] = [
  "/v1/agent/version",
  "/v1/catalog/datacenters",
  "/v1/coordinate/datacenters",
  "/v1/status/leader",
  "/v1/status/peers",
  "/v1/acl/+rest",
];

test("every route but a few is closed without a token", async (t) => {
  const { as, routes } = await secured(t);
  const nobody = as("");
  for (const { path, method, access: rule } of routes) {
    t.is(rule.kind === "public", PUBLIC.includes(path), path);
    if (rule.kind === "public") continue;
    for (const verb of [method].flat()) {
      const url = path.replaceAll(/[:+*][a-z]+/g, "x");
      const body =
        verb === "GET" ? undefined : path === "/v1/txn" ? [{ KV: { Verb: "set", Key: "a" } }] : { Name: "x" };
      const { status } = await nobody(verb, url, body);
      t.is(status, 403, `${verb} ${path}`);
    }
  }
});

test("keys: by name and prefix, in lists, trees and transactions", async (t) => {
  const { as, root } = await secured(t);
  for (const key of ["app/a", "app/secret/b", "other"]) t.is((await root("PUT", `/v1/kv/${key}`, "v")).status, 200);
  const app = as('key_prefix "app/" {\n policy = "write"\n}\nkey_prefix "app/secret/" {\n policy = "deny"\n}');
  t.is((await app("GET", "/v1/kv/app/a?raw")).text, "v");
  t.is((await app("GET", "/v1/kv/app/secret/b")).status, 403);
  t.is((await app("GET", "/v1/kv/other")).status, 403);
  t.is((await app("GET", "/v1/kv/other?recurse=false")).status, 403);
  t.deepEqual((await app("GET", "/v1/kv/?keys")).json(), ["app/a"]);
  t.deepEqual(
    (await app("GET", "/v1/kv/?recurse")).json().map(({ Key }: { Key: string }) => Key),
    ["app/a"],
  );
  t.is((await app("PUT", "/v1/kv/app/c", "v")).status, 200);
  t.is((await app("PUT", "/v1/kv/other", "v")).status, 403);
  t.is((await app("DELETE", "/v1/kv/other")).status, 403);
  t.is((await app("DELETE", "/v1/kv/app/?recurse")).status, 403, "what it may not see is under it");
  const txn = (Verb: string, Key: string) => app("PUT", "/v1/txn", [{ KV: { Verb, Key, Value: "dg==" } }]);
  t.is((await txn("set", "app/d")).status, 200);
  t.is((await txn("get", "other")).status, 403);
  t.is((await txn("set", "other")).status, 403);
  t.is((await txn("delete-tree", "app/")).status, 403);
  t.is((await txn("get-tree", "app/")).status, 403);
  t.is((await root("DELETE", "/v1/kv/app/secret/?recurse")).status, 200);
  t.is((await app("DELETE", "/v1/kv/app/?recurse")).status, 200);
});

test("services, checks, nodes and sessions: by name", async (t) => {
  const { as, root } = await secured(t);
  for (const Name of ["web", "db"])
    t.is((await root("PUT", "/v1/agent/service/register", { Name, Port: 1 })).status, 200);
  const web = as('service_prefix "web" {\n policy = "write"\n}');
  const names = await web("GET", "/v1/catalog/services");
  t.deepEqual(Object.keys(names.json()), ["web"]);
  t.deepEqual(Object.keys((await web("GET", "/v1/agent/services")).json()), ["web"]);
  t.is((await web("GET", "/v1/health/service/web")).status, 200);
  t.is((await web("GET", "/v1/health/service/db")).status, 403);
  t.is((await web("PUT", "/v1/agent/service/register", { Name: "web-2", Port: 2 })).status, 200);
  t.is((await web("PUT", "/v1/agent/service/register", { Name: "db", Port: 2 })).status, 403);
  t.is(
    (await web("PUT", "/v1/agent/service/register", { ID: "db", Name: "web", Port: 2 })).status,
    403,
    "another's id",
  );
  t.is((await web("PUT", "/v1/agent/service/deregister/db")).status, 403);
  const check = (ServiceID: string) =>
    web("PUT", "/v1/agent/check/register", { Name: `c-${ServiceID}`, ServiceID, TTL: "1h" });
  t.is((await check("web")).status, 200);
  t.is((await check("db")).status, 403);
  t.is((await check("")).status, 403, "the node's own");
  t.is((await web("PUT", "/v1/agent/check/pass/c-web")).status, 200);
  t.is((await web("PUT", "/v1/agent/service/deregister/web")).status, 200);
  t.is((await web("GET", "/v1/catalog/nodes")).status, 403);
  const node = as('node_prefix "node-" {\n policy = "write"\n}\nsession_prefix "node-" {\n policy = "write"\n}');
  t.is((await node("GET", "/v1/catalog/nodes")).json().length, 1);
  t.deepEqual((await node("GET", "/v1/catalog/node/node-a")).json().Services, {}, "its services take their own leave");
  t.is((await node("PUT", "/v1/catalog/register", { Node: "node-b", Address: "10.0.0.1" })).status, 200);
  t.is((await node("PUT", "/v1/catalog/register", { Node: "x", Address: "10.0.0.1" })).status, 403);
  const service = { Node: "node-b", Address: "10.0.0.1", Service: { Service: "db" } };
  t.is((await node("PUT", "/v1/catalog/register", service)).status, 403);
  const session = await node("PUT", "/v1/session/create", { NodeChecks: [] });
  t.is(session.status, 200);
  t.is((await node("GET", "/v1/session/list")).json().length, 1);
  t.is((await web("GET", "/v1/session/list")).status, 403);
  t.is((await web("PUT", `/v1/session/destroy/${session.json().ID}`)).status, 403);
  t.is((await node("PUT", `/v1/session/destroy/${session.json().ID}`)).status, 200);
});
