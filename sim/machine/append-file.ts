import { DiskError } from "#base/env/disk.ts";
import type { AppendFile } from "#base/env/disk.ts";
import type { Prng } from "../prng.ts";
import type { FileEntry, SimFiles } from "./files.ts";
import type { Life } from "./life.ts";

export interface SimAppendFileOptions {
  readonly life: Life;
  readonly files: SimFiles;
  readonly random: Prng;
  readonly path: string;
  readonly file: FileEntry;
}

/** Calls are served one after the other, as on the real platform. */
export class SimAppendFile implements AppendFile {
  readonly #options: SimAppendFileOptions;
  #last: Promise<unknown> = Promise.resolve();
  #broken = false;
  #closed = false;

  constructor(options: SimAppendFileOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#options.file.size;
  }

  append(data: Uint8Array): Promise<void> {
    const { life, random, file, files, path } = this.#options;
    const bytes = data.slice();
    return this.#queue("append to", () =>
      life.later(random.between(0.005, 0.1), `disk append ${path} ${bytes.length}`, () => {
        const room = files.capacityBytes - files.usedBytes;
        // A full disk takes what still fits, as a real one does.
        write(file, bytes.subarray(0, Math.max(0, Math.min(room, bytes.length))));
        file.modifiedMs = life.timeline.epochMs;
        if (room < bytes.length) throw new DiskError("ENOSPC", "append to", path);
      }),
    );
  }

  sync(): Promise<void> {
    const { life, random, file, files, path } = this.#options;
    return this.#queue("sync", async () => {
      const upTo = file.size;
      await life.later(
        random.chance(0.02) ? random.between(5, 200) : random.between(0.2, 5),
        `disk sync ${path}`,
        () => {
          if (files.failSyncs) {
            this.#broken = true;
            throw new DiskError("EIO", "sync", path);
          }
          file.synced = Math.max(file.synced, Math.min(upTo, file.size));
        },
      );
    });
  }

  async close(): Promise<void> {
    await this.#last;
    this.#closed = true;
  }

  #queue(action: string, work: () => Promise<void>): Promise<void> {
    const turn = this.#last.then(() => {
      if (this.#closed) throw new DiskError("EBADF", action, this.#options.path);
      if (this.#broken) throw new DiskError("EIO", action, this.#options.path);
      return work();
    });
    this.#last = turn.catch(() => {});
    return turn;
  }
}

function write(file: FileEntry, data: Uint8Array): void {
  const size = file.size + data.length;
  if (size > file.bytes.length) {
    const larger = new Uint8Array(Math.max(size, file.bytes.length * 2, 256));
    larger.set(file.bytes.subarray(0, file.size));
    file.bytes = larger;
  }
  file.bytes.set(data, file.size);
  file.size = size;
}
