import type { Clock, Timer } from "#base/env/clock.ts";
import { CodedError, messageOf } from "#base/env/errors.ts";
import type { Log } from "#base/env/log.ts";
import { GLOBAL, ROOT } from "#base/protocol/keys.ts";
import { decodeRow, encodeRow, headOf, put } from "../codec.ts";
import type { Compare, Store, StoreRecord } from "../store.ts";
import type { Table, View } from "../table.ts";
import type { FormerShapes } from "./former-shapes.ts";
import { shapes } from "./shapes-table.ts";

const CURRENT = "current";
/** While a server is awaited that does not know a new shape. */
const LOOK_EVERY_MS = 30_000;
/** Rows on their way at one time. */
const AT_ONCE = 64;
/** A row that was changed meanwhile is looked at again so often. */
const ROUNDS = 5;

export interface ShapeKeeperDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly store: Store;
  readonly view: View;
  readonly held: Pick<FormerShapes, "hold">;
  readonly tables: readonly Table<unknown>[];
  /** What each server of the cluster, this one too, says that it knows, by {@link versionsOf}. */
  readonly servers: () => readonly Readonly<Record<string, number>>[];
  /** Holds while this server leads. */
  readonly fence: () => readonly Compare[];
  /** So long all servers know a new shape before it is stored: who updates may change his mind. */
  readonly afterMs: number;
}

/** Which shape each table's rows are stored in, and the change to the next one. Nothing is to be done where no table changed. */
export class ShapeKeeper {
  readonly #deps: ShapeKeeperDeps;
  readonly #changed: readonly Table<unknown>[];
  readonly #unfollow: () => void;
  #timer: Timer | undefined;
  #leads = false;
  #knownSinceMs: number | undefined;

  /** Throws a `CodedError` `newer_schema` where the state has a shape that this program does not know. */
  constructor(deps: ShapeKeeperDeps) {
    this.#deps = deps;
    this.#changed = deps.tables.filter(({ before }) => before !== undefined);
    this.#requireKnown();
    this.#hold();
    this.#unfollow = deps.view.onChange(({ rows }) => {
      if (rows.some(({ table }) => table === shapes.name)) this.#hold();
    });
  }

  startLeading(): void {
    if (this.#changed.length === 0) return;
    this.#leads = true;
    this.#knownSinceMs = undefined;
    this.#arm(0);
  }

  stopLeading(): void {
    this.#leads = false;
    this.#timer?.cancel();
  }

  stop(): void {
    this.stopLeading();
    this.#unfollow();
  }

  /** By table: the stored version. */
  get #versions(): Readonly<Record<string, number>> {
    return this.#deps.view.table(shapes).get(GLOBAL, CURRENT)?.value.Versions ?? {};
  }

  get #pending(): readonly Table<unknown>[] {
    return this.#changed.filter(({ name, schemaVersion }) => (this.#versions[name] ?? 1) < schemaVersion);
  }

  #hold(): void {
    this.#deps.held.hold(this.#pending);
  }

  #requireKnown(): void {
    const known = versionsOf(this.#deps.tables);
    const newer = Object.entries(this.#versions).filter(([name, version]) => version > (known[name] ?? 1));
    if (newer.length === 0) return;
    throw new CodedError(
      "newer_schema",
      `the state was brought to the shape of a newer version of this program: ${newer.map(([name]) => name).join(", ")}`,
      "run that version, or a later one; to go back to this one, restore a backup that was made before",
    );
  }

  #arm(afterMs: number): void {
    if (!this.#leads) return;
    this.#timer = this.#deps.clock.after(afterMs, () => {
      void this.#look().catch((thrown: unknown) => {
        this.#deps.log.warn("the state keeps its shape for now", { error: messageOf(thrown) });
        this.#arm(LOOK_EVERY_MS);
      });
    });
  }

  async #look(): Promise<void> {
    const { clock, afterMs, log } = this.#deps;
    const pending = this.#pending;
    const isKnown = pending.every(({ name, schemaVersion }) =>
      this.#deps.servers().every((known) => (known[name] ?? 1) >= schemaVersion),
    );
    const nowMs = clock.monotonicMs();
    this.#knownSinceMs = isKnown ? (this.#knownSinceMs ?? nowMs) : undefined;
    const since = this.#knownSinceMs;
    if (since === undefined) return this.#arm(Math.min(LOOK_EVERY_MS, Math.max(afterMs, 1000)));
    if (nowMs - since < afterMs) return this.#arm(afterMs - (nowMs - since));
    if (pending.length > 0) {
      const Versions = { ...this.#versions };
      for (const { name, schemaVersion } of pending) Versions[name] = schemaVersion;
      await this.#note(Versions);
    }
    let rows = 0;
    for (const table of this.#changed) rows += await this.#rewrite(table);
    if (pending.length + rows > 0)
      log.info("the state has its new shape: versions before this one do not know it", {
        tables: this.#changed.map(({ name }) => name).join(" "),
        rows,
      });
  }

  async #note(Versions: Readonly<Record<string, number>>): Promise<void> {
    const { store, view, fence } = this.#deps;
    const then = [put(shapes, { namespace: GLOBAL, id: CURRENT }, { Versions })];
    const { ok, revision } = await store.txn({ compare: fence(), then });
    if (!ok) throw new Error("this server does not lead any more");
    await view.reached(revision);
    this.#hold();
  }

  /** Resolves with how many rows it wrote anew. Those that somebody wrote meanwhile are looked at again. */
  async #rewrite(table: Table<unknown>): Promise<number> {
    const { store } = this.#deps;
    let written = 0;
    for (let round = 0; round < ROUNDS && this.#leads; round += 1) {
      const old: StoreRecord[] = [];
      const head = headOf(table);
      const onRecords = (found: readonly StoreRecord[]): void =>
        void old.push(...found.filter(({ value }) => !value.startsWith(head)));
      await store.scan({ prefix: `${ROOT}${table.name}/`, onRecords });
      if (old.length === 0) break;
      for (let at = 0; at < old.length && this.#leads; at += AT_ONCE)
        written += (await Promise.all(old.slice(at, at + AT_ONCE).map((one) => this.#anew(table, one)))).filter(
          Boolean,
        ).length;
    }
    return written;
  }

  async #anew(table: Table<unknown>, { key, value, modRevision }: StoreRecord): Promise<boolean> {
    const read = decodeRow(table, value);
    if (!read.ok) {
      this.#deps.log.warn("a row keeps its shape", { key, error: read.error.message });
      return false;
    }
    const compare: Compare[] = [...this.#deps.fence(), { key, target: "mod", op: "=", operand: modRevision }];
    const then = [{ op: "put" as const, key, value: encodeRow(table, read.value) }];
    return (await this.#deps.store.txn({ compare, then })).ok;
  }
}

/** What a program knows, as a server tells the others: the versions of its tables' shapes that are not the first. */
export function versionsOf(tables: readonly Table<unknown>[]): Record<string, number> {
  const changed = tables.filter(({ schemaVersion }) => schemaVersion > 1);
  return Object.fromEntries(changed.map(({ name, schemaVersion }) => [name, schemaVersion]));
}
