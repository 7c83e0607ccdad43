import * as v from "valibot";
import { textOf } from "#base/env/bytes.ts";
import type { Env } from "#base/env/env.ts";
import { messageOf } from "#base/env/errors.ts";
import { HostVolumeSchema } from "#base/protocol/host-volume.ts";
import { integer, text } from "#base/protocol/schema.ts";

const RecordSchema = v.object({ volume: HostVolumeSchema, path: text, bytes: integer });
const FileSchema = v.object({ version: v.literal(1), volumes: v.array(RecordSchema) });

/** A volume this node has, as it was last asked for. */
export type VolumeRecord = v.InferOutput<typeof RecordSchema>;

/** What cannot be read is put aside; what is in the volumes is untouched, and the servers still know of them. */
export async function readVolumeFile({ disk, log }: Env, path: string): Promise<VolumeRecord[]> {
  const bytes = await disk.read(path);
  if (bytes === undefined) return [];
  try {
    return v.parse(FileSchema, JSON.parse(textOf(bytes))).volumes;
  } catch (thrown) {
    log.error("the list of this node's host volumes cannot be read; it is made anew", {
      path,
      error: messageOf(thrown),
    });
    await disk.rename(path, `${path}.unreadable`);
    return [];
  }
}

export async function writeVolumeFile({ disk }: Env, path: string, volumes: readonly VolumeRecord[]): Promise<void> {
  await disk.replace(path, JSON.stringify({ version: 1, volumes }), { mode: 0o600 });
}
