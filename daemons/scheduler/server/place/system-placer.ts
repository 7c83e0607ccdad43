import type { Random } from "#base/env/random.ts";
import type { Job, TaskGroup } from "#base/protocol/job.ts";
import { askOf, type Ask } from "./ask.ts";
import { exhausted, NO_DYNAMIC_PORT } from "./fit.ts";
import { grant } from "./grant.ts";
import type { Placed, PlaceRequest } from "./placement.ts";
import { countIn, exhaustedResources, newMetric, type MetricDraft } from "./metric.ts";
import type { NodeTable } from "./node-table.ts";
import type { Victim } from "./preempt.ts";
import { RoomMaker } from "./room-maker.ts";
import { screen } from "./screen.ts";
import { hasOwnVolumes, MISSING_VOLUMES } from "./volumes.ts";
import { usageOf } from "./usage.ts";

export interface SystemPlacerOptions {
  readonly table: NodeTable;
  readonly job: Job;
  readonly group: TaskGroup;
  readonly oversubscribes: boolean;
  readonly random: Random;
  readonly victimsOn?: ((nodeId: string) => readonly Victim[]) | undefined;
}

/** Places allocations of a system job, each on the one node it is meant for (`preferredNode`). */
export class SystemPlacer {
  readonly #options: SystemPlacerOptions;
  readonly #ask: Ask;
  readonly #screened: ReadonlySet<number>;
  readonly #metric: MetricDraft = newMetric();
  readonly #rooms: RoomMaker | undefined;

  constructor(options: SystemPlacerOptions) {
    const { table, job, group, victimsOn } = options;
    this.#options = options;
    this.#ask = askOf(job, group);
    this.#rooms = victimsOn === undefined ? undefined : new RoomMaker({ table, ask: this.#ask, victimsOn });
    this.#screened = new Set(screen({ table, job, group, ask: this.#ask }, this.#metric));
  }

  place({ allocId, preferredNode, index = 0 }: PlaceRequest): Placed | undefined {
    const { table, group, random, oversubscribes } = this.#options;
    const slot = preferredNode === undefined ? undefined : table.slotOf(preferredNode);
    const entry = slot === undefined ? undefined : table.at(slot);
    if (slot === undefined || entry?.node === undefined || !this.#screened.has(slot)) return undefined;
    if (this.#ask.perAlloc && !hasOwnVolumes(entry.node, this.#ask.volumes, { index, claims: new Map() })) {
      this.#metric.NodesFiltered += 1;
      countIn(this.#metric.ConstraintFiltered, MISSING_VOLUMES);
      return undefined;
    }
    let lacking = exhausted(table, slot, this.#ask);
    const victims = lacking === undefined ? [] : (this.#rooms?.victimsAt(slot) ?? []);
    if (victims.length > 0) {
      this.#rooms?.evict(slot, victims);
      lacking = exhausted(table, slot, this.#ask);
    }
    const request = { table, slot, group, ask: this.#ask, random, oversubscribes, index };
    const resources = lacking === undefined ? grant(request) : undefined;
    if (resources === undefined) {
      this.#metric.NodesExhausted += 1;
      countIn(this.#metric.DimensionExhausted, lacking ?? NO_DYNAMIC_PORT);
      return undefined;
    }
    table.hold(allocId, entry.id, usageOf(resources));
    const metric = {
      ...newMetric(),
      NodesEvaluated: 1,
      NodesInPool: 1,
      NodesAvailable: { [entry.node.Datacenter]: 1 },
    };
    return { nodeId: entry.id, nodeName: entry.node.Name, resources, metric, evicted: victims };
  }

  /** Each node is looked at when its turn comes. */
  refresh(changed: ReadonlySet<number>): void {
    for (const slot of changed) this.#rooms?.changed(slot);
  }

  settle(): void {
    this.#rooms?.settle();
  }

  readonly wantsRoom = false;
  *lookForRoom(): Generator<void, void, void> {}

  failure(): MetricDraft {
    const ResourcesExhausted = exhaustedResources(this.#options.group, this.#metric.DimensionExhausted);
    return { ...structuredClone(this.#metric), ResourcesExhausted };
  }

  classEligibility(): Record<string, boolean> {
    const eligible: Record<string, boolean> = {};
    for (const slot of this.#screened) {
      const entry = this.#options.table.at(slot);
      if (entry !== undefined) eligible[entry.computedClass] = true;
    }
    return eligible;
  }
}
