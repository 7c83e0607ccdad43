import { createPrivateKey, createPublicKey, generateKeyPairSync, sign, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, createServer } from "node:tls";
import test from "ava";
import fc from "fast-check";
import { fail, succeed } from "#base/env/errors.ts";
import { textOf } from "#base/env/bytes.ts";
import { makeCertificate } from "#base/language/x509/certificate.ts";
import { unpem } from "#base/language/x509/keys.ts";
import { createEnv } from "#base/platform/create-env.ts";
import { MemoryStore } from "#base/state/memory/memory-store.ts";
import { admissions, authorities, clusterIdentities, clusterMembers, joinTokens, servers } from "#base/state/tables.ts";
import { followView } from "#base/state/view.ts";
import { CertificateKeeper } from "#cli/agent/internal/certificate-keeper.ts";
import { lifeOf, proofOf, readMembership, type Membership } from "#cli/agent/internal/membership.ts";
import { createCluster } from "#daemons/cluster/create-cluster.ts";
import { proofText, type Grant, type JoinRequest, type RenewRequest } from "#daemons/cluster/calls.ts";
import { admissionCode } from "#daemons/cluster/admission-code.ts";
import { SERVER_NAME } from "#daemons/cluster/names.ts";
import { certificatesIn, hashOf, pinOf, readToken, writeToken } from "#daemons/cluster/token-text.ts";

const env = createEnv({ logToStderr: false });
test.after.always(() => env.close());

const makeKey = (): Promise<string> =>
  Promise.resolve(
    generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  );

const DAY_MS = 86_400_000;

async function founded(nowMs: () => number = () => Date.now(), gone: ReadonlySet<string> = new Set()) {
  const store = new MemoryStore();
  const tables = [admissions, authorities, clusterIdentities, clusterMembers, joinTokens, servers];
  const view = await followView(store, tables);
  const seals = {
    encrypt: (plain: Uint8Array, context: string) => ({ KeyID: context, Data: Buffer.from(plain).toString("base64") }),
    decrypt: ({ KeyID, Data }: { KeyID: string; Data: string }, context: string) =>
      KeyID === context ? succeed(Buffer.from(Data, "base64")) : fail("not_authentic", "belongs elsewhere"),
  };
  const clock = { ...env.clock, nowMs };
  const cluster = createCluster({
    env: { ...env, clock },
    store,
    view,
    seals,
    makeKey,
    region: "global",
    servers: () => ["10.0.0.1:4647"],
    isGone: (name) => gone.has(name),
  });
  await cluster.found();
  cluster.startLeading();
  return cluster;
}

async function request(more: Partial<JoinRequest> = {}): Promise<JoinRequest> {
  const key = createPrivateKey(await makeKey());
  const publicKey = createPublicKey(key).export({ type: "spki", format: "pem" }).toString();
  const nodeId = more.nodeId ?? env.random.uuid();
  return {
    tokenId: "",
    secret: "",
    nodeId,
    role: "client",
    nowMs: Date.now(),
    publicKey,
    proof: sign("sha256", Buffer.from(proofText(nodeId, publicKey)), key).toString("base64"),
    nodeName: `node-${nodeId.slice(0, 8)}`,
    addresses: ["10.0.0.7", "fe80::1%eth0"],
    internal: "10.0.0.7:4647",
    knowsEtcd: false,
    ...more,
  };
}

test("tokens are read as they were written, and nothing else throws", (t) => {
  const word = fc.stringMatching(/^[A-Za-z0-9_-]{1,20}$/);
  const pin = fc.stringMatching(/^[A-Za-z0-9_-]{43}$/);
  fc.assert(
    fc.property(word, word, pin, (id, secret, of) => {
      t.deepEqual(readToken(` ${writeToken({ id, secret, pin: of })}\n`), succeed({ id, secret, pin: of }));
    }),
  );
  fc.assert(fc.property(fc.string(), (text) => !readToken(text).ok || text.trim().startsWith("lares1.")));
  const newer = readToken("lares2.a.b.c");
  t.regex(newer.ok ? "" : newer.error.message, /another version/);
});

test("a node that may come gets a certificate of the cluster, once", async (t) => {
  const cluster = await founded();
  const { active } = cluster.authorities;
  const wanted = { role: "client", ttlMs: 60_000, maxUses: 2, description: "" } as const;
  const made = await cluster.tokens.create(wanted, pinOf(active?.Certificate ?? ""));
  const text = made.ok ? readToken(made.value.text) : made;
  t.true(text.ok);
  if (!text.ok) return;
  const by = { tokenId: text.value.id, secret: text.value.secret };
  const first = await request(by);
  const granted = await cluster.members.join(first);
  t.true(granted.ok);
  if (!granted.ok) return;
  const certificate = new X509Certificate(granted.value.certificate);
  const [ca = ""] = certificatesIn(granted.value.authorities);
  t.is(pinOf(ca), text.value.pin);
  t.true(certificate.verify(new X509Certificate(ca).publicKey));
  t.is(certificate.checkHost(`${first.nodeId}.node.lares`), `${first.nodeId}.node.lares`);
  t.is(certificate.checkHost("server.lares"), undefined);
  t.is(certificate.checkIP("10.0.0.7"), "10.0.0.7");
  const codeOf = async (more: Partial<JoinRequest>): Promise<string> => {
    const done = await cluster.members.join(await request({ ...by, ...more }));
    return done.ok ? "" : done.error.code;
  };
  t.is(await codeOf({ nodeId: first.nodeId }), "node_known");
  t.is(await codeOf({ nodeName: first.nodeName }), "name_taken");
  t.is(await codeOf({ role: "server" }), "wrong_role");
  t.is(await codeOf({ nowMs: Date.now() + 3_600_000 }), "clock_skew");
  t.is(await codeOf({ proof: "AAAA" }), "bad_request");
  t.is(await codeOf({ addresses: ["not an address"] }), "bad_request");
  t.is(await codeOf({ secret: "wrong" }), "bad_token");
  t.is(cluster.members.list().length, 1);
  t.is(await codeOf({}), "");
  t.is(await codeOf({}), "expired_token", "it was made for two");
  cluster.stopLeading();
});

test("a node that leaves its role to the cluster becomes what the token allows and the cluster needs", async (t) => {
  const cluster = await founded();
  const joined = async (Role: "server" | "client"): Promise<string> => {
    const made = await cluster.tokens.create({ role: Role, ttlMs: 60_000, maxUses: 1, description: "" }, "pin");
    const [, tokenId = "", secret = ""] = made.ok ? made.value.text.split(".") : [];
    const { role: _, ...rest } = await request({ tokenId, secret });
    const done = await cluster.members.join(rest);
    return done.ok ? `${done.value.role} ${cluster.members.get(rest.nodeId)?.Role}` : done.error.code;
  };
  t.is(await joined("client"), "client client");
  const servers = ["server", "server", "server", "server"] as const;
  const became: string[] = [];
  for (const each of servers) became.push(await joined(each));
  t.deepEqual(became, ["server server", "server server", "server server", "client client"], "three are enough");
  cluster.stopLeading();
});

test("tokens end", async (t) => {
  let nowMs = Date.now();
  const cluster = await founded(() => nowMs);
  const made = await cluster.tokens.create({ role: "server", ttlMs: 1000, maxUses: 0, description: "" }, "pin");
  const id = made.ok ? made.value.token.ID : "";
  const secret = made.ok ? (made.value.text.split(".")[2] ?? "") : "";
  t.true(cluster.tokens.check({ id, secret }, "server").ok);
  nowMs += 1000;
  t.like(cluster.tokens.check({ id, secret }, "server"), { ok: false, error: { code: "expired_token" } });
  t.like(await cluster.tokens.create({ role: "server", ttlMs: 0, maxUses: 0, description: "" }, ""), { ok: false });
  cluster.stopLeading();
});

test("an authority takes over when all trust it, and the old one goes when nobody has its certificate", async (t) => {
  const cluster = await founded();
  const nodeId = env.random.uuid();
  const renew = async (): Promise<void> =>
    void (await cluster.members.admit({ nodeId, role: "server" }, await request({ nodeId })));
  await renew();
  const before = cluster.authorities.active?.ID;
  t.true(await cluster.rotate());
  t.false(await cluster.rotate(), "one is on its way");
  await cluster.review();
  t.is(cluster.authorities.active?.ID, before, "the member does not trust the new one yet");
  await renew();
  await cluster.review();
  t.not(cluster.authorities.active?.ID, before);
  await cluster.review();
  t.is(cluster.authorities.list().length, 2, "the member's certificate is still of the old one");
  t.is(certificatesIn(cluster.authorities.bundle()).length, 2);
  await renew();
  await cluster.review();
  t.is(cluster.authorities.list().length, 1);
  t.true(textOf(Buffer.from(cluster.authorities.bundle())).startsWith("-----BEGIN CERTIFICATE-----"));
  cluster.stopLeading();
});

/** A server of a cluster that was founded at `foundedMs`, before it has looked after its certificate; `at.nowMs` sets all clocks. */
async function firstServer(foundedMs: number) {
  const at = { nowMs: foundedMs };
  const cluster = await founded(() => at.nowMs);
  const peer = { nodeId: env.random.uuid(), role: "server" } as const;
  const named = { nodeName: "first", addresses: ["127.0.0.1"], internal: "127.0.0.1:4647" };
  const key = await makeKey();
  const granted = await cluster.members.admit(peer, { ...named, ...proofOf(peer.nodeId, key) });
  if (!granted.ok) throw new Error(granted.error.message);
  const whole = { ...granted.value, ...peer, key, servers: [], internal: named.internal };
  const first: Membership = { ...whole, issuedMs: at.nowMs };
  const dataDir = mkdtempSync(join(tmpdir(), "lares-certificate-"));
  /** What it has after its agent looked once. */
  const look = async (membership: Membership): Promise<Membership> => {
    const ask = async (asked: RenewRequest): Promise<Grant> => {
      const again = await cluster.members.admit(peer, asked);
      if (!again.ok) throw new Error(again.error.message);
      return again.value;
    };
    const clock = { ...env.clock, nowMs: () => at.nowMs };
    const keeper = new CertificateKeeper({ ...named, env: { ...env, clock }, dataDir, ask }, membership);
    keeper.start();
    await keeper.stop();
    return keeper.membership;
  };
  const end = (): void => {
    cluster.stopLeading();
    rmSync(dataDir, { recursive: true });
  };
  return { at, cluster, first, look, dataDir, end };
}

/** Rejects where one does not believe the other. */
async function handshake({ authorities: ca, certificate: cert, key }: Membership): Promise<void> {
  const listener = createServer({ ca, cert, key, requestCert: true, rejectUnauthorized: true, minVersion: "TLSv1.3" });
  listener.on("secureConnection", (socket) => socket.end("welcome"));
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const address = listener.address();
  const port = typeof address === "object" ? (address?.port ?? 0) : 0;
  const socket = connect({ host: "127.0.0.1", port, ca, cert, key, servername: SERVER_NAME });
  try {
    const [said] = await once(socket, "data");
    if (String(said) !== "welcome") throw new Error(`said: ${String(said)}`);
  } finally {
    socket.destroy();
    listener.close();
  }
}

test("what a clock made that was years ahead is good when it is set right, and the certificate is made anew", async (t) => {
  const { at, cluster, first, look, dataDir, end } = await firstServer(Date.now() + 3650 * DAY_MS);
  await handshake(first);
  at.nowMs = Date.now();
  const second = await look(first);
  t.not(second.certificate, first.certificate);
  t.true(lifeOf(second).toMs <= at.nowMs + 180 * DAY_MS);
  t.deepEqual(await readMembership(env.disk, dataDir), second);
  await handshake(second);
  t.is(await look(second), second, "once is enough");
  // A successor that was made before the clock was set right, and a member that will not come back.
  at.nowMs += 3650 * DAY_MS;
  await cluster.members.admit({ nodeId: env.random.uuid(), role: "client" }, await request());
  const before = cluster.authorities.active?.ID;
  t.true(await cluster.rotate());
  at.nowMs -= 3650 * DAY_MS;
  await cluster.review();
  t.is(cluster.authorities.active?.ID, before);
  at.nowMs += 31 * DAY_MS;
  await cluster.review();
  t.not(cluster.authorities.active?.ID, before, "it has waited for a month");
  end();
});

test("certificates are renewed after 60 days, also those that begin when they were made", async (t) => {
  const { at, cluster, first, look, end } = await firstServer(Date.now());
  const madeMs = at.nowMs;
  const { active } = cluster.authorities;
  const signing = createPrivateKey(Buffer.from(active?.Key.Data ?? "", "base64").toString());
  const signed = (fromMs: number, toMs: number): string =>
    makeCertificate({
      commonName: SERVER_NAME,
      fromMs,
      toMs,
      isAuthority: false,
      key: createPrivateKey(first.key),
      names: [SERVER_NAME],
      serial: env.random.bytes(16),
      addresses: [Uint8Array.of(127, 0, 0, 1)],
      issuer: { certificate: unpem(active?.Certificate ?? "") ?? new Uint8Array(), key: signing },
    }) ?? "";
  // As before there was `issuedMs`.
  const { issuedMs: _, ...rest } = first;
  const earlier: Membership = { ...rest, certificate: signed(madeMs - 3_600_000, madeMs + 180 * DAY_MS) };
  await handshake(earlier);
  const farOff: Membership = { ...first, certificate: signed(0, madeMs + 3650 * DAY_MS) };
  const short: Membership = { ...first, certificate: signed(0, madeMs + 30 * DAY_MS) };
  const isRenewed = async (membership: Membership, days: number): Promise<boolean> => {
    at.nowMs = madeMs + days * DAY_MS;
    return (await look(membership)) !== membership;
  };
  for (const one of [first, earlier, farOff]) {
    t.false(await isRenewed(one, 59));
    t.true(await isRenewed(one, 61));
    t.true(await isRenewed(one, -1), "it was made later than now");
  }
  t.false(await isRenewed(short, 9));
  t.true(await isRenewed(short, 11));
  end();
});

function wish(name: string) {
  const [secret, nonce] = [`secret of ${name}, long enough`, `number of ${name}, long enough`];
  const nodeId = env.random.uuid();
  const asked = { nodeId, nodeName: name, secretHash: hashOf(secret), commitment: hashOf(nonce) };
  return { nodeId, asked, proof: { secret, nonce } };
}

test("a node without a token is let in by the code on its screen, and gets nothing before", async (t) => {
  const cluster = await founded();
  const { admissions: desk } = cluster;
  const { nodeId, asked, proof } = wish("new");
  const offer = await desk.ask(asked, "10.0.0.7");
  t.true(offer.ok);
  if (!offer.ok) return;
  t.deepEqual(desk.list(), [], "nobody is asked about a node that did not show its number");
  t.like(await desk.prove(nodeId, { ...proof, nonce: "another number, as long" }), { error: { code: "bad_token" } });
  t.deepEqual(await desk.prove(nodeId, proof), succeed({ state: "waiting" }));
  t.like(await desk.prove(nodeId, { ...proof, secret: "somebody else's secret" }), { error: { code: "bad_token" } });
  const parts = { secretHash: asked.secretHash, nodeNonce: proof.nonce, serverNonce: offer.value.nonce };
  const code = admissionCode({ ...parts, pin: pinOf(offer.value.authority) });
  t.like(desk.list(), [{ Name: "new", Code: code, Address: "10.0.0.7", Role: "server", State: "waiting" }]);
  t.not(code, admissionCode({ ...parts, pin: "of somebody between" }));
  const other = String((Number(code) + 1) % 1_000_000).padStart(6, "0");
  t.like(await desk.decide(other, { approve: true }), { error: { code: "not_found" } });
  t.true((await desk.decide(code, { approve: true, role: "client" })).ok);
  const answered = await desk.prove(nodeId, proof);
  const token = answered.ok && answered.value.state === "approved" ? readToken(answered.value.token) : undefined;
  t.true(token?.ok);
  if (token?.ok !== true) return;
  t.is(token.value.pin, pinOf(offer.value.authority));
  const joined = await cluster.members.join(
    await request({ nodeId, tokenId: token.value.id, secret: token.value.secret }),
  );
  t.true(joined.ok);
  t.deepEqual(desk.list(), [], "it is a member");
  t.like(await desk.ask(asked, "10.0.0.7"), { error: { code: "node_known" } });
  cluster.stopLeading();
});

test("a node that comes is a server while fewer than three are there, and takes the place of one that is gone", async (t) => {
  const gone = new Set<string>();
  const cluster = await founded(undefined, gone);
  const roleOf = async (name: string) => {
    const { nodeId, asked, proof } = wish(name);
    await cluster.admissions.ask(asked, "10.0.0.7");
    await cluster.admissions.prove(nodeId, proof);
    const found = cluster.admissions.list().find(({ NodeID }) => NodeID === nodeId);
    await cluster.admissions.decide(found?.Code ?? "", { approve: false });
    return found?.Role;
  };
  for (const nodeName of ["a", "b", "c"]) {
    t.is(await roleOf(`before ${nodeName}`), "server");
    const joining = await request({ nodeName });
    t.true((await cluster.members.admit({ nodeId: joining.nodeId, role: "server" }, joining)).ok);
  }
  t.like(await cluster.admissions.ask(wish("a").asked, "10.0.0.7"), { error: { code: "name_taken" } });
  t.is(await roleOf("fourth"), "client");
  gone.add("b");
  t.is(await roleOf("in its place"), "server");
  gone.delete("b");
  t.is(await roleOf("after it came back"), "client");
  cluster.stopLeading();
});

test("a node can be refused, a crowd waits outside, and wishes end", async (t) => {
  let nowMs = Date.now();
  const cluster = await founded(() => nowMs);
  const { admissions: desk } = cluster;
  const crowd = Array.from({ length: 16 }, (_, at) => wish(`n${at}`));
  for (const { nodeId, asked, proof } of crowd) {
    t.true((await desk.ask(asked, "10.0.0.8")).ok);
    t.true((await desk.prove(nodeId, proof)).ok);
  }
  t.is(desk.list().filter(({ Role }) => Role === "server").length, 3, "as many servers as it takes");
  t.like(await desk.ask(wish("one more").asked, "10.0.0.9"), { error: { code: "too_many" } });
  const [first] = crowd;
  const row = desk.list().find(({ NodeID }) => NodeID === first?.nodeId);
  t.true((await desk.decide(row?.Code ?? "", { approve: false })).ok);
  t.deepEqual(first && (await desk.prove(first.nodeId, first.proof)), succeed({ state: "refused" }));
  nowMs += 25 * 3_600_000;
  t.deepEqual(desk.list(), []);
  t.like(first && (await desk.prove(first.nodeId, first.proof)), { error: { code: "not_found" } });
  t.true((await desk.ask(wish("one more").asked, "10.0.0.9")).ok, "room again");
  cluster.stopLeading();
});
