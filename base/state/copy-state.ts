import { messageOf } from "#base/env/errors.ts";
import { ROOT } from "#base/protocol/keys.ts";
import { INDEX_OFFSET_KEY } from "./index-offset.ts";
import { LEADER_KEY } from "./leadership/leader-record.ts";
import {
  MAX_TXN_BYTES,
  MAX_TXN_OPS,
  StoreError,
  type Change,
  type Op,
  type Store,
  type StoreRecord,
  type Watch,
} from "./store.ts";

/** Room for keys and what frames a transaction. */
const MAX_CHUNK_BYTES = MAX_TXN_BYTES / 4;

/**
 * Copies all state of one store into another, empty one, and goes on copying what is written meanwhile. In the order in which
 * things were made, so that what was made together or later still is.
 */
export class StateCopy {
  readonly #source: Store;
  readonly #target: Store;
  #watch: Watch | undefined;
  readonly #waiting: Op[][] = [];
  #heard = 0;
  #working: Promise<void> = Promise.resolve();
  #failure: Error | undefined;

  constructor(source: Store, target: Store) {
    this.#source = source;
    this.#target = target;
  }

  /** Resolves once all that was there is copied. Rejects with a {@link StoreError}. */
  async start(): Promise<void> {
    const records: StoreRecord[] = [];
    const revision = await this.#source.scan({
      prefix: ROOT,
      onRecords: (found) => {
        for (const record of found) if (isCopied(record.key)) records.push(record);
      },
    });
    this.#heard = revision;
    this.#watch = this.#source.watch({
      prefix: "",
      fromRevision: revision + 1,
      onRevision: (change) => {
        this.#heard = change.revision;
        this.#take(change.changes);
      },
      onEnd: (reason) => {
        if (reason.kind !== "cancelled") this.#failure = new StoreError("io", `the copy lost touch: ${reason.kind}`);
      },
    });
    records.sort((a, b) => a.createRevision - b.createRevision);
    this.#waiting.unshift(...chunksOf(records));
    await this.#work();
  }

  /** Copies the rest; nothing may be written any more. Rejects where the two do not hold the same. */
  async finish(): Promise<void> {
    const newest = this.#source.status().revision;
    while (this.#heard < newest && this.#failure === undefined) await this.#source.range({ prefix: ROOT, limit: 1 });
    await this.#work();
    this.stop();
    if (this.#failure !== undefined) throw this.#failure;
    await this.#compare();
  }

  stop(): void {
    this.#watch?.cancel();
  }

  #take(changes: readonly Change[]): void {
    const ops = changes.flatMap((change): Op[] => {
      const key = change.kind === "put" ? change.record.key : change.key;
      if (!isCopied(key)) return [];
      return [change.kind === "put" ? { op: "put", key, value: change.record.value } : { op: "delete", key }];
    });
    if (ops.length > 0) this.#waiting.push(ops);
    void this.#work().catch((thrown: unknown) => (this.#failure ??= toError(thrown)));
  }

  #work(): Promise<void> {
    this.#working = this.#working.then(async () => {
      for (let then = this.#waiting.shift(); then !== undefined; then = this.#waiting.shift())
        await this.#target.txn({ then });
    });
    return this.#working;
  }

  async #compare(): Promise<void> {
    const values = new Map<string, string>();
    let wrong = 0;
    const each = (visit: (record: StoreRecord) => void) => (records: readonly StoreRecord[]) => {
      for (const record of records) if (isCopied(record.key)) visit(record);
    };
    await this.#source.scan({ prefix: ROOT, onRecords: each(({ key, value }) => values.set(key, value)) });
    await this.#target.scan({
      prefix: ROOT,
      onRecords: each(({ key, value }) => {
        if (values.get(key) !== value) wrong += 1;
        values.delete(key);
      }),
    });
    if (wrong === 0 && values.size === 0) return;
    throw new StoreError("corrupt", `the copy differs: ${wrong} records are not the same, ${values.size} are missing`);
  }
}

function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(messageOf(thrown));
}

/** Who leads, by how much indexes are shifted, and what lies beside the state, is the store's own. */
function isCopied(key: string): boolean {
  return key.startsWith(ROOT) && key !== INDEX_OFFSET_KEY && key !== LEADER_KEY;
}

/** What was made in one revision stays in one transaction. */
function chunksOf(records: readonly StoreRecord[]): Op[][] {
  const chunks: Op[][] = [];
  let chunk: Op[] = [];
  let bytes = 0;
  let revision = 0;
  for (const { key, value, createRevision } of records) {
    const isFull = chunk.length >= MAX_TXN_OPS / 2 || bytes > MAX_CHUNK_BYTES;
    const isOverfull = chunk.length >= MAX_TXN_OPS || bytes > 2 * MAX_CHUNK_BYTES;
    if ((isFull && createRevision !== revision) || isOverfull) {
      chunks.push(chunk);
      chunk = [];
      bytes = 0;
    }
    revision = createRevision;
    chunk.push({ op: "put", key, value });
    bytes += key.length + value.length * 3;
  }
  if (chunk.length > 0) chunks.push(chunk);
  return chunks;
}
