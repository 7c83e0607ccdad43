import { createHash } from "node:crypto";
import * as v from "valibot";
import { textOf } from "#base/env/bytes.ts";
import type { Disk } from "#base/env/disk.ts";
import { SnapshotHeaderSchema } from "#base/state/snapshot/format.ts";
import type { Spooled } from "./target.ts";

const OWNER_ONLY = 0o600;

export interface SpooledSnapshot extends Spooled {
  readonly revision: number;
  readonly madeMs: number;
}

/** Brings a snapshot into one file, whose size and hash are known before it goes anywhere. Rejects with the disk's or the store's error. */
export async function spool(disk: Disk, path: string, snapshot: AsyncIterable<Uint8Array>): Promise<SpooledSnapshot> {
  await disk.remove(path);
  const hash = createHash("sha256");
  const file = await disk.openAppend(path, { mode: OWNER_ONLY });
  let head: v.InferOutput<typeof SnapshotHeaderSchema> | undefined;
  let bytes = 0;
  try {
    for await (const part of snapshot) {
      head ??= v.parse(SnapshotHeaderSchema, JSON.parse(textOf(part).split("\n")[1] ?? ""));
      hash.update(part);
      bytes += part.length;
      await file.append(part);
    }
  } finally {
    await file.close();
  }
  const { revision, createdMs } = v.parse(SnapshotHeaderSchema, head);
  return { path, bytes, sha256: hash.digest("hex"), revision, madeMs: createdMs };
}
