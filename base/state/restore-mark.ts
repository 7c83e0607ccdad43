import { GLOBAL, keyOf } from "#base/protocol/keys.ts";

/** There from the moment that a restoration of several transactions is to be carried through until it has been. */
export const RESTORE_MARK = keyOf("restoring", GLOBAL, "now");

/** Pieces of a restoration, `<id>/<piece>/<part>`, beside the state: no view looks there. */
export const STAGED_PREFIX = "/lares/restoring/";

/** The id of the restoration that a mark speaks of; undefined: of one by a former version, which kept no pieces. */
export function restorationOf(value: string): string | undefined {
  const found: unknown = JSON.parse(value);
  return typeof found === "object" && found !== null && "id" in found ? String(found.id) : undefined;
}
