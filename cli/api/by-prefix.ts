import { CodedError } from "#base/env/errors.ts";

/** The one item whose id is, or begins with, what was typed. Throws when there is none, or several. */
export function oneByPrefix<T>(
  items: readonly T[],
  typed: string,
  what: { readonly kind: string; readonly idOf: (item: T) => string; readonly list: string },
): T {
  const exact = items.find((item) => what.idOf(item) === typed);
  if (exact !== undefined) return exact;
  const found = items.filter((item) => what.idOf(item).startsWith(typed));
  const [first] = found;
  if (first === undefined) {
    throw new CodedError("missing", `no ${what.kind} with id "${typed}"`, `"${what.list}" lists what there is.`);
  }
  if (found.length === 1) return first;
  const ids = found.slice(0, 10).map(what.idOf).join(", ");
  throw new CodedError("ambiguous", `"${typed}" fits ${found.length} ${what.kind}s: ${ids}`, "Type more of the id.");
}
