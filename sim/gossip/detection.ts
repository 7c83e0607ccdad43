import { lanPreset, type GossipSettings } from "#daemons/discovery/gossip/presets.ts";
import { GossipWorld } from "./gossip-world.ts";
import type { SimNode } from "./sim-node.ts";

/** How long it took, in simulated milliseconds, until every other node of `nodes` knew that one was killed. */
export function detectionMs(seed: number, nodes: number, settings: GossipSettings = lanPreset): number {
  const knowing = new Set<SimNode>();
  const killed = { name: "" };
  const world = new GossipWorld({
    seed,
    settings,
    onEvent: (node, event) => {
      if (event.kind === "leave" && event.member.name === killed.name) knowing.add(node);
    },
  });
  const started = world.startTogether(nodes);
  world.runTo(world.random.between(20_000, 40_000));
  const victim = world.random.pick(started);
  if (victim === undefined) return NaN;
  killed.name = victim.name;
  world.kill(victim);
  const killedMs = world.timeMs;
  world.runTo(killedMs + 120_000, () => knowing.size === nodes - 1);
  return knowing.size === nodes - 1 ? world.timeMs - killedMs : Infinity;
}

export interface FalsePositives {
  /** How often a node that ran and could be reached was declared failed, counted once per node that was told so. */
  readonly declared: number;
  /** How often one was suspected. */
  readonly suspected: number;
  /** Node–node pairs that were not alive for each other at the end. */
  readonly apart: number;
}

export interface LossOptions {
  readonly seed: number;
  readonly nodes: number;
  readonly forMs: number;
  readonly loss: number;
  /** Nodes that stop for `pauseMs` every `everyMs`: overloaded ones, whose word the others should not take. */
  readonly slow?: { readonly nodes: number; readonly pauseMs: number; readonly everyMs: number };
  readonly settings?: GossipSettings;
}

/** Runs a cluster in which nobody fails on a lossy network. Failures of slow nodes do not count, those they declare do. */
export function falsePositives({ seed, nodes, forMs, loss, slow, settings = lanPreset }: LossOptions): FalsePositives {
  const slowNames = new Set<string>();
  let declared = 0;
  const world = new GossipWorld({
    seed,
    settings,
    net: { loss },
    onEvent: (_node, event) => {
      if (event.kind === "leave" && !slowNames.has(event.member.name)) declared += 1;
    },
  });
  const started = world.startTogether(nodes);
  if (slow !== undefined) {
    for (const node of started.slice(0, slow.nodes)) {
      slowNames.add(node.name);
      for (let at = world.random.between(0, slow.everyMs); at < forMs; at += slow.everyMs)
        world.at(at, () => world.pause(node, slow.pauseMs));
    }
  }
  world.runTo(forMs);
  const suspected = started.reduce((sum, node) => sum + node.swim.stats().suspicions, 0);
  const apart = started.reduce((sum, node) => sum + nodes - node.swim.members().length, 0);
  return { declared, suspected, apart };
}
