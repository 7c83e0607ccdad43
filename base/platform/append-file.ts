import type { FileHandle } from "node:fs/promises";
import { DiskError } from "#base/env/disk.ts";
import type { AppendFile } from "#base/env/disk.ts";
import { codeOf } from "./system-error.ts";

export interface OpenedFile {
  readonly file: FileHandle;
  readonly path: string;
  readonly size: number;
}

/** Calls are served one after the other, so bytes land in the order of the calls even when nobody awaits them. */
export function openAppendFile(opened: OpenedFile): AppendFile {
  const { file, path } = opened;
  let size = opened.size;
  let last: Promise<void> = Promise.resolve();
  let broken: DiskError | undefined;

  const queue = (action: string, work: () => Promise<void>): Promise<void> => {
    const turn = last.then(async () => {
      if (broken !== undefined) throw broken;
      try {
        await work();
      } catch (thrown) {
        throw new DiskError(codeOf(thrown), action, path);
      }
    });
    last = turn.catch(() => {});
    return turn;
  };

  return {
    get size() {
      return size;
    },
    append: (data) =>
      queue("append to", async () => {
        for (let at = 0; at < data.length;) {
          const { bytesWritten } = await file.write(data, at, data.length - at);
          at += bytesWritten;
          size += bytesWritten;
        }
      }),
    sync: () =>
      queue("sync", async () => {
        try {
          await file.datasync();
        } catch (thrown) {
          // Linux marks the pages clean after it reported the error, so a second sync would succeed and lie:
          // https://www.usenix.org/conference/atc20/presentation/rebello
          broken = new DiskError(codeOf(thrown), "sync", path);
          throw thrown;
        }
      }),
    close: async () => {
      await last;
      await file.close().catch((thrown: unknown) => {
        throw new DiskError(codeOf(thrown), "close", path);
      });
    },
  };
}
