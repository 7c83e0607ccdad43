import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { once } from "node:events";
import { createServer } from "node:http";
import { join } from "node:path";
import test from "ava";
import type { Clock } from "#base/env/clock.ts";
import type { Child, Exit } from "#base/env/exec.ts";
import { silentLog } from "#base/env/log.ts";
import { createEnv } from "#base/platform/create-env.ts";
import { systemClock } from "#base/platform/clock.ts";
import { comparingClocks } from "#cli/agent/cluster/clocks-apart.ts";
import { EtcdCertificates } from "#cli/agent/cluster/etcd-certificates.ts";
import { etcdFiles } from "#cli/agent/cluster/etcd-files.ts";
import { EtcdProcess } from "#cli/agent/cluster/etcd-process.ts";
import { EtcdTurns } from "#cli/agent/cluster/etcd-turns.ts";
import { forwarding } from "#cli/agent/cluster/forward.ts";
import { consulNeedsLeader } from "#cli/agent/cluster/leader-routes.ts";
import { MemberWatch } from "#cli/agent/cluster/member-watch.ts";
import { startOwnEtcd } from "#cli/agent/cluster/own-etcd.ts";
import { seeMembers } from "#cli/agent/cluster/seen-members.ts";
import { ASKED_NODE } from "#daemons/discovery/http/asked-node.ts";
import { Certificates } from "#test/base/platform/etcd/certificates.ts";
import { startEtcd, type TestEtcd } from "#test/base/platform/etcd/start-etcd.ts";

const env = createEnv({ logToStderr: false });
const folder = mkdtempSync(join(tmpdir(), "lares-own-etcd-"));
let etcd: TestEtcd;
test.before(async () => (etcd = await startEtcd()));
test.after.always(async () => {
  await etcd?.stop();
  rmSync(folder, { recursive: true, force: true });
  env.close();
});

/** Waits for nothing, and is far ahead of everybody. */
function hasty(): Clock {
  let nowMs = 0;
  const after: Clock["after"] = (delayMs, fire) => {
    nowMs += delayMs;
    const timer = setTimeout(fire, 1);
    return { cancel: () => clearTimeout(timer) };
  };
  return { ...systemClock, monotonicMs: () => nowMs, after };
}

/** A log that keeps what is said. */
function listening() {
  const said: string[] = [];
  const hear = (message: string): void => void said.push(message);
  return { said, log: { ...silentLog, info: hear, warn: hear, error: hear, child: () => silentLog } };
}

const options = {
  folder,
  name: "new",
  clientUrl: "https://127.0.0.1:2379",
  peerUrl: "https://127.0.0.1:2380",
  token: "t",
  quotaBytes: 1,
  first: false,
  tls: undefined,
};

test("a server that cannot reach the members' ports says which have to be open", async (t) => {
  const of = { ...env, clock: hasty(), log: silentLog };
  const refused = await t.throwsAsync(startOwnEtcd({ ...options, env: of, members: ["http://127.0.0.1:1"] }));
  t.like(refused, { code: "etcd_join", hint: refusalHint });
  t.regex(refused?.message ?? "", /does not take https:\/\/127\.0\.0\.1:2379 in: .*ECONNREFUSED/);
});
const refusalHint =
  "look whether its servers are up, and reach each other: TCP ports 2379 and 2380 have to be open between all servers";

test("an etcd that cannot be started again is tried until it can", async (t) => {
  const ends: ((exit: Exit) => void)[] = [];
  let tries = 0;
  const spawn = (): Promise<Child> => {
    tries += 1;
    if (tries === 2 || tries === 3) return Promise.reject(new Error("no memory"));
    const exited = new Promise<Exit>((resolve) => ends.push(resolve));
    return Promise.resolve({ pid: tries, exited, write: () => Promise.resolve(), endInput: () => {} });
  };
  const { said, log } = listening();
  const kill = (): boolean => {
    ends.at(-1)?.({ code: 0, signal: 9 });
    return true;
  };
  const exec = { ...env.exec, find: () => Promise.resolve("/bin/etcd"), spawn, kill };
  const process = new EtcdProcess({
    ...options,
    env: { exec, clock: hasty(), log },
    initialCluster: "",
    isNew: true,
    tls: undefined,
  });
  await process.start();
  t.is(process.pid, 1);
  ends[0]?.({ code: 1, signal: 0 });
  await until(() => process.pid === 4);
  t.is(said.filter((each) => /tried again/.test(each)).length, 2);
  await process.stop();
  t.is(tries, 4, "one that is stopped stays so");
});

test("a member that was taken out before it first looked hears of it", async (t) => {
  let expelled = 0;
  const watch = new MemberWatch({
    clock: hasty(),
    log: silentLog,
    tls: undefined,
    deadAfterMs: 1000,
    quotaBytes: 1,
    forget: () => Promise.resolve(),
    endpoints: () => etcd.endpoints,
    onMembers: () => {},
    onRemoved: () => Promise.resolve(),
    onSeen: () => Promise.resolve(),
    self: "nobody here",
    onExpelled: () => (expelled += 1),
  });
  watch.start();
  await until(() => expelled === 1);
  watch.stop();
  t.is(expelled, 1);
});

test("an etcd whose new start failed is started again, and all are told whom it trusts, however often that fails", async (t) => {
  const [clientUrl = ""] = etcd.endpoints;
  const done: string[] = [];
  const seen = await seeMembers({ endpoints: etcd.endpoints, tls: undefined });
  let trusts = "a";
  const restart = async (): Promise<void> => {
    done.push("restart");
    // The node has a new certificate meanwhile, and trusts the same ones.
    turns.due();
    await Promise.resolve();
    if (done.length === 1) throw new Error("no memory");
    trusts = "b";
  };
  const turns: EtcdTurns = new EtcdTurns({
    env: { clock: hasty(), log: silentLog },
    self: "m0",
    member: {
      clientUrl,
      peerUrl: "",
      tls: undefined,
      ready: Promise.resolve(),
      pid: () => 1,
      get trusts() {
        return trusts;
      },
      wanted: "b",
      renew: () => Promise.resolve(),
      stop: () => Promise.resolve(),
      restart,
    },
    endpoints: { list: etcd.endpoints, update: () => {} },
    servers: () => [{ ID: "m0", EtcdTrusts: "a" }],
    see: () => Promise.resolve(seen),
    tell: () => {
      const tells = done.filter((each) => each.startsWith("tell")).length;
      done.push(tells < 2 ? "tell in vain" : `tell ${trusts}`);
      return tells < 2 ? Promise.reject(new Error("no leader")) : Promise.resolve();
    },
  });
  turns.due();
  await until(() => done.includes("tell b"));
  await turns.stop();
  t.deepEqual(done, ["restart", "restart", "tell in vain", "tell in vain", "tell b"]);
  trusts = "c";
  turns.due();
  await turns.stop();
  t.is(done.length, 5, "one that was stopped does nothing");
});

test("what is passed on to the leader says which node was asked, unless it does already", async (t) => {
  const seen: string[] = [];
  const leader = createServer((request, response) => {
    seen.push(`${request.method} ${request.url} ${String(request.headers[ASKED_NODE])}`);
    response.end("{}");
  });
  leader.listen(0, "127.0.0.1");
  await once(leader, "listening");
  const env = createEnv({ logToStderr: false });
  t.teardown(() => {
    env.close();
    leader.close();
  });
  const address = leader.address();
  const origin = `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`;
  const exchange = forwarding(() => Promise.reject(new Error("it does not lead")), consulNeedsLeader, {
    http: env.http,
    clock: env.clock,
    selfId: "second",
    isLeader: () => false,
    api: "consul",
    headers: { [ASKED_NODE]: "second" },
    leader: () => ({ origin, tls: {} }),
  });
  for (const headers of [{}, { [ASKED_NODE]: "client" }]) {
    const { status } = await exchange({
      method: "PUT",
      url: "/v1/session/create",
      headers,
      remote: { host: "127.0.0.1", port: 1 },
      signal: new AbortController().signal,
      body: (async function* () {})(),
    });
    t.is(status, 200);
  }
  t.deepEqual(seen, ["PUT /consul/v1/session/create second", "PUT /consul/v1/session/create client"]);
});

test("clocks that differ are said once, and whoever wants to know is told when that begins and ends", (t) => {
  const { said, log } = listening();
  const told: (number | undefined)[] = [];
  const clocks = comparingClocks(log, () => told.push(clocks.aheadMinutes));
  for (const aheadMs of [0, 59_000, -3_600_000, -3_601_000, -3_650_000, 100, 0, 7_200_000]) clocks.hear(aheadMs);
  t.deepEqual(told, [-60, undefined, 120]);
  clocks.forget();
  clocks.forget();
  t.deepEqual(told, [-60, undefined, 120, undefined]);
  t.is(said.filter((each) => /chronyc/.test(each)).length, 2);
});

test("files of certificates that are none, or not of each other, are named; renewed ones are used", (t) => {
  const certificates = new Certificates();
  t.teardown(() => certificates.remove());
  certificates.sign("ended", { dates: ["-days", "-1"] });
  certificates.sign("next");
  const file = (name: string): string => join(certificates.folder, name);
  const config = { endpoints: [], serverName: "", deadMemberMs: 1, quotaBytes: 1 };
  const read = (ca: string, cert: string, key: string) =>
    etcdFiles({ ...config, caFile: ca, certFile: cert, keyFile: key }, Date.now);
  const refused = (ca: string, cert: string, key: string): string =>
    t.throws(() => read(ca, cert, key))?.message ?? "it was taken";
  t.is(read("", "", ""), undefined);
  t.regex(refused(file("none"), "", ""), /state\.etcd\.ca_file: cannot read .*none: ENOENT/);
  t.regex(refused(file("ca.key"), "", ""), /ca_file: .* holds no such thing as PEM/);
  t.regex(refused(file("ca.crt"), file("node.crt"), file("next.key")), /key_file: .*next\.key is not the key of/);
  t.regex(refused(file("ca.crt"), file("ended.crt"), file("ended.key")), /cert_file: the certificate in .* ended at/);
  const source = read(file("ca.crt"), file("node.crt"), file("node.key"));
  const before = source?.().cert;
  for (const kind of ["crt", "key"]) writeFileSync(file(`node.${kind}`), certificates.read(`next.${kind}`));
  t.is(source?.().cert, certificates.read("next.crt"));
  writeFileSync(file("node.key"), "half of a f");
  t.is(source?.().cert, certificates.read("next.crt"));
  t.not(source?.().cert, before);
});

async function until(holds: () => boolean): Promise<void> {
  for (let looks = 0; !holds(); looks++) {
    if (looks > 6000) throw new Error("waited in vain");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

test("of certificates that follow each other closely etcd keeps the newest, whole", async (t) => {
  const dataDir = join(folder, "certificates");
  mkdirSync(join(dataDir, "cluster"), { recursive: true });
  const of = (n: number) => ({
    nodeId: "n",
    clusterId: "c",
    region: "global",
    role: "server" as const,
    internal: "127.0.0.1:4647",
    servers: [],
    trust: "1:a",
    authorities: `authorities ${n}`,
    certificate: `certificate ${n}`,
    key: `key ${n}`,
  });
  const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
  // The older, the slower.
  const replace: typeof env.disk.replace = async (path, bytes, options) => {
    await wait(40 - 10 * Number(Buffer.from(bytes).toString().slice(-1)));
    return env.disk.replace(path, bytes, options);
  };
  const disk = { ...env.disk, replace };
  const certificates = await EtcdCertificates.create(disk, dataDir, of(0));
  await Promise.all([1, 2, 3].map((n) => certificates.renew(of(n))));
  const { ca, cert, key } = certificates.files;
  t.deepEqual(
    [ca, cert, key].map((path) => readFileSync(path, "utf8")),
    ["authorities 3", "certificate 3", "key 3"],
  );
});
