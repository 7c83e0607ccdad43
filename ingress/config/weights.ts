import type { Member } from "../routes/collect.ts";

const MAX_WEIGHT = 256;

/**
 * HAProxy's weight (0 to 256) of each member. Those with a part of all requests have it, evenly; the others share what
 * is left by their own weights. Where no other is there, parts are relative to each other.
 */
export function weightsOf(members: readonly Member[]): readonly number[] {
  const parts = new Map<number, number>();
  for (const { share } of members)
    if (share.part !== undefined) parts.set(share.part, (parts.get(share.part) ?? 0) + 1);
  const rest = members.filter(({ share }) => share.part === undefined);
  if (parts.size === 0) {
    // Weights as they stand, raised together so that a slow start has steps to take.
    const most = Math.max(1, ...members.map(({ share }) => share.weight));
    const factor = Math.max(1, Math.floor(100 / most));
    return members.map(({ share }) => Math.min(MAX_WEIGHT, share.weight * factor));
  }
  const given = [...parts.keys()].reduce((sum, part) => sum + part, 0);
  const left = Math.max(0, 1 - given);
  const total = rest.reduce((sum, { share }) => sum + share.weight, 0);
  const wanted = members.map(({ share }) =>
    share.part === undefined
      ? total === 0
        ? 0
        : (left * share.weight) / total
      : share.part / (parts.get(share.part) ?? 1),
  );
  const most = Math.max(...wanted);
  if (most === 0) return members.map(() => 1);
  return wanted.map((part) => (part === 0 ? 0 : Math.max(1, Math.round((part / most) * MAX_WEIGHT))));
}
