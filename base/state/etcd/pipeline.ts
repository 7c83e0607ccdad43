import { messageOf } from "#base/env/errors.ts";
import { StoreError, type Txn, type TxnResult } from "../store.ts";
import { EtcdError, type EtcdApi, type EtcdTxnResult } from "./api.ts";
import { BatchRoom, encodeBatch, isConditional, type Submitted } from "./batch.ts";
import { Claims, footprintOf, type Footprint } from "./claims.ts";
import { decodeAnswer } from "./encode-txn.ts";
import { toStoreError } from "./etcd-errors.ts";
import { Patience, type Attempts } from "./patience.ts";
import { reconstruct } from "./reconstruct.ts";

/** Batches on their way at one time, each marked under a key of its own. */
export const LANES = 4;
/** A slow answer counts half after this many quick ones: 20. */
const USUAL_DECAY = 0.966;
/** Waiting transactions that are looked at for a batch: those that are in each other's way stay in their order. */
const LOOK_AHEAD = 512;

export interface PipelineOptions {
  readonly api: EtcdApi;
  readonly attempts: Attempts;
  /** Begins this writer's marks; nobody else may use it. */
  readonly markPrefix: string;
  /** Tells this run of the program from every other. */
  readonly session: string;
  /** Every revision that an answer names. */
  readonly onRevision: (revision: number) => void;
}

interface Lane {
  readonly key: string;
  modRevision: number;
  busy: boolean;
}

interface WaitingRead {
  readonly footprint: Footprint;
  readonly start: () => void;
}

/**
 * Carries transactions to etcd as if one after the other, in the order they were submitted: those that touch different keys
 * travel together or side by side, those that do not wait for each other. What got no answer is sent again, which the marks
 * make harmless (see {@link encodeBatch}); so a member's death, an election or a lost connection is a delay and nothing else.
 */
export class Pipeline {
  readonly #options: PipelineOptions;
  readonly #lanes: Lane[];
  readonly #claims = new Claims();
  #waiting: (Submitted | WaitingRead)[] = [];
  #inFlight = 0;
  #batches = 0;
  #usualMs = 0;
  #scheduled = false;
  #idle: (() => void)[] = [];

  constructor(options: PipelineOptions, marks: ReadonlyMap<string, number>) {
    this.#options = options;
    this.#lanes = Array.from({ length: LANES }, (_, i) => {
      const key = `${options.markPrefix}${i}`;
      return { key, modRevision: marks.get(key) ?? 0, busy: false };
    });
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  submit(txn: Txn): Promise<TxnResult> {
    this.#inFlight += 1;
    return new Promise<TxnResult>((resolve, reject) => {
      const footprint = footprintOf(txn);
      const ops = txn.then.length + (txn.otherwise?.length ?? 0);
      this.#waiting.push({ txn, footprint, ops, bytes: sizeOf(txn), conditional: isConditional(txn), resolve, reject });
      this.#schedule();
    }).finally(() => this.#settled());
  }

  /** Runs `read` after every write submitted before it under `prefix`, and before those that come later. */
  async read<T>(prefix: string, read: () => Promise<T>): Promise<T> {
    const footprint: Footprint = { reads: [], readPrefixes: [prefix], writes: [], writePrefixes: [] };
    this.#inFlight += 1;
    await new Promise<void>((start) => {
      this.#waiting.push({ footprint, start });
      this.#schedule();
    });
    try {
      return await read();
    } finally {
      this.#claims.remove(footprint);
      this.#settled();
      this.#schedule();
    }
  }

  /** Resolves once nothing is in flight. */
  drained(): Promise<void> {
    return this.#inFlight === 0 ? Promise.resolve() : new Promise((resolve) => this.#idle.push(resolve));
  }

  #settled(): void {
    this.#inFlight -= 1;
    if (this.#inFlight > 0) return;
    const idle = this.#idle;
    this.#idle = [];
    for (const resolve of idle) resolve();
  }

  /** In a later turn: what one turn submits travels together. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#dispatch();
    });
  }

  #dispatch(): void {
    while (this.#waiting.length > 0) {
      const lane = this.#lanes.find(({ busy }) => !busy);
      const batch = this.#take(lane !== undefined);
      if (lane === undefined || batch.length === 0) return;
      void this.#carry(lane, batch);
    }
  }

  /** Starts the reads and takes the transactions that are in nobody's way; the others keep their place. */
  #take(mayWrite: boolean): Submitted[] {
    const batch: Submitted[] = [];
    const room = new BatchRoom();
    const passed = new Claims();
    const left: (Submitted | WaitingRead)[] = [];
    let full = !mayWrite;
    let looked = 0;
    for (const one of this.#waiting) {
      looked += 1;
      if (looked > LOOK_AHEAD) break;
      const isFree = !this.#claims.conflicts(one.footprint) && !passed.conflicts(one.footprint);
      if (isFree && "start" in one) {
        this.#claims.add(one.footprint);
        one.start();
      } else if (isFree && !full && "txn" in one && room.take(one)) {
        this.#claims.add(one.footprint);
        batch.push(one);
      } else {
        if (isFree) full = true;
        passed.add(one.footprint);
        left.push(one);
      }
    }
    this.#waiting = looked > LOOK_AHEAD ? [...left, ...this.#waiting.slice(LOOK_AHEAD)] : left;
    return batch;
  }

  async #carry(lane: Lane, batch: readonly Submitted[]): Promise<void> {
    lane.busy = true;
    const txns = batch.map(({ txn }) => txn);
    try {
      const results = await this.#send(
        lane,
        txns,
        batch.reduce((sum, { bytes }) => sum + bytes, 0),
      );
      batch.forEach(({ resolve, reject }, i) => {
        const result = results[i];
        if (result === undefined) reject(new StoreError("io", "the store answered too little"));
        else resolve(result);
      });
    } catch (thrown) {
      const error = toStoreError(thrown);
      for (const { reject } of batch) reject(error);
    } finally {
      lane.busy = false;
      for (const { footprint } of batch) this.#claims.remove(footprint);
      this.#schedule();
    }
  }

  async #send(lane: Lane, txns: readonly Txn[], bytes: number): Promise<TxnResult[]> {
    const { api, attempts, session } = this.#options;
    this.#batches += 1;
    const value = `${session}/${this.#batches}`;
    const { clock } = attempts;
    const patience = new Patience({ ...attempts, usualMs: this.#usualMs }, bytes);
    let isDoubtful = false;
    for (;;) {
      const beganMs = clock.monotonicMs();
      const mark = { key: lane.key, modRevision: lane.modRevision, value };
      try {
        const result = await api.txn(encodeBatch(txns, mark, isDoubtful), patience.attemptMs);
        this.#usualMs = Math.max(this.#usualMs * USUAL_DECAY, clock.monotonicMs() - beganMs);
        this.#options.onRevision(result.revision);
        if (result.succeeded) return this.#answers(lane, txns, result);
        const known = markOf(result);
        lane.modRevision = known.modRevision;
        if (known.value === value) return await this.#recall(txns, known.modRevision);
      } catch (thrown) {
        if (!(thrown instanceof EtcdError) || thrown.kind !== "unavailable") throw thrown;
        isDoubtful = true;
        if (!(await patience.pause())) throw givenUp(thrown);
      }
    }
  }

  #answers(lane: Lane, txns: readonly Txn[], { revision, responses }: EtcdTxnResult): TxnResult[] {
    if (marked(responses, txns.length)) lane.modRevision = revision;
    return txns.map((txn, i) => {
      const response = responses[i];
      if (response?.op !== "txn") throw new StoreError("io", "etcd answered a batch with something else");
      const { ok, responses: answers } = decodeAnswer(txn, response, revision);
      return { ok, revision, responses: answers };
    });
  }

  async #recall(txns: readonly Txn[], revision: number): Promise<TxnResult[]> {
    const { api, attempts } = this.#options;
    const patience = new Patience(attempts);
    for (;;) {
      try {
        return await reconstruct(txns, revision, (request) => api.range(request, patience.attemptMs));
      } catch (thrown) {
        if (thrown instanceof EtcdError && thrown.kind === "unavailable" && (await patience.pause())) continue;
        throw new StoreError("unavailable", `written at revision ${revision}, but not told how: ${messageOf(thrown)}`);
      }
    }
  }
}

/** Whether the last response, after those of the transactions, put the mark: in a chain of questions somewhere down. */
function marked(responses: EtcdTxnResult["responses"], txns: number): boolean {
  for (let last = responses[txns]; last !== undefined; last = last.op === "txn" ? last.responses[0] : undefined) {
    if (last.op === "put") return true;
  }
  return false;
}

function markOf({ responses }: EtcdTxnResult): { readonly modRevision: number; readonly value: string } {
  const [answer] = responses;
  if (answer?.op !== "range") throw new StoreError("io", "etcd did not say what a mark holds");
  return answer.records[0] ?? { modRevision: 0, value: "" };
}

function givenUp(error: EtcdError): StoreError {
  return new StoreError(
    "unavailable",
    `no etcd member answered in time, so the write may or may not have been carried out: ${error.message}`,
  );
}

function sizeOf({ compare = [], then, otherwise = [] }: Txn): number {
  let size = 0;
  for (const { key } of compare) size += key.length + 16;
  for (const ops of [then, otherwise]) {
    for (const op of ops) {
      if (op.op === "put") size += op.key.length + op.value.length + 16;
      else size += (op.op === "deletePrefix" ? op.prefix : op.key).length + 16;
    }
  }
  return size;
}
