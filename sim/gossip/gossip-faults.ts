import { IncarnationsRise, viewsDiffer } from "./gossip-checkers.ts";
import { GossipWorld } from "./gossip-world.ts";
import { lanPreset, type GossipSettings } from "#daemons/discovery/gossip/presets.ts";

export interface FaultyRunOptions {
  readonly seed: number;
  readonly nodes: number;
  /** Simulated time under faults; default a minute. */
  readonly forMs?: number;
  /** Simulated time in which views must agree again; default five minutes. */
  readonly healMs?: number;
  readonly settings?: GossipSettings;
}

export interface FaultyRun {
  /** What went wrong, or undefined. */
  readonly failure: string | undefined;
  /** Which faults befell whom, in order. */
  readonly faults: readonly string[];
  /** From the end of the faults until all views agreed. */
  readonly healedMs: number;
  /** Equal for two runs of one seed. */
  readonly packets: number;
}

/**
 * Faults drawn from the seed on a cluster that forms itself, then quiet, in which every view must come to agree: nobody
 * who runs stays dead for anybody, nobody who is down stays alive. Incarnations must never fall meanwhile.
 */
export function runFaulty({
  seed,
  nodes,
  forMs = 60_000,
  healMs = 300_000,
  settings = lanPreset,
}: FaultyRunOptions): FaultyRun {
  const rise = new IncarnationsRise();
  let failure: string | undefined;
  let steps = 0;
  const world = new GossipWorld({
    seed,
    settings: { ...settings, compress: false },
    net: { loss: 0.05, duplicate: 0.02, delayMs: [0.2, 20] },
    onStep: (node) => {
      // In a large cluster not after every step: looking costs as much as stepping.
      if (failure === undefined && steps++ % Math.max(1, nodes >> 2) === 0) failure = rise.check(node);
    },
  });
  const faults: string[] = [];
  for (let machine = 0; machine < nodes; machine++) {
    world.at(machine * 10, () => joinAnew(world, machine, `node-${machine}`));
  }
  for (let at = 5000; at < forMs; at += world.random.exponential(4000)) {
    world.at(at, () => void faults.push(`${Math.round(world.timeMs)} ms: ${befall(world)}`));
  }
  world.runTo(forMs, () => failure !== undefined);
  world.net.heal();
  let checkedMs = world.timeMs;
  const healed = world.runTo(forMs + healMs, () => {
    if (failure !== undefined) return true;
    if (world.timeMs < checkedMs + 500) return false;
    checkedMs = world.timeMs;
    return viewsDiffer(world) === undefined;
  });
  if (!healed) failure ??= viewsDiffer(world) ?? "agreed too late";
  return { failure, faults, healedMs: world.timeMs - forMs, packets: world.packets };
}

/** Joins through two others, as an agent's configuration names several. */
function joinAnew(world: GossipWorld, machine: number, name: string): void {
  const others = world.up();
  const node = world.start(machine, name);
  for (let i = 0; i < 2; i++) {
    const other = world.random.pick(others);
    if (other !== undefined) world.join(node, other);
  }
  // The layer above calls those it misses now and then: members who forgot each other cannot find back by themselves.
  const reconnect = (): void => {
    if (!node.up) return;
    const missed = world.up().filter((each) => node.swim.member(each.name)?.state !== "alive");
    const peer = world.random.pick(missed);
    if (peer !== undefined) world.join(node, peer);
    world.at(world.timeMs + RECONNECT_MS, reconnect);
  };
  world.at(world.timeMs + RECONNECT_MS, reconnect);
}

const RECONNECT_MS = 30_000;

function befall(world: GossipWorld): string {
  const { random, net } = world;
  const up = world.up();
  const [node, other] = [random.pick(up), random.pick(up)];
  if (node === undefined || other === undefined || up.length < 3) return "nothing";
  switch (random.next() % 6) {
    case 0:
      world.pause(node, random.between(500, 15_000));
      return `${node.name} pauses`;
    case 1:
      net.block(node.machine, other.machine);
      return `nothing gets from ${node.name} to ${other.name}`;
    case 2:
      for (const each of up) if (each !== node) net.block(node.machine, each.machine);
      return `nothing gets out of ${node.name}`;
    case 3:
      net.loss = random.between(0, 0.3);
      return `loss ${net.loss.toFixed(2)}`;
    case 4: {
      world.kill(node);
      world.at(world.timeMs + random.between(100, 20_000), () => joinAnew(world, node.machine, node.name));
      return `${node.name} restarts`;
    }
    default: {
      world.kill(node);
      world.nodes.delete(node.machine);
      const machine = 10_000 + (random.next() % 50_000);
      world.at(world.timeMs + random.between(100, 20_000), () => joinAnew(world, machine, node.name));
      return `${node.name} restarts at another address`;
    }
  }
}
