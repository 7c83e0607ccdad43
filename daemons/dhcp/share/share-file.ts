import * as v from "valibot";
import { textOf } from "#base/env/bytes.ts";
import type { Env } from "#base/env/env.ts";

/** What an instance has to know of itself when it starts and the store cannot be asked. */
export interface ShareFile {
  readonly id: string;
  /** On the lease clock: it knew all that was in the store then. Undefined: never, or it gave everything back. */
  readonly contactMs: number | undefined;
  readonly blocks: Readonly<Record<string, readonly number[]>>;
}

const schema = v.object({
  id: v.string(),
  contactMs: v.optional(v.number()),
  blocks: v.optional(v.record(v.string(), v.array(v.number())), {}),
});

/** A new name where there is no file, or none that reads. */
export async function readShareFile({ disk, random, log }: Env, path: string): Promise<ShareFile> {
  const bytes = await disk.read(path);
  const fresh: ShareFile = { id: random.uuid(), contactMs: undefined, blocks: {} };
  if (bytes === undefined) return fresh;
  try {
    const { id, contactMs, blocks } = v.parse(schema, JSON.parse(textOf(bytes)));
    return { id, contactMs, blocks };
  } catch {
    log.warn("the file that says which addresses are this instance's does not read; it begins anew", { path });
    return fresh;
  }
}

export async function writeShareFile({ disk }: Env, path: string, file: ShareFile): Promise<void> {
  const { id, contactMs, blocks } = file;
  const content = { id, ...(contactMs === undefined ? {} : { contactMs: Math.floor(contactMs) }), blocks };
  await disk.replace(path, `${JSON.stringify(content)}\n`, { mode: 0o600 });
}
