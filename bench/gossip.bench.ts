import { spawnSync } from "node:child_process";
import { silentLog } from "#base/env/log.ts";
import { createEnv } from "#base/platform/create-env.ts";
import { makeCompound } from "#daemons/discovery/gossip/codec/compound.ts";
import { encodeMessage } from "#daemons/discovery/gossip/codec/encode.ts";
import type { Alive } from "#daemons/discovery/gossip/codec/message.ts";
import { MsgpackWriter } from "#daemons/discovery/gossip/codec/msgpack-writer.ts";
import type { Gossip } from "#daemons/discovery/gossip/gossip.ts";
import { lanPreset } from "#daemons/discovery/gossip/presets.ts";
import { createGossip } from "#daemons/discovery/gossip/shell/create-gossip.ts";
import { detectionMs, falsePositives } from "#sim/gossip/detection.ts";
import { GossipWorld } from "#sim/gossip/gossip-world.ts";
import { Prng } from "#sim/prng.ts";
import { SimNode } from "#sim/gossip/sim-node.ts";
import { goProgram } from "#test/daemons/discovery/gossip/go-peer.ts";
import { quietDelegate } from "#test/daemons/discovery/gossip/our-node.ts";
import { measureOf, type Bench, type BenchContext, type Contestant, type Measure } from "./harness.ts";

const less = { better: "less" } as const;
const writer = new MsgpackWriter();

/** The figures of gossip: what packets cost, what a quiet cluster costs, and how fast news and failures spread. */
export const bench: Bench = {
  name: "gossip",
  title: "Membership: packets, quiet clusters, joins and failures",
  async run(context) {
    const go = await goTurn(context);
    const costs = await context.takeTurns([...packetTurns(context), ...(go === undefined ? [] : go)]);
    const measures = [
      ...costs,
      ...(await steady(context)),
      ...spreading(context),
      ...failures(context),
      halfDead(),
      simulatorMinute(context),
    ];
    const notes = [
      "packets and the simulator in processor time; simulated: LAN preset, one way 0.2 to 2 ms; steady: 100 nodes in one process over UDP on loopback, cost per node",
      ...(go === undefined ? ["Go is not here: no peer"] : ["peer: memberlist 0.5.0 through its in-memory transport"]),
    ];
    return { measures, notes };
  },
};

function aliveOf(at: number, incarnation: number): Alive {
  return {
    kind: "alive",
    incarnation,
    node: `node-${String(at).padStart(4, "0")}`,
    address: Uint8Array.of(10, 0, 0, at & 0xff),
    port: 7946,
    meta: new TextEncoder().encode("role=web"),
    versions: Uint8Array.of(1, 5, 2, 2, 5, 4),
  };
}

function compoundOf(incarnation: number): Uint8Array {
  return makeCompound(Array.from({ length: 10 }, (_, at) => encodeMessage(aliveOf(at, incarnation), writer)));
}

function packetTurns({ quick }: BenchContext): Contestant[] {
  const rounds = quick ? 5000 : 20_000;
  const settings = { ...lanPreset, compress: false };
  const node = new SimNode({ machine: 1, name: "bench", settings, random: new Prng(1), onEvent: () => {} });
  const from = { host: "10.0.0.9", port: 7946 };
  node.step({ kind: "start" }, 0);
  let incarnation = 1;
  const known = compoundOf(1);
  const perRound = (work: () => void): number => (1000 * computedMs(work)) / rounds;
  return [
    {
      name: "take in 10 alive messages that are known",
      unit: "µs",
      ...less,
      target: { text: "≤ 20 µs", atMost: 20 },
      turn: () =>
        perRound(() => {
          for (let i = 0; i < rounds; i++) node.step({ kind: "packet", bytes: known, from }, 0);
        }),
    },
    {
      name: "take in 10 alive messages that are news",
      unit: "µs",
      ...less,
      target: { text: "≤ 20 µs", atMost: 20 },
      turn: () => {
        const packets = Array.from({ length: rounds }, () => compoundOf(++incarnation));
        return perRound(() => {
          for (const bytes of packets) node.step({ kind: "packet", bytes, from }, 0);
        });
      },
    },
    {
      name: "encode one alive message",
      unit: "µs",
      ...less,
      target: { text: "≤ 1 µs", atMost: 1 },
      turn: () => {
        const alive = aliveOf(1, 7);
        return perRound(() => {
          for (let i = 0; i < rounds; i++) encodeMessage(alive, writer);
        });
      },
    },
  ];
}

/** Processor time, so that a busy machine does not count. */
function computedMs(work: () => void): number {
  const began = process.cpuUsage();
  work();
  const used = process.cpuUsage(began);
  return (used.user + used.system) / 1000;
}

/** Go's figures for the same packet; undefined without Go. */
async function goTurn(context: BenchContext): Promise<Contestant[] | undefined> {
  const program = await goProgram().catch(() => undefined);
  if (program === undefined) return undefined;
  const packet = Buffer.from(compoundOf(1)).toString("hex");
  let last = { encodeUs: 0, takeUs: 0 };
  const ask = (): typeof last => {
    const run = spawnSync(program, ["bench"], { input: `${packet}\n`, encoding: "utf8", timeout: 120_000 });
    if (run.status !== 0) context.say(`Go failed: ${run.stderr.slice(0, 200)}`);
    last = JSON.parse(run.stdout) as typeof last;
    return last;
  };
  return [
    {
      name: "Go memberlist: take in the same 10",
      unit: "µs",
      ...less,
      peer: true,
      against: "take in 10 alive messages that are known",
      turn: () => ask().takeUs,
    },
    {
      name: "Go memberlist: encode one alive message",
      unit: "µs",
      ...less,
      peer: true,
      against: "encode one alive message",
      turn: () => ask().encodeUs,
    },
  ];
}

async function steady(context: BenchContext): Promise<Measure[]> {
  const env = { ...createEnv({}), log: silentLog };
  const nodes: Gossip[] = [];
  context.defer(async () => void (await Promise.all(nodes.map((node) => node.stop()))));
  for (let at = 0; at < 100; at++) {
    const bind = { host: "127.0.0.1", port: 0 };
    const node = createGossip({ env, name: `node-${at}`, bind, delegate: quietDelegate });
    nodes.push(node);
    await node.start();
    const [first] = nodes;
    if (first !== undefined && at > 0) await node.join([first.address]);
  }
  const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
  while (nodes.some((node) => node.members().length < 100 || node.stats().queued > 0)) await pause(200);
  const bytes = (): number => nodes.reduce((sum, node) => sum + node.stats().bytesOut + node.stats().bytesIn, 0);
  context.say("100 nodes are quiet");
  const [began, cpu, sent] = [performance.now(), process.cpuUsage(), bytes()];
  await pause(context.quick ? 5000 : 20_000);
  const seconds = (performance.now() - began) / 1000;
  const used = process.cpuUsage(cpu);
  const share = (used.user + used.system) / 1e6 / seconds;
  const row = { ...less } as const;
  return [
    measureOf(
      { name: "quiet, 100 members: processor per node", unit: "%", ...row, target: { text: "≤ 0.5 %", atMost: 0.5 } },
      share,
    ),
    measureOf(
      {
        name: "quiet, 100 members: in and out per node and second",
        unit: "bytes",
        ...row,
        target: { text: "≤ 6 kB/s", atMost: 6000 },
      },
      (bytes() - sent) / seconds / 100,
    ),
  ];
}

function spreading(context: BenchContext): Measure[] {
  const world = new GossipWorld({ seed: 1, settings: { ...lanPreset, compress: false } });
  world.startTogether(1000);
  world.runTo(5000);
  const samples: number[] = [];
  for (let at = 0; at < (context.quick ? 3 : 10); at++) {
    const node = world.start(1000 + at);
    const host = world.nodes.get(at * 7);
    if (host !== undefined) world.join(node, host);
    const began = world.timeMs;
    let lookedMs = began;
    world.runTo(began + 20_000, () => {
      if (world.timeMs < lookedMs + 5) return false;
      lookedMs = world.timeMs;
      const knowing = world.up().filter((each) => each.swim.member(node.name) !== undefined).length;
      return knowing >= 0.9999 * world.nodes.size;
    });
    samples.push(world.timeMs - began);
    world.runTo(world.timeMs + 3000);
  }
  context.say("joins are spread");
  const target = { text: "≤ 2200 ms", atMost: 2200 };
  return [
    measureOf({ name: "simulated: a join known to 99.99 % of 1000", unit: "ms", ...less, target }, ...samples),
    measureOf({ name: "simulated: the slowest of these joins", unit: "ms", ...less, target }, Math.max(...samples)),
  ];
}

function failures(context: BenchContext): Measure[] {
  const times = Array.from({ length: context.quick ? 100 : 1000 }, (_, at) => detectionMs(at + 1, 3));
  context.say("failures are detected");
  const hour = [3, 10].map((nodes) => falsePositives({ seed: nodes, nodes, forMs: 3_600_000, loss: 0.1 }).declared);
  return [
    measureOf(
      {
        name: "simulated: 1 of 3 killed, everyone knows",
        unit: "ms",
        ...less,
        target: { text: "≤ 6000 ms", atMost: 6000 },
      },
      ...times,
    ),
    measureOf(
      { name: "simulated: the slowest of these", unit: "ms", ...less, target: { text: "≤ 7500 ms", atMost: 7500 } },
      Math.max(...times),
    ),
    measureOf(
      {
        name: "simulated: declared failed in an hour at 10 % loss",
        unit: "nodes",
        ...less,
        target: { text: "0", atMost: 0 },
      },
      hour.reduce((sum, declared) => sum + declared, 0),
    ),
  ];
}

/** What a member that is stopped half of the time costs all together, beside a quiet cluster. */
function halfDead(): Measure {
  const minutes = 5;
  const costOf = (isSick: boolean): number =>
    computedMs(() => {
      const world = new GossipWorld({ seed: 3, settings: { ...lanPreset, compress: false } });
      const [sick] = world.startTogether(100);
      for (let at = 0; isSick && at < minutes * 60_000; at += 3000)
        world.at(at, () => {
          if (sick !== undefined) world.pause(sick, 1500);
        });
      world.runTo(minutes * 60_000);
    });
  costOf(false);
  const ratios = Array.from({ length: 5 }, () => {
    const quiet = costOf(false);
    return (100 * costOf(true)) / quiet;
  });
  const target = { text: "≤ 200 % of a quiet cluster's", atMost: 200 };
  return measureOf(
    { name: "simulated: 1 of 100 stopped half of the time, processor of all", unit: "%", ...less, target },
    ...ratios,
  );
}

/** A thousand nodes for a minute, with ten joins and ten failures. */
function simulatorMinute(context: BenchContext): Measure {
  context.say("a simulated minute of 1000 nodes");
  const ms = computedMs(() => {
    const world = new GossipWorld({ seed: 2, settings: { ...lanPreset, compress: false } });
    const nodes = world.startTogether(1000);
    for (let at = 0; at < 10; at++) {
      const [victim, host] = [nodes[at], nodes[500 + at]];
      world.at(at * 4000, () => {
        if (victim !== undefined) world.kill(victim);
        if (host !== undefined) world.join(world.start(2000 + at), host);
      });
    }
    world.runTo(60_000);
  });
  return measureOf(
    { name: "simulator: 1000 nodes, one minute", unit: "ms", ...less, target: { text: "≤ 30 s", atMost: 30_000 } },
    ms,
  );
}
