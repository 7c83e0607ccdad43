import { cpuOn, type Ask } from "./ask.ts";
import { hasDynamic } from "./dynamic-ports.ts";
import { freeCores, missingDevices } from "./fit.ts";
import type { NodeTable } from "./node-table.ts";
import { chooseVictims, type Shortage, type Victim } from "./preempt.ts";

export interface RoomMakerOptions {
  readonly table: NodeTable;
  readonly ask: Ask;
  /** The allocations of a node that are of no use to keep when this job needs their room. */
  readonly victimsOn: (nodeId: string) => readonly Victim[];
}

/** Makes room for a group on nodes that are full, by ending what is less important. */
export class RoomMaker {
  readonly #options: RoomMakerOptions;
  readonly #ended = new Map<string, number>();
  readonly #gone = new Set<string>();
  /** What was worked out for a slot, as long as nothing changed there. */
  readonly #known = new Map<number, readonly Victim[] | undefined>();

  constructor(options: RoomMakerOptions) {
    this.#options = options;
  }

  /** Who would have to go for one more allocation to fit; undefined: it would not fit even then. */
  victimsAt(slot: number): readonly Victim[] | undefined {
    if (this.#known.has(slot)) return this.#known.get(slot);
    const victims = this.#choose(slot);
    this.#known.set(slot, victims);
    return victims;
  }

  /** Takes their room from them. */
  evict(slot: number, victims: readonly Victim[]): void {
    this.#known.delete(slot);
    for (const { allocId, group } of victims) {
      this.#gone.add(allocId);
      this.#ended.set(group, (this.#ended.get(group) ?? 0) + 1);
      this.#options.table.drop(allocId);
    }
  }

  /** Something was placed there. */
  changed(slot: number): void {
    this.#known.delete(slot);
  }

  #choose(slot: number): readonly Victim[] | undefined {
    const { table, ask, victimsOn } = this.#options;
    const entry = table.at(slot);
    if (entry?.node === undefined || table.usable[slot] !== 1) return undefined;
    // Whom to end for a device or a dynamic port is not looked for: nobody may go when these are missing.
    if (missingDevices(table, slot, ask) || !hasDynamic(entry.ports, ask)) return undefined;
    const candidates = victimsOn(entry.id).filter(({ allocId }) => !this.#gone.has(allocId));
    return candidates.length === 0 ? undefined : chooseVictims(shortageAt(table, slot, ask), candidates, this.#ended);
  }
}

function shortageAt(table: NodeTable, slot: number, ask: Ask): Shortage {
  const ports = table.at(slot)?.ports;
  const taken = ask.staticPorts.flatMap(({ port, hostNetwork, ignoreCollision }) => {
    const hostIp = ports?.addressOf(hostNetwork) ?? "";
    return ignoreCollision || ports?.isFree(hostIp, port) !== false ? [] : [`${hostIp}:${port}`];
  });
  const short = (wanted: number, total = 0, used = 0): number => wanted - (total - used);
  return {
    cpu: short(cpuOn(table.at(slot)?.node, ask), table.cpuTotal[slot], table.cpuUsed[slot]),
    memory: short(ask.memory, table.memoryTotal[slot], table.memoryUsed[slot]),
    disk: short(ask.disk, table.diskTotal[slot], table.diskUsed[slot]),
    cores: ask.cores === 0 ? 0 : ask.cores - freeCores(table, slot).length,
    ports: new Set(taken),
  };
}
