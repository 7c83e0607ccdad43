import { Asked } from "../packet/asked.ts";
import { NO_MEMBERSHIP } from "./name-set.ts";
import type { ListsInSet } from "./policy.ts";

export interface ListHit {
  readonly listId: number;
  /** The name as the list has it. */
  readonly pattern: string;
  /** The list says the opposite of what it is for. */
  readonly isException: boolean;
}

const MAX_LABEL = 63;
const MAX_NAME = 255;
const TYPE_A = 1;

/** For people who want to know why; takes the same way as a question. A name that is none is in no list. */
export function listHits(seed: number, name: string, { set, lists }: ListsInSet): ListHit[] {
  const labels = name.toLowerCase().replace(/\.$/, "").split(".");
  const wire = wireOf(labels);
  const asked = new Asked(seed);
  if (wire === undefined || set.data.count === 0 || !asked.take(wire, TYPE_A)) return [];
  const hits: ListHit[] = [];
  for (let n = 0; n < asked.labels; n++) {
    const membership = set.find(asked, n);
    if (membership === NO_MEMBERSHIP) continue;
    for (const member of set.data.memberships[membership] ?? []) {
      const isBelow = (member & 1) === 1;
      const list = lists[member >> 2];
      if (list === undefined || (n > 0 && !isBelow)) continue;
      const pattern = labels.slice(n).join(".");
      hits.push({
        listId: list.id,
        pattern: isBelow ? `||${pattern}^` : pattern,
        isException: ((member >> 1) & 1) === 1,
      });
    }
  }
  return hits;
}

function wireOf(labels: readonly string[]): Uint8Array | undefined {
  const parts: number[] = [];
  for (const label of labels) {
    const bytes = Buffer.from(label);
    if (bytes.length === 0 || bytes.length > MAX_LABEL) return undefined;
    parts.push(bytes.length, ...bytes);
  }
  parts.push(0);
  return parts.length > MAX_NAME ? undefined : Uint8Array.from(parts);
}
