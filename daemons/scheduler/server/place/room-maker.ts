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
  /** Out of the table since the last {@link settle}. */
  #loose: { readonly slot: number; readonly victims: readonly Victim[] }[] = [];
  /** In the table again until the plan is written, though their room is spoken for; by slot. */
  readonly #owed = new Map<number, readonly Victim[]>();

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

  /** Those who were ended there before take up room in the table that is free in truth. */
  owes(slot: number): boolean {
    return this.#owed.has(slot);
  }

  /** Takes their room from them. */
  evict(slot: number, victims: readonly Victim[]): void {
    const { table } = this.#options;
    this.#known.delete(slot);
    const before = (this.#owed.get(slot) ?? []).filter(({ allocId }) => table.holds(allocId));
    this.#owed.delete(slot);
    for (const { allocId, group } of victims) {
      this.#gone.add(allocId);
      this.#ended.set(group, (this.#ended.get(group) ?? 0) + 1);
    }
    const leaving = [...before, ...victims];
    for (const { allocId } of leaving) table.drop(allocId);
    this.#loose.push({ slot, victims: leaving });
  }

  /** Others have their turn: until the plan is written nobody may be given what its victims hold. The slots they are on. */
  settle(): readonly number[] {
    const loose = this.#loose;
    this.#loose = [];
    for (const { slot, victims } of loose) {
      const nodeId = this.#options.table.at(slot)?.id ?? "";
      for (const { allocId, usage } of victims) this.#options.table.hold(allocId, nodeId, usage);
      this.#owed.set(slot, [...(this.#owed.get(slot) ?? []), ...victims]);
      this.#known.delete(slot);
    }
    return loose.map(({ slot }) => slot);
  }

  /** Something was placed there. */
  changed(slot: number): void {
    this.#known.delete(slot);
  }

  #choose(slot: number): readonly Victim[] | undefined {
    const { table, ask, victimsOn } = this.#options;
    const entry = table.at(slot);
    if (entry?.node === undefined || table.usable[slot] !== 1) return undefined;
    const candidates = victimsOn(entry.id).filter(({ allocId }) => !this.#gone.has(allocId));
    const owed = (this.#owed.get(slot) ?? []).filter(({ allocId }) => table.holds(allocId));
    if (candidates.length === 0 && owed.length === 0) return undefined;
    return chooseVictims(shortageAt({ table, ask, slot, owed }), candidates, this.#ended);
  }
}

interface Place {
  readonly table: NodeTable;
  readonly ask: Ask;
  readonly slot: number;
  /** What they hold counts as free. */
  readonly owed: readonly Victim[];
}

function shortageAt({ table, ask, slot, owed }: Place): Shortage {
  const ports = table.at(slot)?.ports;
  const given = new Set(owed.flatMap(({ usage }) => usage.ports.map(({ hostIp, port }) => `${hostIp}:${port}`)));
  const taken = ask.staticPorts.flatMap(({ port, hostNetwork, ignoreCollision }) => {
    const hostIp = ports?.addressOf(hostNetwork) ?? "";
    const isFree = ignoreCollision || ports?.isFree(hostIp, port) !== false || given.has(`${hostIp}:${port}`);
    return isFree ? [] : [`${hostIp}:${port}`];
  });
  const back = (pick: (victim: Victim) => number): number => owed.reduce((sum, each) => sum + pick(each), 0);
  const short = (wanted: number, total = 0, used = 0): number => wanted - (total - used);
  return {
    cpu: short(cpuOn(table.at(slot)?.node, ask), table.cpuTotal[slot], table.cpuUsed[slot]) - back((v) => v.usage.cpu),
    memory: short(ask.memory, table.memoryTotal[slot], table.memoryUsed[slot]) - back((v) => v.usage.memory),
    disk: short(ask.disk, table.diskTotal[slot], table.diskUsed[slot]) - back((v) => v.usage.disk),
    cores: ask.cores === 0 ? 0 : ask.cores - freeCores(table, slot).length - back((v) => v.usage.cores.length),
    ports: new Set(taken),
    ...(hasRest({ table, ask, slot, owed }, []) ? {} : restOf({ table, ask, slot, owed })),
  };
}

/** What is no number: devices of a kind, ports of a range. */
function restOf(place: Place): Pick<Shortage, "rest"> {
  const { ask } = place;
  const gives = ({ usage }: Victim): boolean =>
    (ask.devices.length > 0 && usage.devices.length > 0) || (ask.dynamicPorts.length > 0 && usage.ports.length > 0);
  return { rest: { gives, isFree: (ended) => hasRest(place, ended) } };
}

/** Whether devices and dynamic ports would be found, were it not for these. */
function hasRest({ table, ask, slot, owed }: Place, ended: readonly Victim[]): boolean {
  if (ask.devices.length === 0 && ask.dynamicPorts.length === 0) return true;
  const entry = table.at(slot);
  if (entry === undefined) return false;
  const away = [...owed, ...ended];
  for (const { usage } of away) {
    entry.ports.release(usage.ports);
    for (const device of usage.devices) entry.usedDevices.delete(device);
  }
  const found = !missingDevices(table, slot, ask) && hasDynamic(entry.ports, ask);
  for (const { usage } of away) {
    entry.ports.take(usage.ports);
    for (const device of usage.devices) entry.usedDevices.add(device);
  }
  return found;
}
