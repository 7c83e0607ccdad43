import type { Node, NodeState } from "#base/protocol/node.ts";
import { computeClass } from "./node-class.ts";
import { Owners } from "./owners.ts";
import { PortSpace } from "./port-space.ts";
import type { Usage } from "./usage.ts";

/** What does not fit a number: one per node. */
export interface NodeEntry {
  readonly id: string;
  /** Undefined: allocations name this node, but it is not (or no longer) registered. */
  readonly node: Node | undefined;
  readonly state: NodeState | undefined;
  readonly computedClass: string;
  readonly ports: PortSpace;
  readonly usedCores: Owners<number>;
  readonly usedDevices: Owners<string>;
}

interface Holding {
  readonly slot: number;
  readonly usage: Usage;
}

/** Nodes to be thought away, by id, and nodes to be thought up: of new ids. */
export interface SupposedNodes {
  readonly closed: readonly string[];
  readonly added: readonly { readonly node: Node; readonly state: NodeState }[];
}

/** What a trial has to take back, oldest first. */
type Step =
  | { readonly kind: "held"; readonly allocId: string }
  | { readonly kind: "dropped"; readonly allocId: string; readonly nodeId: string; readonly usage: Usage };

const FIRST_CAPACITY = 64;
/** Sizes of allocations that are remembered, so that they are kept once. */
const MAX_SIZES = 200;

/**
 * All nodes with what is used on them, as columns: placement reads a few numbers of every node, so they lie side by
 * side. Kept up to date change by change; a node keeps its slot for as long as anything names it.
 */
export class NodeTable {
  cpuTotal = new Float64Array(FIRST_CAPACITY);
  memoryTotal = new Float64Array(FIRST_CAPACITY);
  diskTotal = new Float64Array(FIRST_CAPACITY);
  cpuUsed = new Float64Array(FIRST_CAPACITY);
  memoryUsed = new Float64Array(FIRST_CAPACITY);
  diskUsed = new Float64Array(FIRST_CAPACITY);
  /** 1: registered, ready and eligible. */
  usable = new Uint8Array(FIRST_CAPACITY);
  #held = new Uint32Array(FIRST_CAPACITY);
  readonly #entries: (NodeEntry | undefined)[] = [];
  readonly #slots = new Map<string, number>();
  readonly #free: number[] = [];
  readonly #holdings = new Map<string, Holding>();
  readonly #sizes = new Map<string, { readonly usage: Usage; readonly bySlot: Map<number, Holding> }>();
  #trial: Step[] | undefined;
  readonly #watchers = new Set<(slot: number) => void>();

  /**
   * Runs `decide`, then takes back whatever it held and dropped: a plan is worked out on the table itself, and takes
   * effect only when it is applied.
   */
  trial<T>(decide: () => T): T {
    const steps: Step[] = [];
    this.#trial = steps;
    try {
      return decide();
    } finally {
      this.#trial = undefined;
      for (const step of steps.toReversed()) {
        if (step.kind === "held") this.drop(step.allocId);
        else this.hold(step.allocId, step.nodeId, step.usage);
      }
    }
  }

  /**
   * Runs `decide` as if nodes took nothing new and others, that do not exist, were ready; the table is as before when it
   * returns or throws. `decide` gives back what it holds ({@link trial}).
   */
  supposing<T>(nodes: SupposedNodes, decide: () => T): T {
    const end = this.#entries.length;
    const free = [...this.#free];
    const closed = nodes.closed.flatMap((id): [number, number][] => {
      const slot = this.#slots.get(id);
      return slot === undefined ? [] : [[slot, this.usable[slot] ?? 0]];
    });
    try {
      for (const [slot] of closed) this.usable[slot] = 0;
      for (const { node, state } of nodes.added) this.setNode(node, state);
      return decide();
    } finally {
      for (const { node } of nodes.added) this.removeNode(node.ID);
      for (const [slot, usable] of closed) this.usable[slot] = usable;
      this.#entries.length = end;
      this.#free.splice(0, Infinity, ...free);
    }
  }

  /** Collects the slots that change from now on: for those who work over several turns. */
  watch(): { readonly take: () => ReadonlySet<number>; readonly end: () => void } {
    let changed = new Set<number>();
    const note = (slot: number): void => void changed.add(slot);
    this.#watchers.add(note);
    const take = (): ReadonlySet<number> => {
      const taken = changed;
      changed = new Set();
      return taken;
    };
    return { take, end: () => void this.#watchers.delete(note) };
  }

  /** Slots in use are below this. */
  get end(): number {
    return this.#entries.length;
  }

  slotOf(nodeId: string): number | undefined {
    return this.#slots.get(nodeId);
  }

  at(slot: number): NodeEntry | undefined {
    return this.#entries[slot];
  }

  setNode(node: Node, state: NodeState | undefined): void {
    const slot = this.#slotFor(node.ID);
    const before = this.#entries[slot];
    if (before === undefined) return;
    const { Cpu, Memory, Disk } = node.NodeResources;
    const reserved = node.ReservedResources;
    this.cpuTotal[slot] = Math.max(0, Cpu.CpuShares - reserved.Cpu.CpuShares);
    this.memoryTotal[slot] = Math.max(0, Memory.MemoryMB - reserved.Memory.MemoryMB);
    this.diskTotal[slot] = Math.max(0, Disk.DiskMB - reserved.Disk.DiskMB);
    this.usable[slot] = isUsable(state) ? 1 : 0;
    for (const note of this.#watchers) note(slot);
    before.ports.setNode(node);
    const computedClass = node.ComputedClass === "" ? computeClass(node) : node.ComputedClass;
    this.#entries[slot] = { ...before, node, state, computedClass };
  }

  removeNode(nodeId: string): void {
    const slot = this.#slots.get(nodeId);
    const entry = slot === undefined ? undefined : this.#entries[slot];
    if (slot === undefined || entry === undefined) return;
    this.usable[slot] = 0;
    for (const note of this.#watchers) note(slot);
    this.#entries[slot] = { ...entry, node: undefined, state: undefined, computedClass: "" };
    this.#release(slot);
  }

  /** Adds or replaces what an allocation uses. */
  hold(allocId: string, nodeId: string, usage: Usage): void {
    this.drop(allocId);
    this.#trial?.push({ kind: "held", allocId });
    const slot = this.#slotFor(nodeId);
    this.#holdings.set(allocId, this.#holding(slot, usage));
    this.#held[slot] = (this.#held[slot] ?? 0) + 1;
    this.#add(slot, usage, 1);
    const entry = this.#entries[slot];
    entry?.ports.take(usage.ports);
    for (const core of usage.cores) entry?.usedCores.add(core);
    for (const device of usage.devices) entry?.usedDevices.add(device);
  }

  /** What it held, for {@link hold} to give back; undefined when it held nothing. */
  drop(allocId: string): { readonly nodeId: string; readonly usage: Usage } | undefined {
    const held = this.#holdings.get(allocId);
    if (held === undefined) return undefined;
    const { slot, usage } = held;
    this.#holdings.delete(allocId);
    this.#held[slot] = (this.#held[slot] ?? 1) - 1;
    this.#add(slot, usage, -1);
    const entry = this.#entries[slot];
    entry?.ports.release(usage.ports);
    for (const core of usage.cores) entry?.usedCores.delete(core);
    for (const device of usage.devices) entry?.usedDevices.delete(device);
    this.#trial?.push({ kind: "dropped", allocId, nodeId: entry?.id ?? "", usage });
    this.#release(slot);
    return { nodeId: entry?.id ?? "", usage };
  }

  /** Whether the node takes new allocations and has this much left, those very ports and cores included. */
  fits(nodeId: string, usage: Usage): boolean {
    const slot = this.#slots.get(nodeId);
    const entry = slot === undefined ? undefined : this.#entries[slot];
    if (slot === undefined || entry === undefined || this.usable[slot] !== 1) return false;
    return (
      (this.cpuTotal[slot] ?? 0) - (this.cpuUsed[slot] ?? 0) >= usage.cpu &&
      (this.memoryTotal[slot] ?? 0) - (this.memoryUsed[slot] ?? 0) >= usage.memory &&
      (this.diskTotal[slot] ?? 0) - (this.diskUsed[slot] ?? 0) >= usage.disk &&
      usage.cores.every((core) => !entry.usedCores.has(core)) &&
      usage.devices.every((device) => !entry.usedDevices.has(device)) &&
      usage.ports.every(({ hostIp, port, shared }) => shared || entry.ports.isFree(hostIp, port))
    );
  }

  /** The classes of all nodes, each as often as it has nodes. */
  *classes(): Generator<string, void, void> {
    for (const entry of this.#entries) if (entry?.node !== undefined) yield entry.computedClass;
  }

  /** Whether the node takes new allocations. */
  takes(nodeId: string): boolean {
    const slot = this.#slots.get(nodeId);
    return slot !== undefined && this.usable[slot] === 1;
  }

  holds(allocId: string): boolean {
    return this.#holdings.has(allocId);
  }

  /** What is nothing but three numbers, an allocation has in common with many others of its node: it is kept once. */
  #holding(slot: number, usage: Usage): Holding {
    if (usage.cores.length + usage.devices.length + usage.ports.length > 0) return { slot, usage };
    const size = `${usage.cpu} ${usage.memory} ${usage.disk}`;
    let known = this.#sizes.get(size);
    if (known === undefined) {
      if (this.#sizes.size >= MAX_SIZES) this.#sizes.clear();
      known = { usage, bySlot: new Map() };
      this.#sizes.set(size, known);
    }
    let holding = known.bySlot.get(slot);
    if (holding === undefined) {
      holding = { slot, usage: known.usage };
      known.bySlot.set(slot, holding);
    }
    return holding;
  }

  #add(slot: number, usage: Usage, sign: 1 | -1): void {
    for (const note of this.#watchers) note(slot);
    this.cpuUsed[slot] = (this.cpuUsed[slot] ?? 0) + sign * usage.cpu;
    this.memoryUsed[slot] = (this.memoryUsed[slot] ?? 0) + sign * usage.memory;
    this.diskUsed[slot] = (this.diskUsed[slot] ?? 0) + sign * usage.disk;
  }

  #slotFor(nodeId: string): number {
    const known = this.#slots.get(nodeId);
    if (known !== undefined) return known;
    const slot = this.#free.pop() ?? this.#entries.length;
    if (slot >= this.usable.length) this.#grow();
    this.#slots.set(nodeId, slot);
    this.#entries[slot] = {
      id: nodeId,
      node: undefined,
      state: undefined,
      computedClass: "",
      ports: new PortSpace(),
      usedCores: new Owners(),
      usedDevices: new Owners(),
    };
    return slot;
  }

  #release(slot: number): void {
    const entry = this.#entries[slot];
    if (entry === undefined || entry.node !== undefined || (this.#held[slot] ?? 0) > 0) return;
    this.#entries[slot] = undefined;
    this.#slots.delete(entry.id);
    this.#free.push(slot);
    for (const column of [this.cpuTotal, this.memoryTotal, this.diskTotal]) column[slot] = 0;
  }

  #grow(): void {
    const size = this.usable.length * 2;
    this.cpuTotal = widen(this.cpuTotal, size);
    this.memoryTotal = widen(this.memoryTotal, size);
    this.diskTotal = widen(this.diskTotal, size);
    this.cpuUsed = widen(this.cpuUsed, size);
    this.memoryUsed = widen(this.memoryUsed, size);
    this.diskUsed = widen(this.diskUsed, size);
    const usable = new Uint8Array(size);
    usable.set(this.usable);
    this.usable = usable;
    const held = new Uint32Array(size);
    held.set(this.#held);
    this.#held = held;
  }
}

function isUsable(state: NodeState | undefined): boolean {
  return state?.Status === "ready" && state.SchedulingEligibility === "eligible" && state.DrainStrategy === null;
}

function widen(column: Float64Array, size: number): Float64Array<ArrayBuffer> {
  const wider = new Float64Array(size);
  wider.set(column);
  return wider;
}
