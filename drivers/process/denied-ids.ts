import type { Env } from "#base/env/env.ts";
import { fail, type Failure } from "#base/env/errors.ts";
import { readConfig, type ConfigShape } from "../config-shape.ts";
import type { StartFailure } from "../driver.ts";
import { idNumbers } from "./id-numbers.ts";

/** Of a node's configuration: `"0-999,65534"` (https://developer.hashicorp.com/nomad/docs/deploy/task-driver/exec#plugin-options). */
export const DENIED_SHAPE: ConfigShape = { denied_host_uids: { kind: "text" }, denied_host_gids: { kind: "text" } };

type Config = Readonly<Record<string, unknown>>;
type Range = readonly [first: number, last: number];

/** Whom tasks may not run as, and whose groups they may not have. */
export interface DeniedIds {
  readonly uids: readonly Range[];
  readonly gids: readonly Range[];
}

const KEYS = ["denied_host_uids", "denied_host_gids"] as const;

export function checkDeniedIds(plugin: string, config: Config): readonly Failure[] {
  const read = readConfig(config);
  return KEYS.flatMap((key) => {
    const wrong = partsOf(read.text(key)).find((part) => rangeOf(part) === undefined);
    if (wrong === undefined) return [];
    const message = `${plugin} plugin: ${key} must be numbers and ranges such as "0-999,65534", got ${JSON.stringify(wrong)}`;
    return [fail("BAD_VALUE", message).error];
  });
}

/** Reads what passed {@link checkDeniedIds}. */
export function readDeniedIds(config: Config): DeniedIds {
  const read = readConfig(config);
  const ranges = (key: string): readonly Range[] =>
    partsOf(read.text(key))
      .map(rangeOf)
      .filter((range) => range !== undefined);
  return { uids: ranges("denied_host_uids"), gids: ranges("denied_host_gids") };
}

/** What stands against this user; `""` is the agent's own. Who cannot be looked up is refused. */
export async function deniedProblem(env: Env, user: string, denied: DeniedIds): Promise<StartFailure | undefined> {
  if (denied.uids.length === 0 && denied.gids.length === 0) return undefined;
  const [uid, groups] = await Promise.all([idNumbers(env, "-u", user), idNumbers(env, "-G", user)]);
  const name = user === "" ? "the agent's own user" : `the user ${JSON.stringify(user)}`;
  if (!uid.ok) return refused(`${name} cannot be looked up: ${uid.error.message}`);
  if (!groups.ok) return refused(`${name} cannot be looked up: ${groups.error.message}`);
  const [own] = within(uid.value, denied.uids);
  if (own !== undefined)
    return refused(`this node lets no task run as ${name}: its number ${own} is among denied_host_uids`);
  const [group] = within(groups.value, denied.gids);
  return group === undefined
    ? undefined
    : refused(`this node lets no task run as ${name}: its group ${group} is among denied_host_gids`);
}

function refused(message: string): StartFailure {
  return { ...fail("FORBIDDEN", message, "give the task another user").error, recoverable: false };
}

function within(ids: readonly number[], ranges: readonly Range[]): readonly number[] {
  return ids.filter((id) => ranges.some(([first, last]) => id >= first && id <= last));
}

function partsOf(text: string): readonly string[] {
  return text === "" ? [] : text.split(",").map((part) => part.trim());
}

function rangeOf(part: string): Range | undefined {
  const [, first, last = first] = /^(\d{1,10})(?:-(\d{1,10}))?$/.exec(part) ?? [];
  return first === undefined || Number(last) < Number(first) ? undefined : [Number(first), Number(last)];
}
