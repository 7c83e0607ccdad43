import { PriorityHeap } from "./priority-heap.ts";

/** Evaluations in the broker's hands; more stay in the store and are picked up later. */
export const MAX_QUEUED_EVALS = 1_000_000;
/** A worker has this long to answer for an evaluation. */
export const NACK_TIMEOUT_MS = 60_000;
/** Handed out this often at most; then it has failed. */
export const DELIVERY_LIMIT = 3;

/** As much of an evaluation as queueing needs. */
export interface QueuedEval {
  readonly id: string;
  readonly namespace: string;
  readonly jobId: string;
  readonly type: string;
  readonly priority: number;
  /** Creation order among equals. */
  readonly createIndex: number;
  /** Not before this time, on the broker's clock; 0: at once. */
  readonly waitUntilMs: number;
}

export interface Delivery {
  readonly evaluation: QueuedEval;
  /** Proves to {@link Broker.ack} that the answer is for this delivery, not an earlier one. */
  readonly token: number;
}

interface InFlight extends Delivery {
  readonly deadlineMs: number;
}

interface Delayed {
  readonly evaluation: QueuedEval;
  readonly dueMs: number;
}

/**
 * The queue of evaluations: highest priority first within a scheduler type, one in flight per job, delivered at least
 * once. Holds no clock: the caller says what time it is and calls {@link tick} at {@link nextMs}.
 */
export class Broker {
  readonly #ready = new Map<string, PriorityHeap<QueuedEval>>();
  /** Per job, those behind the one that is ready or in flight. */
  readonly #behind = new Map<string, QueuedEval[]>();
  /** Per job, the one that is ready or in flight. */
  readonly #turn = new Map<string, string>();
  readonly #inFlight = new Map<string, InFlight>();
  readonly #delayed = new PriorityHeap<Delayed>((a, b) => a.dueMs < b.dueMs);
  readonly #deliveries = new Map<string, number>();
  readonly #known = new Set<string>();
  #cancelled: QueuedEval[] = [];
  #failed: QueuedEval[] = [];
  #tokens = 0;

  /** Evaluations in hand: ready, waiting and in flight. */
  get size(): number {
    return this.#known.size;
  }

  /** Could be handed out now. */
  get ready(): number {
    let count = 0;
    for (const heap of this.#ready.values()) count += heap.size;
    return count;
  }

  get inFlight(): number {
    return this.#inFlight.size;
  }

  has(evalId: string): boolean {
    return this.#known.has(evalId);
  }

  /** False at the limit. An evaluation that is in hand already stays where it is. */
  enqueue(evaluation: QueuedEval, nowMs: number): boolean {
    if (this.#known.has(evaluation.id)) return true;
    if (this.#known.size >= MAX_QUEUED_EVALS) return false;
    this.#known.add(evaluation.id);
    if (evaluation.waitUntilMs > nowMs) this.#delayed.push({ evaluation, dueMs: evaluation.waitUntilMs });
    else this.#admit(evaluation);
    return true;
  }

  /** The next evaluation of any of these types (default: all), if there is one. */
  dequeue(nowMs: number, types?: readonly string[]): Delivery | undefined {
    let best: PriorityHeap<QueuedEval> | undefined;
    for (const [type, heap] of this.#ready) {
      if (heap.top === undefined || (types !== undefined && !types.includes(type))) continue;
      if (best?.top === undefined || comesFirst(heap.top, best.top)) best = heap;
    }
    const evaluation = best?.pop();
    if (evaluation === undefined) return undefined;
    this.#tokens += 1;
    const delivery = { evaluation, token: this.#tokens };
    this.#inFlight.set(evaluation.id, { ...delivery, deadlineMs: nowMs + NACK_TIMEOUT_MS });
    this.#deliveries.set(evaluation.id, (this.#deliveries.get(evaluation.id) ?? 0) + 1);
    return delivery;
  }

  /** The delivery waits for something else than its worker: its time does not run. */
  suspend(evalId: string, token: number): void {
    this.#setDeadline(evalId, token, Number.POSITIVE_INFINITY);
  }

  /** Its time begins now. */
  resume(evalId: string, token: number, nowMs: number): void {
    this.#setDeadline(evalId, token, nowMs + NACK_TIMEOUT_MS);
  }

  #setDeadline(evalId: string, token: number, deadlineMs: number): void {
    const delivery = this.#inFlight.get(evalId);
    if (delivery?.token === token) this.#inFlight.set(evalId, { ...delivery, deadlineMs });
  }

  /** Done. False when the delivery had timed out: somebody else works on it now. */
  ack(evalId: string, token: number): boolean {
    const delivery = this.#take(evalId, token);
    if (delivery === undefined) return false;
    this.#forget(delivery.evaluation);
    return true;
  }

  /** Not done: back in the queue, or failed at the delivery limit. `blameless`: this delivery does not count. */
  nack(evalId: string, token: number, options: { readonly blameless: boolean } = { blameless: false }): boolean {
    const delivery = this.#take(evalId, token);
    if (delivery === undefined) return false;
    const { evaluation } = delivery;
    if (options.blameless) this.#deliveries.set(evalId, (this.#deliveries.get(evalId) ?? 1) - 1);
    if ((this.#deliveries.get(evalId) ?? 0) < DELIVERY_LIMIT) {
      this.#heapOf(evaluation.type).push(evaluation);
      return true;
    }
    this.#failed.push(evaluation);
    this.#forget(evaluation);
    return true;
  }

  /** Takes back deliveries nobody answered for, and lets in what waited for its time. */
  tick(nowMs: number): void {
    for (const { evaluation, token, deadlineMs } of this.#inFlight.values()) {
      if (deadlineMs <= nowMs) this.nack(evaluation.id, token);
    }
    for (let due = this.#delayed.top; due !== undefined && due.dueMs <= nowMs; due = this.#delayed.top) {
      this.#delayed.pop();
      if (this.#known.has(due.evaluation.id)) this.#admit(due.evaluation);
    }
  }

  /** When {@link tick} has something to do next. */
  nextMs(): number | undefined {
    let first = this.#delayed.top?.dueMs ?? Number.POSITIVE_INFINITY;
    for (const { deadlineMs } of this.#inFlight.values()) first = Math.min(first, deadlineMs);
    return Number.isFinite(first) ? first : undefined;
  }

  /** Evaluations a newer one of the same job made needless, since the last call. */
  takeCancelled(): QueuedEval[] {
    const cancelled = this.#cancelled;
    this.#cancelled = [];
    return cancelled;
  }

  /** Evaluations that reached the delivery limit, since the last call. */
  takeFailed(): QueuedEval[] {
    const failed = this.#failed;
    this.#failed = [];
    return failed;
  }

  #admit(evaluation: QueuedEval): void {
    const job = jobKey(evaluation);
    if (this.#turn.has(job)) {
      const behind = this.#behind.get(job);
      if (behind === undefined) this.#behind.set(job, [evaluation]);
      else behind.push(evaluation);
      return;
    }
    this.#turn.set(job, evaluation.id);
    this.#heapOf(evaluation.type).push(evaluation);
  }

  #take(evalId: string, token: number): InFlight | undefined {
    const delivery = this.#inFlight.get(evalId);
    if (delivery?.token !== token) return undefined;
    this.#inFlight.delete(evalId);
    return delivery;
  }

  /** The job's turn passes to the newest behind it; the others would ask the same question again. */
  #forget(evaluation: QueuedEval): void {
    this.#known.delete(evaluation.id);
    this.#deliveries.delete(evaluation.id);
    const job = jobKey(evaluation);
    this.#turn.delete(job);
    const behind = this.#behind.get(job);
    if (behind === undefined) return;
    this.#behind.delete(job);
    behind.sort((a, b) => a.createIndex - b.createIndex);
    const next = behind.pop();
    for (const needless of behind) {
      this.#known.delete(needless.id);
      this.#cancelled.push(needless);
    }
    if (next !== undefined) this.#admit(next);
  }

  #heapOf(type: string): PriorityHeap<QueuedEval> {
    const known = this.#ready.get(type);
    if (known !== undefined) return known;
    const heap = new PriorityHeap<QueuedEval>(comesFirst);
    this.#ready.set(type, heap);
    return heap;
  }
}

/** Of two that are ready: the more important one, then the older. */
export function comesFirst(a: QueuedEval, b: QueuedEval): boolean {
  return a.priority === b.priority ? a.createIndex < b.createIndex : a.priority > b.priority;
}

function jobKey({ namespace, jobId }: QueuedEval): string {
  return `${namespace}/${jobId}`;
}
