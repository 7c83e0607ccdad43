import * as v from "valibot";
import { textOf } from "#base/env/bytes.ts";
import type { Disk } from "#base/env/disk.ts";
import { CodedError, messageOf } from "#base/env/errors.ts";
import { integer, text, texts } from "#base/protocol/schema.ts";

/** Codes of errors: the other servers took this one out; most of those that hold the state are not there. */
export const EXPELLED = "expelled";
export const NO_MAJORITY = "no_majority";

/** Where this server keeps the state, beside the state itself: what it reads before it can open anything. */
const StoredEngineSchema = v.variant("engine", [
  v.object({
    engine: v.literal("sqlite"),
    /** Below the state folder; empty: in it. A move makes a fresh one. */
    folder: text,
    /** What revisions of this store lie above its own count. */
    indexOffset: integer,
  }),
  v.object({
    engine: v.literal("etcd"),
    /** Tells this cluster's members from others'. */
    token: v.string(),
    /** Client URLs of the members, as last heard of. */
    members: texts,
    /** The first member of all makes the cluster; every other one joins it. */
    first: v.boolean(),
  }),
  /** Nowhere yet: a server that joined, until the servers before it have room for it. */
  v.object({ engine: v.literal("joining") }),
]);
type StoredEngine = v.InferOutput<typeof StoredEngineSchema>;
export type EngineFile = Exclude<StoredEngine, { engine: "joining" }>;
/** Of a server's own etcd. */
export type EtcdEngine = Extract<EngineFile, { engine: "etcd" }>;

const DEFAULT: EngineFile = { engine: "sqlite", folder: "", indexOffset: 0 };

export async function readEngineFile(disk: Disk, stateFolder: string): Promise<StoredEngine> {
  const path = pathOf(stateFolder);
  const found = await disk.read(path);
  if (found === undefined) return DEFAULT;
  try {
    return v.parse(StoredEngineSchema, JSON.parse(textOf(found)));
  } catch (thrown) {
    throw new CodedError("engine_file", `${path} is unreadable: ${messageOf(thrown)}`, "restore it from a backup");
  }
}

export async function writeEngineFile(disk: Disk, stateFolder: string, file: StoredEngine): Promise<void> {
  await disk.replace(pathOf(stateFolder), `${JSON.stringify(file)}\n`, { mode: 0o600 });
}

function pathOf(stateFolder: string): string {
  return `${stateFolder}/engine.json`;
}
