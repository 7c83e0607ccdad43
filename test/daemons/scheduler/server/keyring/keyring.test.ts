import { chmod, mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import fc from "fast-check";
import { textOf, utf8 } from "#base/env/bytes.ts";
import { createEnv } from "#base/platform/create-env.ts";
import { makeRsaKey } from "#base/platform/rsa-key.ts";
import { type RootKey } from "#base/protocol/keyring.ts";
import { MemoryStore } from "#base/state/memory/memory-store.ts";
import { rootKeys } from "#base/state/tables.ts";
import { followView } from "#base/state/view.ts";
import { Keyring, type KeyringDeps } from "#daemons/scheduler/server/keyring/keyring.ts";
import { wrappingKeyPath } from "#daemons/scheduler/server/keyring/wrapping-key.ts";
import { FakeClock } from "../../../../base/http/fake-clock.ts";
import { noAccess } from "#base/http/access.ts";
import { withImplicit } from "#daemons/scheduler/server/acl/resolver.ts";
import { implicitKeys } from "#daemons/scheduler/server/acl/workload-policies.ts";
import { until, makeJob, makeNode, makeReport } from "../cluster.ts";
import { createLocalJWKSet, decodeJwt, jwtVerify, type JSONWebKeySet } from "jose";
import * as v from "valibot";
import { parseJwt, signJwt } from "#daemons/scheduler/server/identity/jws.ts";
import { WorkloadIdentities, type Workload } from "#daemons/scheduler/server/identity/workload-identities.ts";
import { startApi } from "../../http/api.ts";

const HOUR_NS = 3600e9;

async function keyringOf(t: ExecutionContext, deps: Partial<KeyringDeps> = {}) {
  const folder = await mkdtemp(join(tmpdir(), "lares-keyring-"));
  const clock = new FakeClock();
  const env = { ...createEnv({ logToStderr: false }), clock };
  const store = new MemoryStore();
  const view = await followView(store, [rootKeys]);
  const all = { env, store, view, folder, ...deps };
  const keyring = new Keyring(all);
  t.teardown(async () => {
    keyring.stop();
    view.close();
    await store.close();
    await rm(folder, { recursive: true });
  });
  return { keyring, deps: all, clock, folder, states: () => keyring.list().map(({ value }) => value.State) };
}

test("what is sealed opens again, in its place only, and not after a change", async (t) => {
  const { keyring } = await keyringOf(t);
  await keyring.start();
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.string(), fc.nat(), (plain, context, at) => {
      const sealed = keyring.encrypt(plain, context);
      const opened = keyring.decrypt(sealed, context);
      if (!opened.ok || Buffer.compare(opened.value, plain) !== 0) return false;
      const bytes = Buffer.from(sealed.Data, "base64");
      bytes.writeUInt8(bytes.readUInt8(at % bytes.length) ^ 1, at % bytes.length);
      const changed = keyring.decrypt({ ...sealed, Data: bytes.toString("base64") }, context);
      return !changed.ok && !keyring.decrypt(sealed, `${context}!`).ok;
    }),
    { numRuns: 50 },
  );
  t.false(keyring.decrypt({ KeyID: "other", Data: "" }, "").ok);
  t.false(keyring.decrypt({ ...keyring.encrypt(utf8("a"), ""), Data: "" }, "").ok);
});

test("the key that wraps all others is in a file of its owner, and nothing of it in the state", async (t) => {
  const { keyring, deps, folder } = await keyringOf(t);
  await keyring.start();
  const sealed = keyring.encrypt(utf8("secret"), "here");
  const path = wrappingKeyPath(folder);
  t.is((await stat(path)).mode & 0o777, 0o600);
  const again = new Keyring(deps);
  await chmod(path, 0o644);
  await again.start();
  t.teardown(() => again.stop());
  t.is((await stat(path)).mode & 0o777, 0o600, "others are shut out again");
  const opened = again.decrypt(sealed, "here");
  t.is(opened.ok ? textOf(opened.value) : "", "secret");
  const state = await deps.store.range({ prefix: "" });
  const written = state.records.map(({ value }) => value).join("\n");
  t.false(written.includes((await readFile(path, "utf8")).trim()));
  await rm(path);
  await t.throwsAsync(new Keyring(deps).start(), { message: /is missing, but the state holds keys/ });
  const stranger = await keyringOf(t, { store: deps.store, view: deps.view });
  await t.throwsAsync(stranger.keyring.start(), { code: "keyring" });
});

test("a rotation keeps old keys readable; a full one moves everything to the new", async (t) => {
  const { keyring, states } = await keyringOf(t);
  await keyring.start();
  let held = keyring.encrypt(utf8("v"), "one");
  keyring.register({
    name: "variables",
    uses: (key) => key.KeyID === held.KeyID,
    rekey: (keyId) => {
      const opened = keyring.decrypt(held, "one");
      if (held.KeyID === keyId && opened.ok) held = keyring.encrypt(opened.value, "one");
      return Promise.resolve();
    },
  });
  const first = held.KeyID;
  const second = await keyring.rotate({});
  t.true(second.ok && second.value.value.State === "active");
  t.deepEqual(states().toSorted(), ["active", "inactive"]);
  t.true(keyring.decrypt(held, "one").ok);
  const refused = await keyring.remove(first, false);
  t.false(refused.ok);
  t.regex(refused.ok ? "" : refused.error.message, /in use by variables/);
  const active = await keyring.remove(keyring.active().row.KeyID, true);
  t.false(active.ok);
  t.true((await keyring.rotate({ full: true })).ok);
  await until(() => states().filter((state) => state === "deprecated").length === 2);
  t.is(held.KeyID, keyring.active().row.KeyID);
  t.true((await keyring.remove(first, false)).ok);
  t.false((await keyring.remove(first, false)).ok);
  t.false((await keyring.rotate({ full: true, publishNs: 5 })).ok);
});

test("time publishes, replaces and forgets keys", async (t) => {
  const { keyring, clock, states } = await keyringOf(t, { ages: { rotateNs: 10 * HOUR_NS, keepNs: HOUR_NS } });
  await keyring.start();
  await keyring.review();
  t.deepEqual(states(), ["active"], "nothing is due");
  clock.advance(6 * 3600_000);
  await keyring.review();
  t.deepEqual(states().toSorted(), ["active", "prepublished"], "its successor is published at half its age");
  await keyring.review();
  t.is(states().length, 2);
  clock.advance(4 * 3600_000);
  await keyring.review();
  t.deepEqual(states().toSorted(), ["active", "inactive"]);
  clock.advance(2 * 3600_000);
  await keyring.review();
  t.false(states().includes("inactive"), "the old one is gone, as nothing used it");
});

test("the first key signs with Ed25519 at once, and with RSA when that key is made", async (t) => {
  const { keyring, deps } = await keyringOf(t, { makeRsaKey });
  await keyring.start();
  await keyring.settled();
  t.is(keyring.active().material.rsa?.asymmetricKeyType, "rsa");
  t.is(keyring.active().material.ed25519.asymmetricKeyType, "ed25519");
  const sealed = keyring.encrypt(utf8("x"), "");
  const again = new Keyring(deps);
  await again.start();
  t.teardown(() => again.stop());
  t.true(again.decrypt(sealed, "").ok);
  t.true(again.list().every(({ value }: { value: RootKey }) => value.State === "active"));
});

const identity = (fields: object) => ({
  Name: "default",
  Audience: [],
  ChangeMode: "",
  ChangeSignal: "",
  Env: true,
  File: false,
  Filepath: "",
  ServiceName: "",
  TTL: 0,
  ...fields,
});

/** A cluster that runs a job with two identities; `as` speaks with a token. */
async function running(t: ExecutionContext) {
  const started = await startApi({ acl: { oidcIssuer: "https://lares.example" } });
  t.teardown(() => started.stop());
  const { cluster } = started;
  await cluster.server.link.register(makeNode("node-1"));
  const root = started.as((await started.put("/v1/acl/bootstrap")).json.SecretID);
  const Tasks = [
    {
      Name: "main",
      Driver: "mock",
      Resources: { CPU: 100, MemoryMB: 300 },
      Identities: [identity({ Name: "aws", Audience: ["sts.example"], TTL: 3600e9 })],
    },
  ];
  await cluster.run(makeJob({ ID: "app", groups: [{ Tasks }] }));
  const [alloc] = cluster.running();
  const sign = async (...names: string[]) => {
    const request = { nodeId: "node-1", allocId: alloc!.ID, task: "main", names };
    return (await cluster.server.link.signIdentities?.(request)) ?? [];
  };
  return { ...started, cluster, root, alloc: alloc!, sign };
}

test("a task's identity says who it is, and others can check it by the published keys", async (t) => {
  const { sign, alloc, get } = await running(t);
  const [own] = await sign("default");
  const keys: JSONWebKeySet = (await get("/.well-known/jwks.json")).json;
  t.false(JSON.stringify(keys).includes('"d"'), "public halves only");
  const { payload, protectedHeader } = await jwtVerify(own!.token, createLocalJWKSet(keys), {
    issuer: "https://lares.example",
    audience: "nomadproject.io",
  });
  t.is(protectedHeader.alg, "EdDSA");
  t.is(payload.sub, "global:default:app:web:main:default");
  t.like(payload, {
    nomad_namespace: "default",
    nomad_job_id: "app",
    nomad_task: "main",
    nomad_allocation_id: alloc.ID,
  });
  t.is(payload.exp, undefined);
  t.is(own!.expiresMs, 0);
  const [aws] = await sign("aws");
  const claims = decodeJwt(aws!.token);
  t.is(claims.aud, "sts.example");
  t.is(claims.exp! - claims.iat!, 3600);
  t.not(claims.jti, payload.jti);
  const discovery = await get("/.well-known/openid-configuration");
  t.like(discovery.json, { issuer: "https://lares.example", jwks_uri: "https://lares.example/.well-known/jwks.json" });
});

test("with an RSA key, identities for others are signed with it", async (t) => {
  const { cluster, alloc } = await running(t);
  const { env, store, view, server } = cluster;
  const keyring = new Keyring({ env, store, view, folder: cluster.folder, makeRsaKey });
  await keyring.start();
  t.teardown(() => keyring.stop());
  const identities = new WorkloadIdentities({ ...server.context, keyring }, { region: "global", issuer: "" });
  const signed = await identities.sign(alloc.ID, "main");
  if (!signed.ok) return t.fail(signed.error.message);
  const algorithms = signed.value.map(({ name, token }) => [name, parseJwt(token)?.header.alg]);
  t.deepEqual(algorithms, [
    ["default", "EdDSA"],
    ["aws", "RS256"],
  ]);
  const keys: JSONWebKeySet = { keys: v.parse(v.array(v.looseObject({ kty: v.string() })), identities.jwks()) };
  for (const { token } of signed.value) await t.notThrowsAsync(jwtVerify(token, createLocalJWKSet(keys)));
});

test("it opens this cluster's API: its own variables, every service, and what is bound to its job", async (t) => {
  const { sign, as, root, cluster, alloc } = await running(t);
  const [own] = await sign("default");
  const task = as(own!.token);
  const write = (path: string) => root.put(`/v1/var/${path}`, { Items: { a: "b" } });
  for (const path of ["nomad/jobs/app", "nomad/jobs/app/web/main", "nomad/jobs/other", "shared/x"]) await write(path);
  t.is((await task.get("/v1/var/nomad/jobs/app")).status, 200);
  t.is((await task.get("/v1/var/nomad/jobs/app/web/main")).json.Items.a, "b");
  t.is((await task.get("/v1/var/nomad/jobs/other")).status, 403);
  t.is((await task.put("/v1/var/nomad/jobs/app", { Items: { a: "c" } })).status, 403);
  t.is((await task.get("/v1/vars?prefix=nomad")).json.length, 2);
  t.is((await task.get("/v1/services?namespace=*")).status, 200);
  t.is((await task.get("/v1/service/web")).status, 200);
  t.is((await task.get("/v1/jobs")).status, 403);
  const policy = (name: string, JobACL: object) =>
    root.put(`/v1/acl/policy/${name}`, { Rules: 'namespace "default" {\n policy = "read"\n}', JobACL });
  await policy("elsewhere", { Namespace: "default", JobID: "app", Group: "web", Task: "other" });
  t.is((await task.get("/v1/jobs")).status, 403);
  await policy("here", { Namespace: "default", JobID: "app" });
  t.is((await task.get("/v1/jobs")).status, 200);
  t.deepEqual(Object.keys((await task.get("/v1/acl/policy/self")).json), ["here"]);
  t.is((await policy("half", { Namespace: "default", Group: "web" })).status, 400);
  const [aws] = await sign("aws");
  t.is((await as(aws!.token).get("/v1/services")).status, 403, "one that is meant for others opens nothing here");
  await cluster.server.link.report([makeReport(alloc, { ClientStatus: "complete" })]);
  t.is((await task.get("/v1/services")).text, "allocation is terminal");
  await t.throwsAsync(sign("default"), { message: /terminal/ });
});

test("a role of this program uses the keys its instances share, in the namespace default only", (t) => {
  const workload = { namespace: "default", jobId: "dns", group: "dns", task: "dns", allocId: "a", role: "dns" };
  const may = (who: Workload, capability: string, key: string): boolean =>
    withImplicit(noAccess, { paths: new Set(), keys: implicitKeys(who) }).allows("key", capability, key);
  t.true(may(workload, "write", "lares/dns/settings"));
  t.true(may(workload, "read", "lares/dhcp/names/192.168.1.9"));
  t.false(may(workload, "write", "lares/dhcp/names/192.168.1.9"), "others' are only read");
  t.false(may(workload, "read", "lares/router/config"));
  t.false(may(workload, "read", "lares/dnsother"));
  for (const other of [{ namespace: "guests" }, { role: "" }, { role: "dns/../dhcp" }, { role: "*" }])
    t.deepEqual(implicitKeys({ ...workload, ...other }), []);
});

test("only the node that runs it gets it; a key that signed for what still runs stays", async (t) => {
  const { cluster, alloc, root, sign, as } = await running(t);
  const request = { nodeId: "node-2", allocId: alloc.ID, task: "main", names: ["default"] };
  await t.throwsAsync(async () => cluster.server.link.signIdentities?.(request), { message: /is not on node node-2/ });
  const [own] = await sign("default");
  const [first] = (await root.get("/v1/operator/keyring/keys")).json;
  t.false("Wrapped" in first);
  t.is((await root.put("/v1/operator/keyring/rotate?full=true")).status, 200);
  t.is((await as(own!.token).get("/v1/services")).status, 200, "signed with the key before");
  const refused = await root.delete(`/v1/operator/keyring/key/${first.KeyID}`);
  t.is(refused.status, 400);
  t.regex(refused.text, /in use by workload identities/);
  t.is((await root.delete(`/v1/operator/keyring/key/${first.KeyID}?force=true`)).status, 200);
  t.is((await as(own!.token).get("/v1/services")).text, "ACL token not found");
});

test("no other token is taken for an identity", async (t) => {
  const { cluster, sign } = await running(t);
  const { identities } = cluster.server.acl;
  const [own] = await sign("default");
  const { row, material } = cluster.server.context.keyring.active();
  const claims = { ...decodeJwt(own!.token) };
  const key = { kid: row.KeyID, alg: "EdDSA" as const, key: material.ed25519 };
  const now = Math.floor(Date.now() / 1000);
  const variants: [string, object][] = [
    ["another job", { nomad_job_id: "other" }],
    ["another namespace", { nomad_namespace: "dev" }],
    ["no such allocation", { nomad_allocation_id: "x" }],
    ["no such task", { nomad_task: "x" }],
    ["expired", { exp: now - 60 }],
    ["not yet", { nbf: now + 60 }],
    ["another audience", { aud: ["vault.io"] }],
    ["no audience", { aud: undefined }],
  ];
  t.true(identities.verify(signJwt(claims, key)).ok);
  for (const [why, over] of variants) t.false(identities.verify(signJwt({ ...claims, ...over }, key)).ok, why);
  const [head = "", body = "", signature = ""] = own!.token.split(".");
  const header = (fields: object) => Buffer.from(JSON.stringify(fields)).toString("base64url");
  for (const forged of [
    `${header({ alg: "none", kid: row.KeyID })}.${body}.`,
    `${header({ alg: "HS256", kid: row.KeyID })}.${body}.${signature}`,
    `${header({ alg: "RS256", kid: row.KeyID })}.${body}.${signature}`,
    `${header({ alg: "EdDSA", kid: `${row.KeyID}-rs256` })}.${body}.${signature}`,
    `${head}.${body}.${signature}.x`,
    `${head}.${body}.`,
  ])
    t.false(identities.verify(forged).ok, forged);
  fc.assert(
    fc.property(fc.nat(), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const bytes = Buffer.from(own!.token);
      const place = at % (bytes.length - 2);
      bytes[place] = (bytes[place] ?? 0) ^ flip;
      return !identities.verify(bytes.toString("latin1")).ok;
    }),
    { numRuns: 200 },
  );
  fc.assert(
    fc.property(fc.array(fc.base64String(), { maxLength: 5 }), (parts) => !identities.verify(parts.join(".")).ok),
  );
});
