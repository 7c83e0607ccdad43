import type { SerfEvent } from "../core/core-ports.ts";

interface EventFilter {
  readonly kind: string;
  /** Of a user event or a query; empty: any. */
  readonly name: string;
}

const KINDS = ["*", "member-join", "member-leave", "member-failed", "member-update", "member-reap", "user", "query"];

/** `member-join,user:deploy,query`; empty or `*` is everything. Undefined: there is no such kind of event. */
export function parseEventFilter(text: string): readonly EventFilter[] | undefined {
  const filters = text.split(",").map((part): EventFilter => {
    const colon = part.indexOf(":");
    if (part.trim() === "") return { kind: "*", name: "" };
    return colon < 0
      ? { kind: part.trim(), name: "" }
      : { kind: part.slice(0, colon).trim(), name: part.slice(colon + 1) };
  });
  const named = (filter: EventFilter): boolean =>
    filter.name !== "" && filter.kind !== "user" && filter.kind !== "query";
  if (filters.some((filter) => !KINDS.includes(filter.kind) || named(filter))) return undefined;
  return filters;
}

export function wants(filters: readonly EventFilter[], event: SerfEvent): boolean {
  return filters.some(({ kind, name }) => {
    if (kind === "*") return true;
    if (kind !== event.kind) return false;
    return name === "" || ((event.kind === "user" || event.kind === "query") && event.name === name);
  });
}
