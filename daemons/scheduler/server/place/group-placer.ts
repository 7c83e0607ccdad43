import type { AllocMetric } from "#base/protocol/alloc.ts";
import type { Node } from "#base/protocol/node.ts";
import { affinityScorer } from "./affinity.ts";
import { askOf, cpuOn, type Ask } from "./ask.ts";
import { deviceScore } from "./devices.ts";
import { DistinctRules } from "./distinct.ts";
import { exhausted, NO_DYNAMIC_PORT } from "./fit.ts";
import { grant } from "./grant.ts";
import { countIn, exhaustedResources, newMetric, type MetricDraft } from "./metric.ts";
import type { NodeEntry } from "./node-table.ts";
import type { GroupPlacerOptions, Placed, PlaceRequest } from "./placement.ts";
import { preemptionScore, type Victim } from "./preempt.ts";
import { Leaders } from "./leaders.ts";
import { RoomMaker } from "./room-maker.ts";
import { RoomSearch, type MadeRoom } from "./room-search.ts";
import { antiAffinityScore, balanceScore, balanceScoreAt, fitScore, fitScoreAt } from "./score.ts";
import { screen } from "./screen.ts";
import { SlotHeap } from "./slot-heap.ts";
import { SpreadCounts } from "./spread.ts";
import { usageOf } from "./usage.ts";
import { hasOwnVolumes, MISSING_VOLUMES } from "./volumes.ts";

/**
 * Placements of one group whose record lists the best nodes; later ones of the same plan name only their own. Thousands of
 * records that all tell of the same few nodes would cost their cluster more memory than anybody reads.
 */
const DETAILED_SCORES = 256;
const SCORES_LISTED = 5;
/** Nodes are kept apart by how many scores their mean is taken over: fit, anti-affinity, affinity, devices. */
const MAX_SCORES = 4;
const RESCHEDULE_PENALTY = -1;

/**
 * Places allocations of one group, each on the best of all feasible nodes. Between two placements only the chosen
 * node's own score changes (and, with spreads, those of whole buckets alike), so nodes are scored once and kept in
 * heaps; the exact best costs log N.
 */
export class GroupPlacer {
  readonly #options: GroupPlacerOptions;
  readonly #ask: Ask;
  readonly #screened: readonly number[];
  readonly #screening: MetricDraft;
  readonly #distinct: DistinctRules;
  readonly #spread: SpreadCounts;
  readonly #affinity: (entry: NodeEntry) => number;
  readonly #counts: Uint32Array;
  readonly #sums: Float64Array;
  readonly #parts: Uint8Array;
  /** The spread bucket of each slot, once it was asked for. */
  readonly #buckets: Int32Array;
  readonly #heaps = new Map<number, SlotHeap>();
  /** The screened slots' nodes, as they were screened. */
  readonly #nodes = new Map<number, NodeEntry>();
  readonly #rooms: RoomMaker | undefined;
  readonly #search: RoomSearch | undefined;
  /** Had no port, core or device left when it was chosen, whatever its score: not to be chosen again as it is. */
  readonly #refused = new Set<number>();
  #placed = 0;
  /** Of the last that was to be placed. */
  #index = 0;

  constructor(options: GroupPlacerOptions) {
    const { table, job, group, victimsOn } = options;
    this.#options = options;
    this.#ask = askOf(job, group);
    this.#rooms = victimsOn === undefined ? undefined : new RoomMaker({ table, ask: this.#ask, victimsOn });
    this.#screening = newMetric();
    this.#screened = screen({ table, job, group, ask: this.#ask }, this.#screening);
    this.#distinct = new DistinctRules(job, group);
    this.#spread = new SpreadCounts(job, group);
    this.#affinity = affinityScorer(job, group);
    this.#counts = new Uint32Array(table.end);
    this.#sums = new Float64Array(table.end);
    this.#parts = new Uint8Array(table.end);
    this.#buckets = new Int32Array(table.end).fill(-1);
    if (this.#rooms !== undefined) {
      const scoreOf = (slot: number, victims: readonly Victim[]): number => this.#scoreWithout(slot, victims);
      const { patient = false } = options;
      this.#search = new RoomSearch({ rooms: this.#rooms, slots: this.#screened, end: table.end, scoreOf, patient });
    }
    this.#countStaying();
    for (const slot of this.#screened) {
      const entry = table.at(slot);
      if (entry !== undefined) this.#nodes.set(slot, entry);
      this.#enter(slot);
    }
  }

  /** Puts one allocation on a node and holds its resources in the table; undefined: nothing fits ({@link failure}). */
  place(request: PlaceRequest): Placed | undefined {
    const { table, group, random, oversubscribes } = this.#options;
    this.#index = request.index ?? 0;
    for (;;) {
      const found = this.#choose(request);
      const room = found === undefined ? this.#makeRoom() : undefined;
      const slot = found ?? room?.slot;
      const entry = slot === undefined ? undefined : table.at(slot);
      if (slot === undefined || entry?.node === undefined) return undefined;
      const resources = grant({ table, slot, group, ask: this.#ask, random, oversubscribes, index: this.#index });
      if (resources === undefined) {
        this.#leave(slot, entry);
        this.#refused.add(slot);
        continue;
      }
      const metric = this.#explain(slot, request, room);
      this.#leave(slot, entry);
      table.hold(request.allocId, entry.id, usageOf(resources));
      this.#distinct.add(entry.node, true);
      this.#spread.count(this.#spread.bucketOf(entry.node), 1);
      this.#counts[slot] = (this.#counts[slot] ?? 0) + 1;
      this.#placed += 1;
      this.#search?.changed(slot);
      this.#enter(slot);
      return { nodeId: entry.id, nodeName: entry.node.Name, resources, metric, evicted: room?.victims ?? [] };
    }
  }

  /** Nothing fits beside what is there: the node where ending something costs least. Its victims have left the table then. */
  #makeRoom(): MadeRoom | undefined {
    const { table } = this.#options;
    const best = this.#search?.best((slot) => {
      const node = table.at(slot)?.node;
      if (node === undefined || this.#refused.has(slot) || !this.#hasOwnVolumes(node)) return false;
      return !this.#distinct.active || this.#distinct.broken(node) === undefined;
    });
    if (best !== undefined) this.#rooms?.evict(best.slot, best.victims);
    return best;
  }

  /** Nodes have to be looked at for room ({@link lookForRoom}) before more is found than what fits beside others. */
  get wantsRoom(): boolean {
    return this.#search?.wantsLook === true;
  }

  *lookForRoom(): Generator<void, void, void> {
    yield* this.#search?.look() ?? [];
  }

  /** Others have their turn: the victims of what was placed hold their room again until the plan is written. */
  settle(): void {
    for (const slot of this.#rooms?.settle() ?? []) {
      const entry = this.#nodes.get(slot);
      if (entry !== undefined) this.#leave(slot, entry);
      this.#enter(slot);
      this.#search?.changed(slot);
    }
  }

  #scoreWithout(slot: number, victims: readonly Victim[]): number {
    const { table, group, algorithm } = this.#options;
    const freed = (pick: (victim: Victim) => number): number => victims.reduce((sum, each) => sum + pick(each), 0);
    const entry = table.at(slot);
    const free = (total = 0, used = 0, more: number): number => (total <= 0 ? 0 : 1 - (used + more) / total);
    const cpu = cpuOn(entry?.node, this.#ask) - freed(({ usage }) => usage.cpu);
    const memory = this.#ask.memory - freed(({ usage }) => usage.memory);
    const left = [
      free(table.cpuTotal[slot], table.cpuUsed[slot], cpu),
      free(table.memoryTotal[slot], table.memoryUsed[slot], memory),
    ] as const;
    const fit = fitScore(algorithm, ...left) + balanceScore(algorithm, ...left);
    const others = [
      antiAffinityScore(this.#counts[slot] ?? 0, group.Count ?? 1),
      entry === undefined ? 0 : this.#affinity(entry),
    ].filter((score) => score !== 0);
    const all = [fit, preemptionScore(victims), ...others];
    return all.reduce((sum, score) => sum + score, 0) / all.length;
  }

  /** Others changed these slots since the last placement: they are scored anew, or left out where the node is another. */
  refresh(changed: ReadonlySet<number>): void {
    for (const slot of changed) {
      const known = this.#nodes.get(slot);
      const entry = this.#options.table.at(slot);
      if (known === undefined) continue;
      this.#search?.changed(slot);
      this.#heaps.get(this.#heapKey(slot, known))?.remove(slot);
      if (entry?.node === known.node && this.#options.table.usable[slot] === 1) this.#enter(slot);
    }
  }

  /** By class of nodes: whether the group may run there at all. What a blocked evaluation waits for. */
  classEligibility(): Record<string, boolean> {
    const { table } = this.#options;
    const eligible: Record<string, boolean> = {};
    for (let slot = 0; slot < table.end; slot++) {
      // Of a class none of whose nodes takes anything now, nothing was found out.
      const entry = table.usable[slot] === 1 ? table.at(slot) : undefined;
      if (entry?.node !== undefined) eligible[entry.computedClass] ??= false;
    }
    for (const slot of this.#screened) {
      const entry = table.at(slot);
      if (entry !== undefined) eligible[entry.computedClass] = true;
    }
    return eligible;
  }

  /** Why the last {@link place} found nothing: every screened node with what it lacks now. */
  failure(): MetricDraft {
    const metric = structuredClone(this.#screening);
    const { table } = this.#options;
    for (const slot of this.#screened) {
      const node = table.at(slot)?.node;
      if (node === undefined) continue;
      const barred = this.#distinct.active ? this.#distinct.broken(node) : undefined;
      const broken = barred ?? (this.#hasOwnVolumes(node) ? undefined : MISSING_VOLUMES);
      if (broken !== undefined) {
        metric.NodesFiltered += 1;
        countIn(metric.ConstraintFiltered, broken);
        continue;
      }
      metric.NodesExhausted += 1;
      if (node.NodeClass !== "") countIn(metric.ClassExhausted, node.NodeClass);
      countIn(metric.DimensionExhausted, exhausted(table, slot, this.#ask) ?? NO_DYNAMIC_PORT);
    }
    metric.ResourcesExhausted = exhaustedResources(this.#options.group, metric.DimensionExhausted);
    return metric;
  }

  #countStaying(): void {
    const { table, group, staying } = this.#options;
    for (const other of staying) {
      const slot = table.slotOf(other.nodeId);
      const node = slot === undefined ? undefined : table.at(slot)?.node;
      if (slot === undefined || node === undefined) continue;
      const own = other.group === group.Name;
      this.#distinct.add(node, own);
      if (!own) continue;
      this.#counts[slot] = (this.#counts[slot] ?? 0) + 1;
      this.#spread.count(this.#spread.bucketOf(node), 1);
    }
  }

  /** Scores a node as it is now and puts it among the candidates, if one more fits. */
  #enter(slot: number): void {
    const { table, group, algorithm } = this.#options;
    const entry = table.at(slot);
    this.#refused.delete(slot);
    if (entry?.node === undefined || exhausted(table, slot, this.#ask) !== undefined) return;
    if (this.#distinct.active && this.#distinct.broken(entry.node) !== undefined) return;
    const anti = antiAffinityScore(this.#counts[slot] ?? 0, group.Count ?? 1);
    const affinity = this.#affinity(entry);
    const devices = deviceScore(entry, this.#ask.devices);
    const by = { ask: this.#ask, algorithm };
    const fit = fitScoreAt(table, slot, by) + balanceScoreAt(table, slot, by);
    this.#sums[slot] = fit + anti + affinity + devices;
    this.#parts[slot] = 1 + (anti === 0 ? 0 : 1) + (affinity === 0 ? 0 : 1) + (devices === 0 ? 0 : 1);
    const key = this.#heapKey(slot, entry);
    let heap = this.#heaps.get(key);
    if (heap === undefined) {
      heap = new SlotHeap(this.#sums);
      this.#heaps.set(key, heap);
    }
    heap.push(slot);
  }

  #leave(slot: number, entry: NodeEntry): void {
    this.#heaps.get(this.#heapKey(slot, entry))?.remove(slot);
  }

  #heapKey(slot: number, { node }: NodeEntry): number {
    let bucket = this.#buckets[slot] ?? -1;
    if (bucket < 0) {
      bucket = node === undefined ? 0 : this.#spread.bucketOf(node);
      this.#buckets[slot] = bucket;
    }
    return bucket * (MAX_SCORES + 1) + (this.#parts[slot] ?? 0);
  }

  #choose(request: PlaceRequest): number | undefined {
    const preferred = request.preferredNode === undefined ? undefined : this.#candidate(request.preferredNode);
    if (preferred !== undefined) return preferred;
    let best: number | undefined;
    let bestScore = Number.NEGATIVE_INFINITY;
    for (const [key, heap] of this.#heaps) {
      const slot = this.#topOf(heap, request);
      // A property shared by several nodes may have been used up since this one entered.
      if (slot === undefined) continue;
      const score = this.#mean(slot, key, 0);
      if (score > bestScore || (score === bestScore && slot < (best ?? slot + 1))) [best, bestScore] = [slot, score];
    }
    for (const nodeId of request.penaltyNodes) {
      const slot = this.#candidate(nodeId);
      const entry = slot === undefined ? undefined : this.#options.table.at(slot);
      if (slot === undefined || entry === undefined) continue;
      const score = this.#mean(slot, this.#heapKey(slot, entry), RESCHEDULE_PENALTY);
      if (score > bestScore) [best, bestScore] = [slot, score];
    }
    return best;
  }

  /** The best of a heap that still may be used and is not to be avoided; drops those that broke a rule meanwhile. */
  #topOf(heap: SlotHeap, { penaltyNodes }: PlaceRequest): number | undefined {
    if (penaltyNodes.size === 0 && !this.#distinct.active && !this.#ask.perAlloc) return heap.top;
    const dropped: number[] = [];
    let top: number | undefined;
    for (const slot of heap.ranked()) {
      const entry = this.#options.table.at(slot);
      if (entry?.node === undefined || this.#distinct.broken(entry.node) !== undefined) dropped.push(slot);
      else if (!penaltyNodes.has(entry.id) && this.#hasOwnVolumes(entry.node)) {
        top = slot;
        break;
      }
    }
    for (const slot of dropped) heap.remove(slot);
    return top;
  }

  #candidate(nodeId: string): number | undefined {
    const { table } = this.#options;
    const slot = table.slotOf(nodeId);
    const node = slot === undefined ? undefined : table.at(slot)?.node;
    if (slot === undefined || node === undefined || !this.#nodes.has(slot)) return undefined;
    if (this.#refused.has(slot) || !this.#hasOwnVolumes(node)) return undefined;
    if (exhausted(table, slot, this.#ask) !== undefined || this.#distinct.broken(node) !== undefined) return undefined;
    return slot;
  }

  #hasOwnVolumes(node: Node): boolean {
    if (!this.#ask.perAlloc) return true;
    const { claims = new Map() } = this.#options;
    return hasOwnVolumes(node, this.#ask.volumes, { index: this.#index, claims });
  }

  #mean(slot: number, key: number, penalty: number): number {
    const spread = this.#spread.score(Math.floor(key / (MAX_SCORES + 1)));
    const parts = (this.#parts[slot] ?? 1) + (spread === 0 ? 0 : 1) + (penalty === 0 ? 0 : 1);
    return ((this.#sums[slot] ?? 0) + spread + penalty) / parts;
  }

  #explain(chosen: number, request: PlaceRequest, room: MadeRoom | undefined): AllocMetric {
    const slots = new Set([chosen]);
    if (this.#placed < DETAILED_SCORES) {
      for (const slot of this.#leaders()) if (slots.size < SCORES_LISTED) slots.add(slot);
    }
    // A copy is as long as it has to be; what was added to has room for seventeen.
    const ScoreMetaData = [...slots].flatMap((slot) => this.#scoresOf(slot, request)).slice();
    const [own] = ScoreMetaData;
    if (own !== undefined && room !== undefined) {
      own.Scores["preemption"] = preemptionScore(room.victims);
      // Full as the node was, it had no place among the candidates.
      own.NormScore = room.score;
    }
    return { ...this.#screening, ScoreMetaData };
  }

  /** The best of all, best first: they are in the heaps whose first ones are the best. */
  #leaders(): readonly number[] {
    const tops = new Leaders<SlotHeap>(SCORES_LISTED);
    const keys = new Map<SlotHeap, number>();
    for (const [key, heap] of this.#heaps) {
      if (heap.top === undefined) continue;
      if (tops.offer(heap, this.#mean(heap.top, key, 0))) keys.set(heap, key);
    }
    const best = new Leaders<number>(SCORES_LISTED);
    for (const heap of tops.all) {
      for (const slot of heap.ranked()) if (!best.offer(slot, this.#mean(slot, keys.get(heap) ?? 0, 0))) break;
    }
    return best.all;
  }

  #scoresOf(slot: number, { penaltyNodes }: PlaceRequest): AllocMetric["ScoreMetaData"] {
    const { table, group, algorithm } = this.#options;
    const entry = table.at(slot);
    if (entry === undefined) return [];
    const penalty = penaltyNodes.has(entry.id) ? RESCHEDULE_PENALTY : 0;
    const key = this.#heapKey(slot, entry);
    const by = { ask: this.#ask, algorithm };
    const balance = balanceScoreAt(table, slot, by);
    const Scores: Record<string, number> = {
      binpack: fitScoreAt(table, slot, by),
      ...(balance === 0 ? {} : { balance }),
      "job-anti-affinity": antiAffinityScore(this.#counts[slot] ?? 0, group.Count ?? 1),
      "node-affinity": this.#affinity(entry),
      "node-reschedule-penalty": penalty,
    };
    const spread = this.#spread.score(Math.floor(key / (MAX_SCORES + 1)));
    if (this.#ask.devices.length > 0) Scores["devices"] = deviceScore(entry, this.#ask.devices);
    if (this.#spread.active) Scores["allocation-spread"] = spread;
    return [{ NodeID: entry.id, Scores, NormScore: this.#mean(slot, key, penalty) }];
  }
}
