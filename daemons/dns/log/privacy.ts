import type { QueryRecord } from "../query-record.ts";

/** What stands for a name nobody may see. */
export const HIDDEN_NAME = "hidden";
/** What stands for a client nobody may see. */
export const HIDDEN_CLIENT = "0.0.0.0";

export interface Seen {
  readonly name: string;
  readonly client: string;
}

/** What of a question may be kept; undefined: nothing but counts without names. */
export function seenAt(privacyLevel: number, record: Pick<QueryRecord, "name" | "client">): Seen | undefined {
  if (privacyLevel <= 0) return record;
  if (privacyLevel === 1) return { name: HIDDEN_NAME, client: record.client };
  return privacyLevel === 2 ? { name: HIDDEN_NAME, client: HIDDEN_CLIENT } : undefined;
}
