import * as v from "valibot";
import type { Disk } from "#base/env/disk.ts";
import { CodedError } from "#base/env/errors.ts";
import type { Random } from "#base/env/random.ts";
import { textOf } from "#base/env/bytes.ts";

const IdentitySchema = v.object({ id: v.pipe(v.string(), v.uuid()), secret: v.pipe(v.string(), v.uuid()) });

/** Who this node is, for its whole life. The secret proves it to servers and never leaves the folder otherwise. */
export type NodeIdentity = v.InferOutput<typeof IdentitySchema>;

/** Read from the data folder, or made on the first start. */
export async function nodeIdentity(disk: Disk, random: Random, folder: string): Promise<NodeIdentity> {
  const path = `${folder}/node.json`;
  const bytes = await disk.read(path);
  if (bytes === undefined) {
    const identity = { id: random.uuid(), secret: random.uuid() };
    await disk.replace(path, `${JSON.stringify(identity)}\n`, { mode: 0o600 });
    return identity;
  }
  try {
    return v.parse(IdentitySchema, JSON.parse(textOf(bytes)));
  } catch {
    throw new CodedError(
      "node_identity",
      `cannot read the node's identity in ${path}`,
      "restore it from a backup, or remove it to join as a new node",
    );
  }
}
