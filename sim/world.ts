import { assert } from "#base/env/assert.ts";
import { SimNode } from "./machine/node.ts";
import type { Boot } from "./machine/node.ts";
import { Timeline } from "./timeline.ts";
import type { TimelineOptions } from "./timeline.ts";
import { Network } from "./wire/network.ts";

/** Machines and their network on one timeline. */
export class World extends Timeline {
  readonly nodes = new Map<string, SimNode>();
  readonly network: Network;

  constructor(options: TimelineOptions) {
    super(options);
    this.network = new Network(this.nodes, this.random.fork());
  }

  /** A machine with a disk. It runs nothing before `start`. */
  addNode(name: string, boot: Boot): SimNode {
    assert(!this.nodes.has(name), `two nodes are called ${name}`);
    const node = new SimNode({
      timeline: this,
      network: this.network,
      name,
      boot,
      number: this.nodes.size + 1,
      random: this.random.fork(),
    });
    this.nodes.set(name, node);
    return node;
  }
}
