import { writeFile } from "node:fs/promises";
import { MessageWriter } from "#base/protocol/dns/writer.ts";
import { measureOf, type Bench, type BenchContext, type Contestant, type Measure } from "./harness.ts";
import { failover, latencies } from "./dns/home-load.ts";
import { costOf, startDnsmasq, startLares, startUnbound, type Contender } from "./dns/home-peers.ts";
import { startRoles } from "./dns/idle-roles.ts";

const LOCAL = 10_000;
const BLOCKED = 150_000;
const MILLION = 1_000_000;
const RATE = 2000;
const SETTLE_MS = 90_000;

/** The household's DNS server beside dnsmasq and unbound, with the same names and the same questions. */
export const bench: Bench = {
  name: "home-dns",
  title: "DNS for a household",
  async run(context) {
    const seconds = context.quick ? 1 : 2.5;
    const million = await millionNames(context);
    const answers = await context.takeTurns(await answerTurns(context, seconds));
    const forwards = await context.takeTurns(await forwardTurns(context, seconds));
    const alone = [...(await reloads(context)), ...(await oneOfTwo(context)), ...(await million())];
    const notes = [
      `${LOCAL} names of the house, ${BLOCKED} blocked names, 30 % of the questions about blocked ones, dnsperf with 200 in flight`,
      "lares counts every answer and keeps the newest 20,000 in memory; the row with history also writes all of them to SQLite",
      "forwarding: every question about another name, to unbound on loopback, nothing kept",
      "idle: the roles dns and dhcp of the executable, some minutes after their start; Anonymous of smaps_rollup",
    ];
    return { measures: [...answers, ...forwards, ...alone], notes };
  },
};

const COST = { unit: "µs", better: "less" } as const;

async function answerTurns(context: BenchContext, seconds: number): Promise<readonly Contestant[]> {
  const folder = await context.tempDir();
  const local = Array.from({ length: LOCAL }, (_, n) => [`host${n}.lan`, `10.0.${n >> 8}.${n & 255}`] as const);
  const blocked = Array.from({ length: BLOCKED }, (_, n) => `ads${n}.tracker${n % 997}.example.com`);
  const [list, hosts, file] = [`${folder}/list`, `${folder}/hosts`, `${folder}/questions`];
  await writeFile(list, blocked.map((name) => `0.0.0.0 ${name}\n`).join(""));
  await writeFile(
    hosts,
    local.map(([name, ip]) => `${ip} ${name}\n`).join("") + blocked.map((name) => `0.0.0.0 ${name}\n`).join(""),
  );
  const pick = picker();
  const questions = Array.from({ length: 200_000 }, () =>
    pick(10) < 3 ? (blocked[pick(BLOCKED)] ?? "") : `host${pick(LOCAL)}.lan`,
  );
  await writeFile(file, questions.map((name) => `${name} A\n`).join(""));
  const settings = {
    local: { records: local.map(([name, value]) => ({ name, type: "A", value })) },
    lists: [{ id: 1, url: `file://${list}` }],
    log: { retentionDays: 0 },
  };
  const lares = await startLares(context, settings);
  const history = await startLares(context, { ...settings, log: {} });
  const pair = await startPair(context, settings);
  const dnsmasq = await startDnsmasq(context, ["--no-resolv", "-H", hosts, "-c", "10000"]);
  const unbound = await startUnbound(context, [
    ...local.map(([name, ip]) => `local-data: "${name} A ${ip}"`),
    ...blocked.map((name) => `local-zone: "${name}." always_null`),
  ]);
  const turn = (server: Contender) => () => costOf(server, { file, seconds });
  return [
    { name: "an answer: dnsmasq", ...COST, peer: true, turn: turn(dnsmasq) },
    { name: "an answer: unbound", ...COST, peer: true, turn: turn(unbound) },
    {
      name: "an answer: lares",
      ...COST,
      against: "an answer: dnsmasq",
      target: { text: "≤ 0.75 × dnsmasq's", ratioAtMost: 0.75 },
      turn: turn(lares),
    },
    {
      name: "an answer: lares, beside unbound",
      ...COST,
      against: "an answer: unbound",
      target: { text: "≤ 0.95 × unbound's", ratioAtMost: 0.95 },
      turn: turn(lares),
    },
    {
      name: "an answer: lares, two processes on one port",
      ...COST,
      against: "an answer: lares",
      target: { text: "≥ 0.9× per core", ratioAtMost: 1 / 0.9 },
      // As many questions wait for each of the two as for one alone.
      turn: () => costOf(pair, { file, seconds, processes: 2 }),
    },
    { name: "an answer: lares, with history", ...COST, against: "an answer: dnsmasq", turn: turn(history) },
  ];
}

async function forwardTurns(context: BenchContext, seconds: number): Promise<readonly Contestant[]> {
  const folder = await context.tempDir();
  const file = `${folder}/questions`;
  await writeFile(file, Array.from({ length: 400_000 }, (_, n) => `n${n}.example.com A\n`).join(""));
  const zone = ['local-zone: "example.com." redirect', 'local-data: "example.com. 300 A 203.0.113.1"'];
  const upstream = await startUnbound(context, zone);
  const lares = await startLares(context, {
    upstream: { servers: [`127.0.0.1:${upstream.port}`] },
    cache: { size: 0 },
    log: { retentionDays: 0 },
  });
  const dnsmasq = await startDnsmasq(context, [
    "--no-resolv",
    "-S",
    `127.0.0.1#${upstream.port}`,
    "-c",
    "0",
    "--dns-forward-max=2000",
  ]);
  const unbound = await startUnbound(
    context,
    ["do-not-query-localhost: no", "cache-max-ttl: 0", "outgoing-range: 4096", "num-queries-per-thread: 2048"],
    `forward-zone:\nname: "."\nforward-addr: 127.0.0.1@${upstream.port}`,
  );
  const turn = (server: Contender) => () => costOf(server, { file, seconds });
  return [
    { name: "forwarding: dnsmasq", ...COST, peer: true, turn: turn(dnsmasq) },
    { name: "forwarding: unbound", ...COST, peer: true, turn: turn(unbound) },
    {
      name: "forwarding: lares",
      ...COST,
      against: "forwarding: dnsmasq",
      target: { text: "≤ 20 µs", atMost: 20 },
      turn: turn(lares),
    },
  ];
}

/** Two processes, one port: what both take. */
async function startPair(context: BenchContext, settings: object): Promise<Contender> {
  const first = await startLares(context, settings, { sharing: true });
  const second = await startLares(context, settings, { sharing: true, port: first.port });
  return { port: first.port, cpuUs: async () => (await first.cpuUs()) + (await second.cpuUs()) };
}

/** Starts servers that then have nothing to do, and says later what that took. */
async function millionNames(context: BenchContext): Promise<() => Promise<readonly Measure[]>> {
  const folder = await context.tempDir();
  const list = `${folder}/list`;
  const names = Array.from({ length: MILLION }, (_, n) => `0.0.0.0 ads${n}.tracker${n % 4999}.com\n`);
  await writeFile(list, names.join(""));
  const empty = await startLares(context, {});
  const full = await startLares(context, { lists: [{ id: 1, url: `file://${list}` }] });
  const buildMs = await full.tell("buildMs");
  const idleMb = await startRoles(context, list);
  const beganMs = performance.now();
  return async () => {
    // Until what building took went back to the system, and the database's thread rests.
    const left = SETTLE_MS - (performance.now() - beganMs);
    if (left > 0) await new Promise((resolve) => globalThis.setTimeout(resolve, left));
    const setMb = (await full.tell("anonymousMb")) - (await empty.tell("anonymousMb"));
    const less = { better: "less" } as const;
    const load = { text: "≤ 2 s", atMost: 2000 };
    const memory = { text: "≤ 60 MB", atMost: 60 };
    const both = { text: "≤ 90 MB", atMost: 90 };
    return [
      measureOf({ name: "a million names: loaded in", unit: "ms", ...less, target: load }, buildMs),
      measureOf({ name: "a million names: memory", unit: "MB", ...less, target: memory }, setMb),
      measureOf({ name: "dns and dhcp, idle, with them", unit: "MB", ...less, target: both }, await idleMb()),
    ];
  };
}

async function oneOfTwo(context: BenchContext): Promise<readonly Measure[]> {
  const records = [{ name: "host.lan", type: "A", value: "10.0.0.1" }];
  const dying = await startLares(context, { local: { records } });
  const other = await startLares(context, { local: { records } });
  const { lost, slowestMs } = await failover([dying, other], question("host.lan"), {
    rate: 500,
    seconds: 4,
    kill: () => dying.kill(),
  });
  const none = { text: "none", atMost: 0 };
  return [
    measureOf(
      { name: "one of two killed: lost of those asked once more", unit: "%", better: "less", target: none },
      lost,
    ),
    measureOf({ name: "… the slowest, asked again after 500 ms", unit: "ms", better: "less" }, slowestMs),
  ];
}

async function reloads(context: BenchContext): Promise<readonly Measure[]> {
  const folder = await context.tempDir();
  const list = `${folder}/list`;
  await writeFile(list, Array.from({ length: BLOCKED }, (_, n) => `0.0.0.0 ads${n}.example.com\n`).join(""));
  const records = Array.from({ length: 1000 }, (_, n) => ({ name: `host${n}.lan`, type: "A", value: "10.0.0.1" }));
  const lares = await startLares(context, { local: { records }, lists: [{ id: 1, url: `file://${list}` }] });
  const packets = Array.from({ length: 1000 }, (_, n) =>
    question(n % 3 === 0 ? `ads${n}.example.com` : `host${n}.lan`),
  );
  const load = { rate: RATE, seconds: context.quick ? 3 : 10 };
  const state = { isOver: false };
  const reloading = (async () => {
    while (!state.isOver) await lares.tell("reload");
  })();
  const { p99Ms, lost } = await latencies(lares.port, packets, load);
  state.isOver = true;
  await reloading;
  return [
    measureOf(
      {
        name: `slowest of a hundred at ${RATE} questions a second, while lists reload`,
        unit: "ms",
        better: "less",
        target: { text: "≤ 5 ms", atMost: 5 },
      },
      p99Ms,
    ),
    measureOf({ name: "… of them lost", unit: "%", better: "less", target: { text: "none", atMost: 0 } }, lost),
  ];
}

function question(name: string): Uint8Array {
  const writer = new MessageWriter();
  writer.start({ id: 0, flags: 0x0100 });
  writer.question({ name: name.split("."), type: 1, class: 1 });
  return writer.finish().slice();
}

/** The same questions every time. */
function picker(): (bound: number) => number {
  let state = 1;
  return (bound) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    return state % bound;
  };
}
