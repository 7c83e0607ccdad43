import { openSync, closeSync, truncateSync, writeSync } from "node:fs";
import { DiskError, type AppendFile, type Disk } from "#base/env/disk.ts";

/** A real disk whose unsynced bytes a crash loses, in part or wholly, and which can run out of space. */
export class CrashDisk {
  readonly disk: Disk;
  /** Bytes that still fit. */
  room = Infinity;
  /** Set: the next sync does not come back; this is called instead. */
  onHang: (() => void) | undefined;
  readonly #files: { path: string; synced: number; size: number; real: AppendFile }[] = [];

  constructor(real: Disk) {
    this.disk = {
      ...real,
      openAppend: async (path, options) => this.#wrap(path, await real.openAppend(path, options)),
      replace: async (path, data, options) => {
        if (data.length > this.room) throw new DiskError("ENOSPC", "replace", path);
        await real.replace(path, data, options);
      },
    };
  }

  /** A power cut: of what was not synced, `keep` (0 to 1) stays, and bytes of that may be anything. */
  async crash(keep: number, garble: boolean): Promise<void> {
    for (const { path, synced, size, real } of this.#files.splice(0)) {
      await real.close();
      const end = synced + Math.floor((size - synced) * keep);
      truncateSync(path, end);
      if (!garble || end === synced) continue;
      const file = openSync(path, "r+");
      writeSync(
        file,
        Buffer.alloc(Math.ceil((end - synced) / 2), "\n?"),
        0,
        undefined,
        synced + Math.floor((end - synced) / 3),
      );
      closeSync(file);
    }
  }

  #wrap(path: string, real: AppendFile): AppendFile {
    const file = { path, synced: real.size, size: real.size, real };
    this.#files.push(file);
    const append = async (data: Uint8Array): Promise<void> => {
      const fits = data.subarray(0, Math.min(data.length, this.room));
      this.room -= fits.length;
      await real.append(fits);
      file.size += fits.length;
      if (fits.length < data.length) throw new DiskError("ENOSPC", "append to", path);
    };
    const sync = async (): Promise<void> => {
      if (this.onHang !== undefined) {
        this.onHang();
        return new Promise(() => {});
      }
      await real.sync();
      file.synced = file.size;
    };
    const close = async (): Promise<void> => {
      await real.close();
      const at = this.#files.indexOf(file);
      if (at >= 0) this.#files.splice(at, 1);
    };
    return {
      get size() {
        return real.size;
      },
      append,
      sync,
      close,
    };
  }
}
