import { textOf, utf8 } from "#base/env/bytes.ts";
import type { AppendFile, Disk } from "#base/env/disk.ts";
import { messageOf } from "#base/env/errors.ts";
import type { Log } from "#base/env/log.ts";
import type { SerfEvent } from "../core/core-ports.ts";
import type { SerfMember } from "../core/member.ts";
import {
  aliveLine,
  clockLines,
  compacted,
  LEAVE_LINE,
  NO_CLOCKS,
  notAliveLine,
  replay,
  type Clocks,
  type SnapshotState,
} from "../core/snapshot-lines.ts";
import { joinHostPort } from "./host-port.ts";

/** Written anew above this size, and above what its members need twice over. */
const COMPACT_BYTES = 128 * 1024;
const BYTES_PER_MEMBER = 128;

export interface SnapshotOptions {
  readonly disk: Disk;
  readonly log: Log;
  readonly path: string;
  readonly rejoinAfterLeave: boolean;
  readonly clocks: () => Clocks;
}

/** Remembers over restarts who was there and what was seen. Appends; a full disk is logged and costs only the memory. */
export class SnapshotFile {
  readonly #options: SnapshotOptions;
  readonly #alive = new Map<string, string>();
  #written: Clocks = NO_CLOCKS;
  #file: AppendFile | undefined;
  #work: Promise<void> = Promise.resolve();

  constructor(options: SnapshotOptions) {
    this.#options = options;
  }

  /** What was remembered, and opens the file for what comes. */
  async open(): Promise<SnapshotState> {
    const { disk, path, rejoinAfterLeave } = this.#options;
    const bytes = (await disk.read(path)) ?? new Uint8Array();
    const state = replay(textOf(bytes), rejoinAfterLeave);
    for (const [name, address] of state.alive) this.#alive.set(name, address);
    this.#written = state;
    await this.#rewrite();
    return state;
  }

  note(event: SerfEvent): void {
    if (event.kind === "member-join") this.#append(event.members.map((each) => this.#came(each)).join(""));
    else if (event.kind === "member-leave" || event.kind === "member-failed")
      this.#append(event.members.map((each) => this.#went(each)).join(""));
  }

  /** Times of the clocks, where they moved. */
  noteClocks(): void {
    const now = this.#options.clocks();
    const lines = clockLines(now, this.#written);
    this.#written = { ...now };
    this.#append(lines);
  }

  noteLeave(): void {
    if (!this.#options.rejoinAfterLeave) this.#alive.clear();
    this.#append(LEAVE_LINE);
  }

  async close(): Promise<void> {
    this.noteClocks();
    await this.#work;
    await this.#file?.close();
    this.#file = undefined;
  }

  #came(member: SerfMember): string {
    const address = joinHostPort(member);
    this.#alive.set(member.name, address);
    return aliveLine(member.name, address);
  }

  #went(member: SerfMember): string {
    this.#alive.delete(member.name);
    return notAliveLine(member.name);
  }

  #append(lines: string): void {
    if (lines === "") return;
    this.#work = this.#work
      .then(async () => {
        await this.#file?.append(utf8(lines));
        const limit = Math.max(COMPACT_BYTES, 2 * BYTES_PER_MEMBER * this.#alive.size);
        if ((this.#file?.size ?? 0) > limit) await this.#rewrite();
      })
      .catch((error: unknown) => this.#options.log.warn("cannot write the snapshot", { error: messageOf(error) }));
  }

  async #rewrite(): Promise<void> {
    const { disk, path } = this.#options;
    await this.#file?.close();
    this.#file = undefined;
    await disk.replace(path, compacted({ alive: this.#alive, ...this.#written }), { mode: 0o600 });
    this.#file = await disk.openAppend(path, { mode: 0o600 });
  }
}
