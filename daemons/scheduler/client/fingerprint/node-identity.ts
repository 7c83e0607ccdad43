import * as v from "valibot";
import { join } from "node:path/posix";
import { textOf } from "#base/env/bytes.ts";
import type { Env } from "#base/env/env.ts";
import { CodedError } from "#base/env/errors.ts";

const IdentitySchema = v.object({ nodeId: v.pipe(v.string(), v.uuid()), secretId: v.pipe(v.string(), v.uuid()) });
export type NodeIdentity = v.InferOutput<typeof IdentitySchema>;

/** Who this node is, drawn once and kept in `<folder>/identity.json` (0600). Throws when that file is damaged: a node must not change its name silently. */
export async function loadIdentity(env: Env, folder: string): Promise<NodeIdentity> {
  const path = join(folder, "identity.json");
  const kept = await env.disk.read(path);
  if (kept === undefined) {
    const identity = { nodeId: env.random.uuid(), secretId: env.random.uuid() };
    await env.disk.replace(path, `${JSON.stringify(identity)}\n`, { mode: 0o600 });
    return identity;
  }
  const parsed = v.safeParse(IdentitySchema, parseJson(textOf(kept)));
  if (parsed.success) return parsed.output;
  throw new CodedError(
    "BAD_IDENTITY",
    `cannot read this node's identity from ${path}: expected {"nodeId", "secretId"} with two UUIDs`,
    "restore the file, or remove it to join as a new node",
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
