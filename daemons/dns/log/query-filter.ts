import { isBlocked } from "../query-record.ts";
import type { LoggedQuery } from "./logged-query.ts";

/** Which queries are meant; what is undefined does not matter. `*` in texts stands for anything. */
export interface QueryFilter {
  readonly fromMs?: number | undefined;
  readonly untilMs?: number | undefined;
  readonly name?: string | undefined;
  readonly client?: string | undefined;
  readonly upstream?: string | undefined;
  readonly types?: readonly number[] | undefined;
  readonly statuses?: readonly number[] | undefined;
  readonly replies?: readonly number[] | undefined;
  /** Of the answer's DNSSEC validation. */
  readonly authentic?: boolean | undefined;
  readonly blocked?: boolean | undefined;
  /** Only older ones: those with smaller ids. */
  readonly beforeId?: number | undefined;
}

/** A filter, ready to be asked about many queries. */
export function compileFilter(filter: QueryFilter): (query: LoggedQuery) => boolean {
  const { fromMs, untilMs, types, statuses, replies, authentic, blocked, beforeId } = filter;
  const name = wildcard(filter.name);
  const client = wildcard(filter.client);
  const upstream = wildcard(filter.upstream);
  return (query) =>
    (beforeId === undefined || query.id < beforeId) &&
    (fromMs === undefined || query.timeMs >= fromMs) &&
    (untilMs === undefined || query.timeMs <= untilMs) &&
    (types === undefined || types.includes(query.type)) &&
    (statuses === undefined || statuses.includes(query.status)) &&
    (replies === undefined || replies.includes(query.reply)) &&
    (authentic === undefined || query.authentic === authentic) &&
    (blocked === undefined || isBlocked(query.status) === blocked) &&
    name(query.name) &&
    client(query.client) &&
    upstream(query.upstream);
}

/** Linear in the text: every piece between two stars is found at its first place. */
function wildcard(given: string | undefined): (text: string) => boolean {
  if (given === undefined || given === "*") return () => true;
  const pattern = given.toLowerCase();
  if (!pattern.includes("*")) return (text) => text.toLowerCase() === pattern;
  const pieces = pattern.split("*");
  const first = pieces[0] ?? "";
  const last = pieces.at(-1) ?? "";
  const middle = pieces.slice(1, -1).filter((piece) => piece !== "");
  return (original) => {
    const text = original.toLowerCase();
    if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last)) return false;
    let at = first.length;
    for (const piece of middle) {
      const found = text.indexOf(piece, at);
      if (found < 0) return false;
      at = found + piece.length;
    }
    return at <= text.length - last.length;
  };
}
