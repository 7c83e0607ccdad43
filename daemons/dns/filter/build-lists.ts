import { notAList, readList, type ListCounts } from "./list-reader.ts";
import { NameSetBuilder } from "./name-set-builder.ts";
import type { NameSetData } from "./name-set.ts";

/** A list's text, where it came from a disk or a download. */
export interface ListText {
  readonly id: number;
  readonly kind: "block" | "allow";
  readonly text: Uint8Array;
}

export interface BuiltList extends ListCounts {
  readonly id: number;
  readonly kind: "block" | "allow";
  /** Why nothing of it was taken. */
  readonly problem: string | undefined;
}

export interface BuiltLists {
  readonly set: NameSetData;
  /**
   * In the order memberships count: list n of the texts blocks or allows as it is meant to at 2n, and its exceptions do the
   * opposite at 2n + 1.
   */
  readonly lists: readonly BuiltList[];
}

/** All lists as one set. Takes seconds for millions of names: for a thread of its own. */
export function buildLists(seed: number, texts: readonly ListText[]): BuiltLists {
  const size = { names: 0, bytes: 0 };
  // Read twice: the first time only to know how much memory the names take.
  for (const { text } of texts) {
    if (notAList(text) !== undefined) continue;
    readList(text, ({ from, to }) => {
      size.names += 1;
      size.bytes += to - from;
      return true;
    });
  }
  const builder = new NameSetBuilder(seed, size);
  const lists = texts.map(({ id, kind, text }, n): BuiltList => {
    const problem = notAList(text);
    if (problem !== undefined) return { id, kind, problem, domains: 0, abp: 0, invalid: 0 };
    const counts = readList(text, (entry) =>
      builder.add(text, entry, { list: n * 2 + (entry.isException ? 1 : 0), below: entry.below }),
    );
    return { id, kind, problem, ...counts };
  });
  return { set: builder.finish(), lists };
}
