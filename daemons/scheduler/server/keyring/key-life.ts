import type { RootKey, RootKeyState } from "#base/protocol/keyring.ts";

/** How long keys live. Nanoseconds. */
export interface KeyAges {
  /** An active key is replaced at this age; its successor is published at half of it. */
  readonly rotateNs: number;
  /** A key nothing uses any more is kept for this long after it was retired. */
  readonly keepNs: number;
}

/** What time alone does to the keys, as changes to their rows. */
export interface KeyChanges {
  readonly put: readonly RootKey[];
  readonly remove: readonly string[];
  /** Set when a successor has to be made, to be published then. */
  readonly publishSuccessorNs: number | undefined;
}

export interface KeyReview {
  readonly nowNs: number;
  readonly ages: KeyAges;
  readonly isUsed: (key: RootKey) => boolean;
}

/** The keys' next states. Writes nothing when nothing is due. */
export function reviewKeys(keys: readonly RootKey[], { nowNs, ages, isUsed }: KeyReview): KeyChanges {
  const due = keys
    .filter((key) => key.State === "prepublished" && key.PublishTime <= nowNs)
    .toSorted((a, b) => a.PublishTime - b.PublishTime)[0];
  if (due !== undefined)
    return { put: promote(keys, due, { nowNs, old: "inactive" }), remove: [], publishSuccessorNs: undefined };
  const active = keys.find((key) => key.State === "active");
  const hasSuccessor = keys.some((key) => key.State === "prepublished");
  const isOld = active !== undefined && !hasSuccessor && nowNs - active.CreateTime >= ages.rotateNs / 2;
  const remove = keys.filter((key) => isRetired(key) && nowNs - key.RetireTime >= ages.keepNs && !isUsed(key));
  return {
    put: [],
    remove: remove.map((key) => key.KeyID),
    publishSuccessorNs: isOld ? Math.max(nowNs, active.CreateTime + ages.rotateNs) : undefined,
  };
}

/** Makes `next` the active key, and what was active `old`. */
export function promote(
  keys: readonly RootKey[],
  next: RootKey,
  { nowNs, old }: { readonly nowNs: number; readonly old: RootKeyState },
): RootKey[] {
  const before = keys
    .filter((key) => key.KeyID !== next.KeyID && isReplaced(key, old))
    .map((key): RootKey => ({ ...key, State: old, RetireTime: key.RetireTime === 0 ? nowNs : key.RetireTime }));
  return [...before, { ...next, State: "active" }];
}

/** A full rotation also moves what older keys have encrypted. */
function isReplaced({ State }: RootKey, old: RootKeyState): boolean {
  return State === "active" || (old === "rekeying" && State === "inactive");
}

function isRetired({ State }: RootKey): boolean {
  return State === "inactive" || State === "deprecated";
}
