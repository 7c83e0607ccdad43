import * as v from "valibot";
import { textOf } from "#base/env/bytes.ts";
import type { Disk } from "#base/env/disk.ts";
import { text } from "#base/protocol/schema.ts";
import { OwnedSchema, ownsNothing, type Owned } from "./owned.ts";

export const DEFAULT_STATE = "/var/lib/lares/router";

const PendingSchema = v.object({
  id: v.string(),
  /** By the time since the machine was started, which nobody sets. */
  deadlineMs: v.number(),
  /** Another one: the machine was restarted since, and nobody can have confirmed. */
  bootId: text,
  hadPrevious: v.boolean(),
});
export type Pending = v.InferOutput<typeof PendingSchema>;

/** Delegated prefixes by line: the one that counts, and those that counted before until hosts have forgotten them. */
const PrefixesSchema = v.record(
  v.string(),
  v.object({ current: v.string(), former: v.array(v.object({ prefix: v.string(), untilMs: v.number() })) }),
);
export type Prefixes = v.InferOutput<typeof PrefixesSchema>;

/** The index at which the cluster's configuration was taken; 0: never. */
const TakenSchema = v.object({ index: v.number() });

/** What the running router knows and others need: which lines answer, where services are. */
const StatusSchema = v.object({
  lines: v.nullish(v.record(v.string(), v.object({ healthy: v.nullish(v.boolean(), true) })), () => ({})),
  services: v.nullish(v.record(v.string(), v.array(v.object({ address: v.string(), port: v.number() }))), () => ({})),
  programs: v.nullish(v.record(v.string(), v.string()), () => ({})),
  problems: v.nullish(v.array(v.string()), () => []),
  updatedMs: v.nullish(v.number(), 0),
});
export type Status = v.InferOutput<typeof StatusSchema>;

const ROOT_ONLY_FOLDER = 0o700;
const ROOT_ONLY = 0o600;

export type StateFolder = ReturnType<typeof stateFolder>;

/** The router's memory: a folder that only root may enter. A file that is not there or not whole counts as empty. */
export function stateFolder(disk: Disk, dir: string) {
  const at = (name: string): string => `${dir}/${name}`;
  const read = async (name: string): Promise<string | undefined> => {
    const found = await disk.read(at(name));
    return found === undefined ? undefined : textOf(found);
  };
  const write = (name: string, content: string): Promise<void> => disk.replace(at(name), content, { mode: ROOT_ONLY });
  const readJson = async <T>(name: string, schema: v.GenericSchema<unknown, T>): Promise<T | undefined> => {
    const found = await read(name);
    const parsed = found === undefined ? undefined : v.safeParse(schema, parseJson(found));
    return parsed?.success === true ? parsed.output : undefined;
  };
  return {
    dir,
    at,
    prepare: async (): Promise<void> => {
      for (const folder of [dir, at("run"), at("keys"), at("secrets")])
        await disk.makeDir(folder, { mode: ROOT_ONLY_FOLDER });
    },
    /** The configuration in force; undefined: none yet. */
    readActive: () => read("active.hcl"),
    writeActive: (content: string) => write("active.hcl", content),
    removeActive: () => disk.remove(at("active.hcl")),
    /** The one before a change that waits. */
    readPrevious: () => read("previous.hcl"),
    writePrevious: (content: string) => write("previous.hcl", content),
    readPending: () => readJson("pending.json", PendingSchema),
    writePending: (pending: Pending) => write("pending.json", JSON.stringify(pending)),
    removePending: () => disk.remove(at("pending.json")),
    readTaken: async (): Promise<v.InferOutput<typeof TakenSchema>> =>
      (await readJson("taken.json", TakenSchema)) ?? { index: 0 },
    writeTaken: (taken: v.InferOutput<typeof TakenSchema>) => write("taken.json", JSON.stringify(taken)),
    readPrefixes: async (): Promise<Prefixes> => (await readJson("prefixes.json", PrefixesSchema)) ?? {},
    writePrefixes: (prefixes: Prefixes) => write("prefixes.json", JSON.stringify(prefixes)),
    readOwned: async (): Promise<Owned> => (await readJson("owned.json", OwnedSchema)) ?? ownsNothing(),
    writeOwned: (owned: Owned) => write("owned.json", JSON.stringify(owned)),
    readStatus: async (): Promise<Status> => (await readJson("status.json", StatusSchema)) ?? v.parse(StatusSchema, {}),
    writeStatus: (status: Status) =>
      disk.replace(at("status.json"), JSON.stringify(status), { mode: ROOT_ONLY, durable: false }),
  };
}

function parseJson(content: string): unknown {
  try {
    return JSON.parse(content);
  } catch {
    return undefined;
  }
}
