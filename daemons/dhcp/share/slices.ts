import * as v from "valibot";

/**
 * Who owns which block of a network. A block has one owner or none; its owner alone gives its addresses to clients that did
 * not have them. `wants` are instances short of addresses; everybody who is there answers each (`seen`), by giving some
 * away or by having none to give. Who has not answered for long enough is taken for gone.
 */
export interface Slices {
  /** Block → instance. */
  readonly owners: Readonly<Record<string, string>>;
  /** Who wants more → a number of its own, new for each time. */
  readonly wants: Readonly<Record<string, string>>;
  /** Instance → the wants it has answered. */
  readonly seen: Readonly<Record<string, readonly string[]>>;
}

const SlicesSchema = v.object({
  owners: v.optional(v.record(v.string(), v.string()), {}),
  wants: v.optional(v.record(v.string(), v.string()), {}),
  seen: v.optional(v.record(v.string(), v.array(v.string())), {}),
});

export const NO_SLICES: Slices = { owners: {}, wants: {}, seen: {} };

/** Undefined where it does not read. */
export function parseSlices(text: string): Slices | undefined {
  try {
    const parsed = v.safeParse(SlicesSchema, JSON.parse(text));
    return parsed.success ? parsed.output : undefined;
  } catch {
    return undefined;
  }
}

/** Wants of others that `me` has not answered. */
export function unanswered({ wants, seen }: Slices, me: string): readonly string[] {
  const answered = seen[me] ?? [];
  return Object.entries(wants).flatMap(([who, want]) => (who === me || answered.includes(want) ? [] : [want]));
}

/** What of a network's blocks matters to a decision. */
export interface BlockFree {
  readonly block: number;
  readonly free: number;
}

export interface SliceQuestion {
  readonly slices: Slices;
  readonly me: string;
  /** All blocks in which pools have addresses, with how many are free. */
  readonly blocks: readonly BlockFree[];
  /** A want of ours was written long enough ago, and is this one. */
  readonly ripeWant: string | undefined;
  /** For a want of ours, if one is due. */
  readonly nonce: string;
}

/** Below this part of all free addresses an instance looks for more; it takes up to twice as much. */
const LOW = 0.125;
const LEAST_FREE = 2;

/**
 * What this instance wants to have changed, undefined: nothing. Blocks nobody owns are taken as they are needed; then others
 * are asked, and give half of what they have free; who does not answer for the time agreed loses what it has.
 */
export function nextSlices({ slices, me, blocks, ripeWant, nonce }: SliceQuestion): Slices | undefined {
  const owners = new Map(Object.entries(slices.owners));
  const wants = new Map(Object.entries(slices.wants));
  const before = JSON.stringify([slices.owners, slices.wants]);
  const total = blocks.reduce((sum, { free }) => sum + free, 0);
  const low = Math.max(LEAST_FREE, Math.floor(total * LOW));
  const mine = blocks.filter(({ block }) => owners.get(String(block)) === me);
  let free = mine.reduce((sum, each) => sum + each.free, 0);
  const open = unanswered(slices, me);
  if (open.length > 0) give(owners, mine, { free, keep: low });
  else if (free < low) {
    const takeable = (block: number): boolean => {
      const owner = owners.get(String(block));
      if (owner === undefined) return true;
      return owner !== me && ripeWant !== undefined && !(slices.seen[owner] ?? []).includes(ripeWant);
    };
    for (const { block, free: has } of blocks
      .filter(({ block: each }) => takeable(each))
      .toSorted((a, b) => b.free - a.free)) {
      if (free >= low * 2 || has === 0) break;
      owners.set(String(block), me);
      free += has;
    }
    if (free < low && !wants.has(me) && total > free) wants.set(me, nonce);
  }
  if (free >= low || ripeWant !== undefined) wants.delete(me);
  const seen = seenBy(slices, wants, { me, open });
  const next: Slices = { owners: Object.fromEntries(owners), wants: Object.fromEntries(wants), seen };
  return JSON.stringify([next.owners, next.wants]) === before && open.length === 0 ? undefined : next;
}

/** Half of what is free goes to whoever takes it, as long as enough stays. */
function give(
  owners: Map<string, string>,
  mine: readonly BlockFree[],
  { free, keep }: { readonly free: number; readonly keep: number },
): void {
  let left = free;
  for (const { block, free: has } of mine.toSorted((a, b) => b.free - a.free)) {
    if (has === 0 || left - has < Math.max(keep, free / 2)) continue;
    owners.delete(String(block));
    left -= has;
  }
}

/** Answers to wants that are over are forgotten. */
function seenBy(
  slices: Slices,
  wants: ReadonlyMap<string, string>,
  { me, open }: { readonly me: string; readonly open: readonly string[] },
): Slices["seen"] {
  const standing = new Set(wants.values());
  const seen = { ...slices.seen, [me]: [...(slices.seen[me] ?? []), ...open] };
  return Object.fromEntries(
    Object.entries(seen).flatMap(([who, answered]) => {
      const kept = answered.filter((want) => standing.has(want));
      return kept.length === 0 ? [] : [[who, kept]];
    }),
  );
}
