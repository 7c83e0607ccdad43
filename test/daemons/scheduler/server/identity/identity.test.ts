import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { createLocalJWKSet, decodeJwt, jwtVerify, type JSONWebKeySet } from "jose";
import { createEnv } from "#base/platform/create-env.ts";
import { NodeToken } from "#daemons/scheduler/client/node-token.ts";
import { NO_ACL } from "#daemons/scheduler/server/acl/acl-context.ts";
import type { IntroductionEnforcement } from "#daemons/scheduler/server/identity/node-identities.ts";
import { FakeClock } from "../../../../base/http/fake-clock.ts";
import { startApi } from "../../http/api.ts";
import { makeNode } from "../cluster.ts";

const PATH = "/v1/acl/identity/client-introduction-token";
const remote = (introduction = "") => ({ introduction, wantsIdentity: true, isRemote: true });

async function started(t: ExecutionContext, enforcement: IntroductionEnforcement) {
  const introduction = { ...NO_ACL.introduction, enforcement };
  const api = await startApi({ acl: { introduction } });
  t.teardown(() => api.stop());
  const root = api.as((await api.put("/v1/acl/bootstrap")).json.SecretID);
  return { ...api, root, link: api.cluster.server.link };
}

test("a new node that must be introduced comes in with a token of the cluster, for its name and pool", async (t) => {
  const { root, link, as, put } = await started(t, "strict");
  const node = { ...makeNode("one"), Name: "pi-1", NodePool: "edge" };
  await t.throwsAsync(link.register(node, remote()), { message: /pi-1.* is new and shows no introduction token/ });
  const make = async (body: object): Promise<string> => (await root.put(PATH, body)).json.JWT;
  const token = await make({ NodeName: "pi-1", NodePool: "edge", TTL: "10m" });
  const claims = decodeJwt(token);
  t.like(claims, {
    aud: "nomadproject.io",
    sub: "node-introduction:global:edge:pi-1:default",
    nomad_node_pool: "edge",
  });
  t.is((claims.exp ?? 0) - (claims.iat ?? 0), 600);
  const refused = (shown: string, why: RegExp, of = node) =>
    t.throwsAsync(link.register(of, remote(shown)), { message: why });
  await refused(token, /is for a node named "pi-1"/, { ...node, Name: "pi-2" });
  await refused(token, /is for pool "edge", not "default"/, { ...node, NodePool: "default" });
  await refused(`${token.slice(0, -4)}AAAA`, /is not of this cluster/);
  await refused("x", /is not of this cluster/);
  const reply = await link.register(node, remote(token));
  await refused(reply.identity ?? "", /is not of this cluster|introduces no node/, { ...node, ID: "other" });
  t.is((await link.register(node, remote())).status, "ready", "it is known now");
  t.is((await link.register(makeNode("own"))).status, "ready", "the server's own process needs none");
  const long = decodeJwt(await make({ TTL: "720h" }));
  t.is((long.exp ?? 0) - (long.iat ?? 0), 1800, "cut to the longest that is allowed");
  t.is(long["nomad_node_name"], undefined);
  t.is((await root.put(PATH, { NodeName: "a:b" })).status, 400);
  t.is((await root.put(PATH, { TTL: "soon" })).status, 400);
  t.is((await put(PATH, {})).status, 403);
  t.is((await as("00000000-0000-4000-8000-000000000000").put(PATH, {})).status, 403);
});

test("a token that is shown has to be right even where none is needed", async (t) => {
  const { link } = await started(t, "warn");
  const node = makeNode("one");
  await t.throwsAsync(link.register(node, remote("forged")), { message: /is not of this cluster/ });
  t.is((await link.register(node, remote())).status, "ready");
});

test("a node's identity says who it is, by the published keys, and lasts as long as its pool says", async (t) => {
  const { root, link, get, as } = await started(t, "none");
  await root.put("/v1/node/pool/edge", { Name: "edge", NodeIdentityTTL: 3600e9 });
  const node = { ...makeNode("one"), NodePool: "edge", NodeClass: "small" };
  const { identity = "" } = await link.register(node, remote());
  const keys: JSONWebKeySet = (await get("/.well-known/jwks.json")).json;
  const { payload } = await jwtVerify(identity, createLocalJWKSet(keys), { audience: "nomadproject.io" });
  t.like(payload, { sub: `node:global:edge:${node.ID}:default`, nomad_node_class: "small", nomad_node_pool: "edge" });
  t.is((payload.exp ?? 0) - (payload.iat ?? 0), 3600);
  t.is((await link.heartbeat(node.ID)).identity, undefined, "only who asks is given one");
  t.is(typeof (await link.heartbeat(node.ID, { wantsIdentity: true })).identity, "string");
  t.is((await as(identity).get("/v1/nodes")).status, 403, "it is no token of the API");
});

test("a client keeps its identity, and asks for the next at two thirds of its life or when told to", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "lares-node-token-"));
  t.teardown(() => rm(folder, { recursive: true }));
  const { link } = await started(t, "none");
  const clock = new FakeClock();
  const env = { ...createEnv({ logToStderr: false }), clock };
  const node = makeNode("one");
  await env.disk.replace(join(folder, "intro_token.jwt"), "of-the-file\n");
  const token = await NodeToken.open(env, folder, "");
  t.deepEqual(token.proof(node), { introduction: "of-the-file", wantsIdentity: true });
  const { identity = "" } = await link.register(node, remote());
  await token.keep(identity);
  const { iat = 0 } = decodeJwt(identity);
  clock.advance(Math.max(0, iat * 1000 - clock.nowMs()));
  t.false(token.proof(node).wantsIdentity);
  t.true(token.proof({ ...node, NodePool: "edge" }).wantsIdentity, "what it says is no longer so");
  t.is(await readFile(join(folder, "identity.jwt"), "utf8"), identity);
  const again = await NodeToken.open(env, folder, "given");
  t.deepEqual(again.proof(node), { introduction: "given", wantsIdentity: false });
  again.renew();
  t.true(again.proof(node).wantsIdentity);
  await again.keep("nonsense");
  t.true(again.proof(node).wantsIdentity);
  clock.advance(17 * 3600_000);
  t.true(token.proof(node).wantsIdentity);
});
