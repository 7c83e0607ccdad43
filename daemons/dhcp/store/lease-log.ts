import { sleep } from "#base/env/clock.ts";
import type { AppendFile } from "#base/env/disk.ts";
import type { Env } from "#base/env/env.ts";
import { messageOf } from "#base/env/errors.ts";
import { concatBytes } from "#base/env/bytes.ts";
import { IPV4_TEXT, type AddressText } from "../leases/address-text.ts";
import type { Lease } from "../leases/lease.ts";
import type { Ipv4 } from "../packet/ipv4.ts";
import { encodeLine, readLines, type LogEntry } from "./log-lines.ts";

/** A log this many times the size of a fresh one is folded into a snapshot, but not below the floor. */
const GROWTH = 4;
const FOLD_BYTES = 1 << 20;
/** Leases put into text between two turns. */
const SLICE = 500;

/**
 * Leases in files that survive a power cut at any write: a snapshot (replaced as a whole) and logs that only grow, one
 * after another: `leases.snap`, `leases.N.log`. A snapshot says from which log on there is more; older ones are removed.
 */
export class LeaseLog {
  readonly #env: Env;
  readonly #dir: string;
  readonly #addresses: AddressText;
  #file: AppendFile;
  #number: number;
  /** What is known to be whole; more may be there after a write that failed. */
  #size: number;
  #foldAt: number;
  #isTorn = false;
  #folding: Promise<void> | undefined;
  /** Writes go one after another. */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(open: {
    readonly env: Env;
    readonly dir: string;
    readonly addresses: AddressText;
    readonly file: AppendFile;
    readonly number: number;
    readonly size: number;
    readonly snapshotBytes: number;
  }) {
    this.#env = open.env;
    this.#dir = open.dir;
    this.#addresses = open.addresses;
    this.#file = open.file;
    this.#number = open.number;
    this.#size = open.size;
    this.#foldAt = Math.max(FOLD_BYTES, GROWTH * open.snapshotBytes);
  }

  /** Reads what is there. Rejects with a `DiskError` where the folder cannot be read or written. */
  static async open(
    env: Env,
    dir: string,
    addresses: AddressText = IPV4_TEXT,
  ): Promise<{ readonly log: LeaseLog; readonly leases: ReadonlyMap<Ipv4, Lease> }> {
    const { disk } = env;
    await disk.makeDir(dir, { mode: 0o700 });
    const leases = new Map<Ipv4, Lease>();
    const snapshotBytes = (await disk.read(`${dir}/leases.snap`)) ?? new Uint8Array();
    const snapshot = readLines(snapshotBytes, addresses);
    applyAll(leases, snapshot.entries);
    const start = await firstLog(env, dir);
    const numbers = (await disk.list(dir)).flatMap(logNumber).toSorted((a, b) => a - b);
    let [number, size] = [Math.max(1, start), 0];
    for (const each of numbers) {
      const path = logPath(dir, each);
      if (each < start) {
        await disk.remove(path);
        continue;
      }
      const bytes = (await disk.read(path)) ?? new Uint8Array();
      const read = readLines(bytes, addresses);
      if (read.broken > 0)
        env.log.error("lease log: lines that do not read were left out", { path, lines: read.broken });
      applyAll(leases, read.entries);
      if (read.size < bytes.length) await disk.truncate(path, read.size);
      [number, size] = [each, read.size];
    }
    const file = await disk.openAppend(logPath(dir, number), { mode: 0o600 });
    return {
      log: new LeaseLog({ env, dir, addresses, file, number, size, snapshotBytes: snapshotBytes.length }),
      leases,
    };
  }

  /** Resolves when the entries survive a power cut; rejects with a `DiskError`, and then they may or may not be there. */
  append(entries: readonly LogEntry[]): Promise<void> {
    const done = this.#turn.then(() => this.#append(entries));
    this.#turn = done.catch(() => {});
    return done;
  }

  async #append(entries: readonly LogEntry[]): Promise<void> {
    if (this.#isTorn) await this.#mend();
    const bytes = encodeLine(entries, this.#addresses);
    this.#isTorn = true;
    await this.#file.append(bytes);
    await this.#file.sync();
    this.#isTorn = false;
    this.#size += bytes.length;
  }

  /**
   * Writes the newest state anew where the log has grown. Resolves as soon as appends go to the next log; the rest goes on
   * behind.
   */
  foldWhereDue(leases: () => IterableIterator<Lease>): Promise<void> {
    const done = this.#turn.then(() => this.#startFold(leases));
    this.#turn = done;
    return done;
  }

  async #startFold(leases: () => IterableIterator<Lease>): Promise<void> {
    if (this.#size < this.#foldAt || this.#folding !== undefined || this.#isTorn) return;
    const failed = (thrown: unknown): void => {
      this.#foldAt *= 2;
      this.#env.log.warn("the lease log could not be folded; it grows on", { error: messageOf(thrown) });
    };
    try {
      const next = this.#number + 1;
      const file = await this.#env.disk.openAppend(logPath(this.#dir, next), { mode: 0o600 });
      const old = this.#file;
      [this.#file, this.#number, this.#size] = [file, next, 0];
      this.#folding = this.#fold({ state: [...leases()], old, next })
        .catch(failed)
        .finally(() => {
          this.#folding = undefined;
        });
    } catch (thrown) {
      failed(thrown);
    }
  }

  async close(): Promise<void> {
    await this.#folding;
    await this.#file.close();
  }

  /** The state taken when the log was changed, and that log, are everything. */
  async #fold({
    state,
    old,
    next,
  }: {
    readonly state: readonly Lease[];
    readonly old: AppendFile;
    readonly next: number;
  }): Promise<void> {
    const { disk, clock } = this.#env;
    const parts = [encodeLine([]), numberLine(next)];
    for (let at = 0; at < state.length; at += SLICE) {
      parts.push(
        encodeLine(
          state.slice(at, at + SLICE).map((put) => ({ put })),
          this.#addresses,
        ),
      );
      await sleep(clock, 0);
    }
    await old.close();
    const bytes = concatBytes(parts);
    await disk.replace(`${this.#dir}/leases.snap`, bytes, { mode: 0o600 });
    this.#foldAt = Math.max(FOLD_BYTES, GROWTH * bytes.length);
    for (const number of (await disk.list(this.#dir)).flatMap(logNumber))
      if (number < next) await disk.remove(logPath(this.#dir, number));
  }

  /** Cuts off what a failed write may have left. */
  async #mend(): Promise<void> {
    const path = logPath(this.#dir, this.#number);
    await this.#file.close().catch(() => {});
    await this.#env.disk.truncate(path, this.#size);
    this.#file = await this.#env.disk.openAppend(path);
    this.#isTorn = false;
  }
}

function applyAll(leases: Map<Ipv4, Lease>, entries: readonly LogEntry[]): void {
  for (const entry of entries) {
    if ("put" in entry) leases.set(entry.put.ip, entry.put);
    else leases.delete(entry.drop);
  }
}

function logPath(dir: string, number: number): string {
  return `${dir}/leases.${number}.log`;
}

function logNumber(name: string): readonly number[] {
  const number = /^leases\.([0-9]{1,15})\.log$/.exec(name)?.[1];
  return number === undefined ? [] : [Number(number)];
}

/** The snapshot's second line: the first log that is not in it. */
function numberLine(number: number): Uint8Array {
  return Buffer.from(`#${number}\n`);
}

async function firstLog({ disk }: Env, dir: string): Promise<number> {
  const head = await disk.readAt(`${dir}/leases.snap`, 0, 64);
  return head === undefined ? 0 : Number(/\n#([0-9]+)\n/.exec(Buffer.from(head).toString("latin1"))?.[1] ?? 0);
}
