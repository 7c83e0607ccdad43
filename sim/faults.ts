import type { SimNode } from "./machine/node.ts";
import type { Prng } from "./prng.ts";
import type { Conditions } from "./wire/network.ts";
import type { World } from "./world.ts";

/** Mean time between two faults of a kind over all nodes, in milliseconds; 0: this kind never happens. */
export interface FaultRates {
  /** Power fails on one node. */
  readonly crashEveryMs: number;
  /** The agent alone dies. */
  readonly killEveryMs: number;
  readonly pauseEveryMs: number;
  /** One node cut off from the others, half of the time in one direction only. */
  readonly partitionEveryMs: number;
  readonly clockStepEveryMs: number;
  readonly diskFullEveryMs: number;
  readonly syncErrorEveryMs: number;
  readonly network: Conditions;
  /** Clocks run up to this much faster or slower, as a fraction. */
  readonly maxDrift: number;
}

/** Each kind is on in about half of all seeds, so that some seeds show one kind alone ("swarm testing", Groce et al., ISSTA 2012). */
export function drawFaults(random: Prng, meanMs: number): FaultRates {
  const rate = (): number => (random.chance(0.55) ? meanMs * random.between(0.5, 3) : 0);
  return {
    crashEveryMs: rate(),
    killEveryMs: rate(),
    pauseEveryMs: rate(),
    partitionEveryMs: rate(),
    clockStepEveryMs: rate(),
    diskFullEveryMs: rate(),
    syncErrorEveryMs: rate(),
    network: {
      delayMs: random.chance(0.3) ? [1, 400] : [0.2, random.between(1, 20)],
      loss: random.chance(0.5) ? random.between(0, 0.3) : 0,
      duplicate: random.chance(0.5) ? random.between(0, 0.3) : 0,
    },
    maxDrift: random.chance(0.5) ? 2e-4 : 0,
  };
}

type Fault = (node: SimNode) => void;

/** Phase one: faults as drawn. `heal` begins phase two, in which everything has to come right. */
export class FaultInjector {
  readonly #world: World;
  readonly #rates: FaultRates;
  readonly #nodes: readonly SimNode[];
  readonly #random: Prng;
  #active = true;

  constructor(world: World, rates: FaultRates, nodes: readonly SimNode[]) {
    this.#world = world;
    this.#rates = rates;
    this.#nodes = nodes;
    this.#random = world.random.fork();
  }

  start(): void {
    const rates = this.#rates;
    this.#world.network.setConditions(rates.network);
    for (const node of this.#nodes) node.setDrift(this.#random.between(-rates.maxDrift, rates.maxDrift));
    this.#repeat("power failure", rates.crashEveryMs, (node) => this.#down(node, () => node.crash()));
    this.#repeat("agent killed", rates.killEveryMs, (node) => this.#down(node, () => node.kill()));
    this.#repeat("pause", rates.pauseEveryMs, (node) => this.#pause(node));
    this.#repeat("partition", rates.partitionEveryMs, (node) => this.#partition(node));
    this.#repeat("clock step", rates.clockStepEveryMs, (node) => node.stepClock(this.#random.between(-60_000, 60_000)));
    this.#repeat("disk full", rates.diskFullEveryMs, (node) => this.#fillDisk(node));
    this.#repeat("syncs fail", rates.syncErrorEveryMs, (node) => this.#failSyncs(node));
  }

  heal(): void {
    this.#active = false;
    this.#world.trace.add(`${this.#world.timeMs.toFixed(3)} world heals`);
    this.#world.network.heal();
    for (const node of this.#nodes) {
      node.resume();
      node.files.heal();
      node.start();
    }
  }

  #repeat(label: string, meanMs: number, fault: Fault): void {
    if (meanMs <= 0) return;
    const node = this.#random.pick(this.#nodes);
    this.#world.at(this.#random.exponential(meanMs), `${label}: ${node?.name ?? "nobody"}`, () => {
      if (!this.#active || node === undefined) return;
      fault(node);
      this.#repeat(label, meanMs, fault);
    });
  }

  /** After a while, unless everything was healed before. */
  #undo(label: string, meanMs: number, undo: () => void): void {
    this.#world.at(this.#random.exponential(meanMs), label, () => {
      if (this.#active) undo();
    });
  }

  #down(node: SimNode, end: () => void): void {
    end();
    this.#undo(`${node.name} comes back`, 500, () => node.start());
  }

  #pause(node: SimNode): void {
    node.pause();
    this.#undo(`${node.name} goes on`, 2000, () => node.resume());
  }

  #partition(node: SimNode): void {
    const { network } = this.#world;
    const both = this.#random.chance(0.5);
    for (const other of this.#world.nodes.keys()) {
      network.block(node.name, other);
      if (both) network.block(other, node.name);
    }
    this.#undo("network whole again", 5000, () => network.unblock(node.name));
  }

  #fillDisk(node: SimNode): void {
    node.files.capacityBytes = node.files.usedBytes + Math.floor(this.#random.float() * 64);
    this.#undo(`${node.name} has room again`, 500, () => node.files.heal());
  }

  #failSyncs(node: SimNode): void {
    node.files.failSyncs = true;
    this.#undo(`${node.name} syncs again`, 200, () => node.files.heal());
  }
}
