import { createPrivateKey, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { connect, createServer } from "node:tls";
import test from "ava";
import fc from "fast-check";
import * as v from "valibot";
import { freePort, freePorts } from "#test/free-ports.ts";
import { createConsulClient } from "#base/client/consul-client.ts";
import { fail, succeed } from "#base/env/errors.ts";
import { makeCertificate } from "#base/language/x509/certificate.ts";
import { createEnv } from "#base/platform/create-env.ts";
import { makeEcKey } from "#base/platform/ec-key.ts";
import { CertificateKeeper, type Issue } from "#ingress/certificates/certificate-keeper.ts";
import { dueNames } from "#ingress/certificates/due.ts";
import { openOwnAuthority, readOwnAuthority } from "#ingress/certificates/own-authority.ts";
import { ocspQuestion, readOcsp } from "#ingress/certificates/ocsp.ts";
import { certificateKeyOf } from "#ingress/certificates/wanted.ts";
import { certificateCommands } from "#ingress/control/certificate-changes.ts";
import { LockLease, SHORT_TERM } from "#ingress/lock-lease.ts";
import { startNode } from "../../daemons/discovery/node.ts";
import { testAgent, until, type TestAgent } from "../../scenario/agent.ts";
import { removeAgent } from "../../scenario/faults/tasks-of.ts";
import { startPebble } from "../acme/pebble.ts";
import { startResponder } from "./responder.ts";
import { at, live, shown, site, type Live } from "../live.ts";
import { register, startRole } from "../role-process.ts";

test("names are due when their certificate is missing, no certificate, or in the last third of its life", (t) => {
  const nowMs = Date.now();
  const never = (): number => 0;
  const due = (names: readonly string[], have: (key: string) => string | undefined, notBeforeMs = never) => {
    const wanted = new Map(names.map((name) => [`key of ${name}`, { name, by: "acme" as const }]));
    return dueNames({ nowMs, wanted, have, notBeforeMs });
  };
  t.deepEqual(due(["a.test", "a.test"], () => undefined).keys, ["key of a.test"]);
  t.deepEqual(
    due(
      ["a.test"],
      () => undefined,
      () => nowMs + 5000,
    ),
    { keys: [], nextMs: nowMs + 5000 },
  );
  fc.assert(fc.property(fc.string(), (text) => due(["a.test"], () => text).keys.length === 1));
});

test("the cluster's own authority is good whatever clock made it, and what it signed is made anew when that is set back", async (t) => {
  const env = createEnv({ logToStderr: false });
  t.teardown(() => env.close());
  const { url } = await startNode(t);
  const consul = createConsulClient({ http: env.http, address: { origin: url, socketPath: undefined }, token: "" });
  const [nowMs, dayMs] = [Date.now(), 86_400_000];
  const signedAt = async (atMs: number): Promise<string> => {
    const clock = { ...env.clock, nowMs: () => atMs };
    const issue = await openOwnAuthority({ env: { ...env, clock }, consul, storeKey: "authority", makeKey: makeEcKey });
    const pem = issue.ok ? await issue.value("a.test", new AbortController().signal) : issue;
    if (!pem.ok) throw new Error(pem.error.message);
    return pem.value;
  };
  const ahead = await signedAt(nowMs + 2000 * dayMs);
  const kept = await consul.kv.get("authority");
  const text = kept.ok ? Buffer.from(kept.value.value[0]?.Value ?? "", "base64").toString("utf8") : "";
  const authority = new X509Certificate(readOwnAuthority(text)?.certificate ?? "");
  t.is(authority.validFromDate.getTime(), 0);
  const due = (pem: string, by: "acme" | "internal", atMs = nowMs): boolean => {
    const wanted = new Map([["key", { name: "a.test", by }]]);
    return dueNames({ nowMs: atMs, wanted, have: () => pem, notBeforeMs: () => 0 }).keys.length > 0;
  };
  t.true(due(ahead, "internal"));
  t.false(due(ahead, "acme"), "what others' clocks say is not judged by this one");
  const again = await signedAt(nowMs);
  t.false(due(again, "internal"));
  t.true(due(again, "internal", nowMs + 61 * dayMs));
  const { validFromDate, validToDate } = new X509Certificate(again);
  t.true(validFromDate.getTime() <= nowMs && validToDate.getTime() - validFromDate.getTime() < 825 * dayMs);
  const server = createServer({ cert: again, key: again }, (socket) => void socket.end());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.teardown(() => server.close());
  const { port } = v.parse(v.object({ port: v.number() }), server.address());
  const client = connect({ host: "127.0.0.1", port, servername: "a.test", ca: authority.toString() });
  await once(client, "secureConnect");
  t.true(client.authorized);
  client.destroy();
});

test("certificates are swapped by commands; what else is beside them takes a reload", (t) => {
  const list = ["certs/list", "certs/a.pem\n"] as const;
  const before = new Map([list, ["certs/a.pem", "A"]]);
  t.deepEqual(certificateCommands(before, new Map([list, ["certs/a.pem", "B"]])), [
    "set ssl cert certs/a.pem <<\nB",
    "commit ssl cert certs/a.pem",
  ]);
  t.deepEqual(certificateCommands(before, new Map([list, ["certs/b.pem", "B"]])), [
    "new ssl cert certs/b.pem",
    "set ssl cert certs/b.pem <<\nB",
    "commit ssl cert certs/b.pem",
    "add ssl crt-list certs/list certs/b.pem",
    "del ssl crt-list certs/list certs/a.pem",
    "del ssl cert certs/a.pem",
  ]);
  t.is(certificateCommands(before, new Map()), undefined);
  t.is(certificateCommands(before, new Map([...before, ["ca/x.pem", "C"]])), undefined);
  t.is(certificateCommands(before, new Map([list, ["certs/a.pem", "A".repeat(20_000)]])), undefined);
  const proofs = new Map([list, ["proofs/list", ""]]);
  t.deepEqual(certificateCommands(proofs, new Map([list, ["proofs/list", "x"], ["proofs/a.test.pem", "P"]])), [
    "new ssl cert proofs/a.test.pem",
    "set ssl cert proofs/a.test.pem <<\nP",
    "commit ssl cert proofs/a.test.pem",
    "add ssl crt-list proofs/list proofs/a.test.pem",
  ]);
});

test("names with a star, long ones and ordinary ones have keys of their own, that are files' names", (t) => {
  const keys = ["a.test", "*.a.test", `${"x".repeat(60)}.test`].flatMap((name) =>
    (["acme", "internal"] as const).map((by) => certificateKeyOf("s", { name, by })),
  );
  t.is(new Set(keys).size, 6);
  for (const key of keys) t.regex(key, /^s\/certificates\/[a-z]+-[A-Za-z0-9_.-]{1,60}$/);
});

const pack = new URL("../../../packs/dns/dns.nomad.hcl", import.meta.url).pathname;

/** The cluster's DNS server as a job, which asks the agent for what it does not know. */
async function runDns(agent: TestAgent): Promise<number> {
  const [port = 0, api = 0] = await freePorts(2);
  const upstreams = `upstreams=["127.0.0.1:${agent.dnsPort}"]`;
  const variables = [`port=${port}`, `api_port=${api}`, upstreams].flatMap((each) => ["-var", each]);
  const ran = await agent.lares("job", "run", "-detach", ...variables, pack);
  if (ran.code !== 0) throw new Error(ran.stderr);
  await until(
    "the DNS server is healthy",
    async () => {
      const found: unknown = await (await fetch(`${agent.consul}/v1/health/service/lares-dns?passing=1`)).json();
      return Array.isArray(found) && found.length === 1;
    },
    60_000,
  );
  // Pebble runs on this node, and looks for the site here.
  const host = encodeURIComponent("127.0.0.1 site.lan");
  const put = await fetch(`http://127.0.0.1:${api}/api/config/dns/hosts/${host}`, { method: "PUT" });
  if (!put.ok) throw new Error(await put.text());
  return port;
}

test("a session of locks ends by its time alone, not because its node is given up", async (t) => {
  const { url } = await startNode(t);
  const env = createEnv({ logToStderr: false });
  t.teardown(() => env.close());
  const consul = createConsulClient({ http: env.http, address: { origin: url, socketPath: undefined }, token: "" });
  const lease = new LockLease({ env, consul, name: "locks", term: SHORT_TERM, onLost: () => t.fail() });
  t.true(await lease.begin());
  const Sessions = v.array(v.object({ NodeChecks: v.array(v.string()), ServiceChecks: v.array(v.string()) }));
  const info = await (await fetch(`${url}/v1/session/info/${lease.id}`)).json();
  t.deepEqual(v.parse(Sessions, info), [{ NodeChecks: [], ServiceChecks: [] }]);
  await lease.stop();
});

test("names that nobody vouches for keep no others waiting; what comes meanwhile is taken in", async (t) => {
  const { url } = await startNode(t);
  const env = createEnv({ logToStderr: false });
  t.teardown(() => env.close());
  const consul = createConsulClient({ http: env.http, address: { origin: url, socketPath: undefined }, token: "" });
  const key = await makeEcKey();
  let [busy, most] = [0, 0];
  const issue: Issue = async (name, signal) => {
    busy += 1;
    most = Math.max(most, busy);
    if (name.startsWith("hung"))
      await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    busy -= 1;
    return name.startsWith("bad") ? fail("acme_refused", "no") : succeed(selfSigned(name, key));
  };
  const acme = () => Promise.resolve(succeed(issue));
  const keeper = new CertificateKeeper({
    env,
    consul,
    node: "n",
    store: "s",
    issuers: { acme, internal: acme },
    onProblems: () => undefined,
  });
  const names = (...all: readonly string[]) => all.map((name) => ({ name, by: "acme" as const }));
  const first = names("hung1.test", "hung2.test", "hung3.test", "bad.test", "a.test", "b.test", "c.test", "d.test");
  keeper.follow(first, new Map());
  const has = async (name: string) => (await consul.kv.get(certificateKeyOf("s", { name, by: "acme" }))).ok;
  await until("all others have one", async () =>
    (await Promise.all(["a", "b", "c", "d"].map((one) => has(`${one}.test`)))).every(Boolean),
  );
  keeper.follow([...first, ...names("late.test")], new Map());
  await until("one that came later, too", () => has("late.test"));
  t.true(most > 3 && most <= 5, `${most} at once`);
  t.deepEqual(
    keeper.problems().map(({ message }) => message),
    ["no certificate for bad.test: no"],
  );
  t.false(await has("hung1.test"));
  await keeper.stop();
});

function selfSigned(name: string, key: string): string {
  const made = makeCertificate({
    commonName: name,
    fromMs: Date.now() - 60_000,
    toMs: Date.now() + 86_400_000,
    serial: Uint8Array.of(1),
    addresses: [],
    names: [name],
    isAuthority: false,
    key: createPrivateKey(key),
    issuer: undefined,
  });
  return `${made ?? ""}\n${key}`;
}

test("names are proven by TLS-ALPN-01 and, with a star, by DNS-01; the cluster's own authority signs internal ones", async (t) => {
  t.timeout(300_000);
  const agent = await testAgent();
  t.teardown(() => removeAgent(agent));
  const [tlsPort = 0, nowhere = 0] = await freePorts(2);
  const dns = await runDns(agent);
  const pebble = await startPebble({ httpPort: nowhere, tlsPort, dns: `127.0.0.1:${dns}` });
  t.teardown(() => pebble.stop());
  const { port, server } = await site("served");
  t.teardown(() => server.close());
  const serve = (name: string, host: string, by: string): Promise<void> =>
    register(agent, { name, port, tags: [`lares.host=${host}`, `lares.certificate=${by}`] });
  await serve("site", "site.lan", "acme");
  await serve("wild", "*.wild.test", "acme");
  await serve("intern", "intern.test", "internal");
  const running = await startRole(agent, {
    node: "n1",
    env: {
      LARES_INGRESS_ACME: pebble.directory,
      LARES_INGRESS_ACME_CA: pebble.ca,
      LARES_INGRESS_ACME_CHALLENGE: "tls-alpn-01",
      NOMAD_ADDR_https: `127.0.0.1:${tlsPort}`,
    },
  });
  t.teardown(() => running.stop());
  const has = (name: string): Promise<X509Certificate | undefined> =>
    shown(tlsPort, name).then((one) => (one?.checkHost(name) === undefined ? undefined : one));
  const got = async (name: string): Promise<X509Certificate> => {
    let found: X509Certificate | undefined;
    await until(`a certificate for ${name}`, async () => (found = await has(name)) !== undefined, 60_000).catch(
      (error: unknown) => {
        t.log(
          running
            .said()
            .split("\n")
            .filter((l) => !l.includes("SSL handshake") && !l.startsWith("{"))
            .join("\n")
            .slice(-4000),
        );
        throw error;
      },
    );
    if (found === undefined) throw new Error("none");
    return found;
  };
  t.regex((await got("intern.test")).issuer, /Lares ingress/);
  t.regex((await got("site.lan")).issuer, /Pebble/);
  const wild = await got("some.wild.test");
  t.is(wild.subjectAltName, "DNS:*.wild.test");
  t.regex(wild.issuer, /Pebble/);
  const authority = await agent.lares("ingress", "ca");
  t.is(authority.code, 0, authority.stderr);
  t.true((await got("intern.test")).checkIssued(new X509Certificate(authority.stdout)));
  for (const place of ["lares/dns/proofs", "lares/ingress/acme/proofs"])
    await until(
      `nothing is left of the proofs in ${place}`,
      async () => (await fetch(`${agent.consul}/v1/kv/${place}/?recurse`)).status === 404,
    );
});

const DAY_MS = 86_400_000;

/** Of the worker that serves: another one after a reload. */
const pidOf = async (running: Live): Promise<string> =>
  /\nPid: (\d+)/.exec(await running.socket("show info"))?.[1] ?? "";

interface Made {
  readonly names: readonly string[];
  readonly key: string;
  readonly fromDays?: number;
  readonly toDays?: number;
  readonly serial?: number;
}

function pemOf({ names, key, fromDays = -1, toDays = 30, serial = 1 }: Made): string {
  const made = makeCertificate({
    commonName: names[0] ?? "",
    fromMs: Date.now() + fromDays * DAY_MS,
    toMs: Date.now() + toDays * DAY_MS,
    serial: Uint8Array.of(1, serial >> 8, serial & 255),
    addresses: [],
    names,
    isAuthority: false,
    key: createPrivateKey(key),
    issuer: undefined,
  });
  if (made === undefined) throw new Error("not made");
  return `${made}${key}`;
}

test("a thousand certificates are put in and swapped in the running HAProxy; bad ones are left out, each with its reason", async (t) => {
  t.timeout(180_000);
  const httpsPort = await freePort();
  const running = await live({ httpsPort });
  const key = await makeEcKey();
  const put = (name: string, pem: string): void =>
    void running.catalog.values.set(`lares/ingress/certificates/${name}`, pem);
  const { port, server } = await site("served");
  t.teardown(async () => {
    server.close();
    await running.remove();
  });
  const web = at("web", port, ["lares.path=/"]);
  const others = await makeEcKey();
  put("first", pemOf({ names: ["first.test"], key }));
  put("over", pemOf({ names: ["over.test"], key, fromDays: -9, toDays: -1 }));
  put("replaced", pemOf({ names: ["first.test"], key, fromDays: -9, toDays: -1 }));
  put("early", pemOf({ names: ["early.test"], key, fromDays: 1 }));
  put("mismatched", pemOf({ names: ["x.test"], key }).replace(key, others));
  put("short", pemOf({ names: ["y.test"], key }).slice(0, 300));
  running.catalog.set([web]);
  const serialOf = async (name: string): Promise<string | undefined> => {
    const one = await shown(httpsPort, name);
    return one?.checkHost(name) === undefined ? undefined : one.serialNumber;
  };
  await until("the first", async () => (await serialOf("first.test")) !== undefined);
  const said = running.ingress
    .status()
    .problems.map(({ message }) => message)
    .join("\n");
  for (const reason of [
    /"over" is over since .*no better one/,
    /"replaced" is over since .*not served/,
    /"early" is not good before/,
    /"mismatched" and its key do not belong together/,
    /"short" cannot be read/,
  ])
    t.regex(said, reason);
  const worker = await pidOf(running);
  for (const serial of [1, 2]) {
    for (let number = 0; number < 1000; number++) put(`n${number}`, pemOf({ names: [`n${number}.test`], key, serial }));
    const startMs = performance.now();
    running.catalog.set([web]);
    const wanted = `01000${serial}`;
    await until("the last of a thousand", async () => (await serialOf("n999.test")) === wanted, 60_000);
    await until("the first of them", async () => (await serialOf("n0.test")) === wanted);
    t.log(`a thousand in ${Math.round(performance.now() - startMs)} ms`);
  }
  for (let number = 0; number < 1000; number++) running.catalog.values.delete(`lares/ingress/certificates/n${number}`);
  running.catalog.set([web]);
  await until("they are gone", async () => (await serialOf("n999.test")) === undefined);
  t.is(await pidOf(running), worker, "not one reload");
});

/** What a server staples to its certificate; undefined: nothing. */
function stapled(port: number, servername: string): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port, servername, rejectUnauthorized: false, requestOCSP: true });
    socket.on("OCSPResponse", (response: Buffer | null) => {
      resolve(response ?? undefined);
      socket.destroy();
    });
    socket.on("error", () => resolve(undefined));
  });
}

test("what an OCSP responder says is asked once, checked, stapled, and replaced, without a reload", async (t) => {
  t.timeout(180_000);
  const [httpsPort, responderPort] = [await freePort(), await freePort()];
  const responder = await startResponder(responderPort);
  t.teardown(() => responder.stop());
  const stored: string[] = [];
  const key = "lares/ingress/ocsp/a";
  const running = await live({
    httpsPort,
    putStaple: (name, text) => {
      stored.push(name);
      running.catalog.values.set(`lares/ingress/ocsp/${name}`, text);
      running.catalog.set([web]);
      return Promise.resolve();
    },
  });
  const { port, server } = await site("served");
  t.teardown(async () => {
    server.close();
    await running.remove();
  });
  const web = at("web", port, ["lares.path=/"]);
  running.catalog.values.set("lares/ingress/certificates/a", responder.pem);
  running.catalog.set([web]);
  await until("it is stapled", async () => (await stapled(httpsPort, "a.test")) !== undefined);
  t.deepEqual(stored, ["a"]);
  const question = ocspQuestion(responder.pem);
  t.truthy(question);
  if (question === undefined) return;
  const first = (await stapled(httpsPort, "a.test")) ?? Buffer.alloc(0);
  t.true(readOcsp(first, question).ok);
  const worker = await pidOf(running);

  // A newer one takes its place; one that is cut short does not, and none is shown in its place.
  await new Promise((resolve) => setTimeout(resolve, 1100));
  const answer = await fetch(question.url, { method: "POST", body: Buffer.from(question.request) });
  const newer = Buffer.from(await answer.arrayBuffer());
  running.catalog.values.set(key, newer.toString("base64"));
  running.catalog.set([web]);
  await until("the newer one", async () => (await stapled(httpsPort, "a.test"))?.equals(newer) === true);
  running.catalog.values.set(key, newer.subarray(0, 100).toString("base64"));
  running.catalog.set([web]);
  await until("none", async () => (await stapled(httpsPort, "a.test")) === undefined);
  t.is(await pidOf(running), worker);

  fc.assert(
    fc.property(fc.nat(newer.length - 1), fc.integer({ min: 1, max: 255 }), (place, change) => {
      const broken = Buffer.from(newer);
      broken[place] = (broken[place] ?? 0) ^ change;
      const read = readOcsp(broken, question);
      t.true(!read.ok || read.value.untilMs > 0);
    }),
  );
  fc.assert(fc.property(fc.uint8Array(), (bytes) => !readOcsp(bytes, question).ok));
});
