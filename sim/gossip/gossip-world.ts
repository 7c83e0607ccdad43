import type { Address } from "#base/env/net.ts";
import { StreamReader } from "#daemons/discovery/gossip/codec/stream-reader.ts";
import type { Command, Input, Output } from "#daemons/discovery/gossip/core/exchange.ts";
import type { MemberEvent } from "#daemons/discovery/gossip/delegate.ts";
import { lanPreset, type GossipSettings } from "#daemons/discovery/gossip/presets.ts";
import { EventHeap } from "../event-heap.ts";
import { Prng } from "../prng.ts";
import { GossipNet, type GossipNetOptions } from "./gossip-net.ts";
import { SIM_PORT, SimNode } from "./sim-node.ts";

export interface GossipWorldOptions {
  readonly seed: number;
  /** Default {@link lanPreset}. */
  readonly settings?: GossipSettings;
  readonly net?: GossipNetOptions;
  /** Every event that any node tells, as it happens. */
  readonly onEvent?: (node: SimNode, event: MemberEvent) => void;
  /** After every input of a node. */
  readonly onStep?: (node: SimNode) => void;
}

/** A cluster that runs on events of one heap; the same seed gives the same run. */
export class GossipWorld {
  readonly random: Prng;
  readonly net: GossipNet;
  readonly settings: GossipSettings;
  /** By machine; the newest life on each. */
  readonly nodes = new Map<number, SimNode>();
  timeMs = 0;
  packets = 0;
  readonly #options: GossipWorldOptions;
  readonly #heap = new EventHeap();
  readonly #streams = new Map<number, { caller: SimNode; call: number }>();
  readonly #byHost = new Map<string, SimNode>();
  #sequence = 0;
  #streamNames = 0;

  constructor(options: GossipWorldOptions) {
    this.#options = options;
    this.random = new Prng(options.seed);
    this.net = new GossipNet(this.random.fork(), options.net ?? {});
    this.settings = options.settings ?? lanPreset;
  }

  /** Nodes that run. */
  up(): SimNode[] {
    return [...this.nodes.values()].filter((node) => node.up);
  }

  /** Starts a node on a machine; what ran there before must be down. */
  start(machine: number, name = `node-${machine}`): SimNode {
    const node = this.#make(machine, name);
    this.#feed(node, { kind: "start" });
    return node;
  }

  /** A cluster that has been there for long: everybody knows everybody and nothing is news. */
  startTogether(count: number): SimNode[] {
    const nodes = Array.from({ length: count }, (_, machine) => this.#make(machine, `node-${machine}`));
    const known = nodes.map((node) => node.remembered());
    for (const node of nodes) this.#feed(node, { kind: "start", known });
    return nodes;
  }

  join(node: SimNode, to: SimNode): void {
    this.command(node, { ask: "join", address: { host: to.host, port: SIM_PORT } });
  }

  command(node: SimNode, command: Command): void {
    this.#feed(node, { kind: "command", command: 1, ...command });
  }

  /** Stops without a word. */
  kill(node: SimNode): void {
    node.up = false;
    if (this.#byHost.get(node.host) === node) this.#byHost.delete(node.host);
  }

  /** Takes nothing in for so long; what came is there when it wakes, as in the buffers of a socket. */
  pause(node: SimNode, forMs: number): void {
    node.paused = true;
    this.at(this.timeMs + forMs, () => {
      node.paused = false;
      this.#feed(node, { kind: "due" });
    });
  }

  at(timeMs: number, fire: () => void): void {
    this.#sequence += 1;
    const sequence = this.#sequence;
    this.#heap.push({ timeMs, sequence, label: "", owner: undefined, fire, cancelled: false });
  }

  /** Runs until `timeMs`, or until `done` says so (asked after every event). True when it said so. */
  runTo(timeMs: number, done?: () => boolean): boolean {
    for (;;) {
      const next = this.#heap.peek();
      if (next === undefined || next.timeMs > timeMs) break;
      this.#heap.pop();
      this.timeMs = next.timeMs;
      next.fire();
      if (done?.() === true) return true;
    }
    this.timeMs = timeMs;
    return false;
  }

  #make(machine: number, name: string): SimNode {
    const onEvent = this.#options.onEvent ?? (() => {});
    const node = new SimNode({ machine, name, settings: this.settings, random: this.random.fork(), onEvent });
    this.nodes.set(machine, node);
    this.#byHost.set(node.host, node);
    return node;
  }

  #feed(node: SimNode, input: Input): void {
    if (!node.up) return;
    for (const output of node.step(input, this.timeMs)) this.#carryOut(node, output);
    this.#options.onStep?.(node);
    const due = node.swim.dueMs;
    if (due === undefined || due >= node.wakesMs) return;
    node.wakesMs = due;
    this.at(due, () => this.#wake(node, due));
  }

  #wake(node: SimNode, dueMs: number): void {
    if (node.wakesMs !== dueMs) return;
    node.wakesMs = Infinity;
    if (!node.paused) this.#feed(node, { kind: "due" });
  }

  #carryOut(from: SimNode, output: Output): void {
    switch (output.kind) {
      case "datagram":
        this.#send(from, output.to, output.bytes);
        return;
      case "call":
        this.#call(from, output);
        return;
      case "reply":
        this.#reply(from, output.stream, output.bytes);
        return;
      case "done":
        return;
      default:
        output satisfies never;
    }
  }

  #send(from: SimNode, to: Address, bytes: Uint8Array): void {
    this.packets += 1;
    const target = this.#byHost.get(to.host);
    if (target === undefined) return;
    for (const delay of this.net.fates(from.machine, target.machine)) {
      const source = { host: from.host, port: SIM_PORT };
      this.at(this.timeMs + delay, () => this.#deliver(target, { kind: "packet", bytes, from: source }));
    }
  }

  /** A paused node takes it when it wakes. */
  #deliver(target: SimNode, input: Input): void {
    if (target.paused && target.up) this.at(this.timeMs + POLL_MS, () => this.#deliver(target, input));
    else this.#feed(target, input);
  }

  #call(from: SimNode, { call, to, bytes, answer, timeoutMs }: Output & { kind: "call" }): void {
    const target = this.#byHost.get(to.host);
    const refused = target === undefined;
    if (refused || !this.net.open(from.machine, target.machine)) {
      const delay = refused ? 2 * this.net.delay() : timeoutMs;
      this.at(this.timeMs + delay, () => this.#deliver(from, { kind: "call-failed", call, why: "no connection" }));
      return;
    }
    this.#streamNames += 1;
    const stream = this.#streamNames;
    if (answer) this.#streams.set(stream, { caller: from, call });
    this.at(this.timeMs + timeoutMs, () => {
      if (this.#streams.delete(stream)) this.#deliver(from, { kind: "call-failed", call, why: "timed out" });
    });
    // Connecting takes a round trip before the first byte.
    const delay = 2 * this.net.delay() + this.net.streamDelay();
    this.at(this.timeMs + delay, () => {
      const read = new StreamReader(target.wire, "call").push(bytes);
      const source = { host: from.host, port: SIM_PORT };
      if (read.kind === "message")
        this.#deliver(target, { kind: "stream", stream, message: read.message, from: source });
      if (!answer) this.#deliver(from, { kind: "answer", call, message: undefined });
    });
  }

  #reply(from: SimNode, stream: number, bytes: Uint8Array): void {
    const waiting = this.#streams.get(stream);
    if (waiting === undefined || !this.net.passes(from.machine, waiting.caller.machine)) return;
    const { caller, call } = waiting;
    this.at(this.timeMs + this.net.streamDelay(), () => {
      if (!this.#streams.delete(stream)) return;
      const read = new StreamReader(caller.wire, "reply").push(bytes);
      if (read.kind === "message") this.#deliver(caller, { kind: "answer", call, message: read.message });
    });
  }
}

/** How often a paused node's deliveries are looked at. */
const POLL_MS = 50;
