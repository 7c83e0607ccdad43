import { ROOT } from "#base/protocol/keys.ts";
import { INDEX_OFFSET_KEY } from "../index-offset.ts";
import { LEADER_KEY } from "../leadership/leader-record.ts";
import { RESTORE_MARK } from "../restore-mark.ts";
import { stagedName } from "../staging.ts";
import { backups, servers, shapes } from "../tables.ts";
import { CARRIED_KEY } from "./sealed-keys.ts";

/** What says how a cluster is made rather than what it holds: no snapshot has it, and no restoration touches it. */
export function isKeptOut(key: string): boolean {
  if (OWN.includes(key)) return true;
  return OWN_TABLES.some((prefix) => key.startsWith(prefix)) || stagedName(key) !== undefined;
}

const OWN: readonly string[] = [INDEX_OFFSET_KEY, LEADER_KEY, RESTORE_MARK, CARRIED_KEY];
const OWN_TABLES = [servers.name, backups.name, shapes.name].map((name) => `${ROOT}${name}/`);
