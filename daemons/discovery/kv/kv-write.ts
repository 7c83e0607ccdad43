import type { KvEntry } from "#base/protocol/kv.ts";
import type { Row } from "#base/state/table.ts";

/** Who writes, and when: milliseconds since the epoch. */
export interface Author {
  readonly by: string;
  readonly atMs: number;
}

/** A write of one key (https://developer.hashicorp.com/consul/api-docs/kv, .../txn). `value` is base64, `flags` decimal. */
export type KvWrite =
  | {
      readonly verb: "set";
      readonly key: string;
      readonly value: string;
      readonly flags: string;
      readonly author?: Author;
    }
  | {
      readonly verb: "cas";
      readonly key: string;
      readonly value: string;
      readonly flags: string;
      readonly author?: Author;
      readonly index: number;
    }
  | {
      readonly verb: "lock" | "unlock";
      readonly key: string;
      readonly value: string;
      readonly flags: string;
      readonly author?: Author;
      readonly session: string;
    }
  | { readonly verb: "delete"; readonly key: string }
  | { readonly verb: "delete-cas"; readonly key: string; readonly index: number };

/** What a write does to the entry that is there. */
export type KvDecision =
  | { readonly kind: "refuse"; readonly reason: string }
  /** Nothing to do: what is wanted is there already. */
  | { readonly kind: "keep" }
  | { readonly kind: "put"; readonly entry: KvEntry }
  | { readonly kind: "delete" };

export interface KvConditions {
  /** Whether the key may not be locked yet, because its last holder was invalidated a moment ago. */
  readonly lockDelayed: boolean;
}

export function decideKvWrite(write: KvWrite, current: Row<KvEntry> | undefined, conditions: KvConditions): KvDecision {
  const entry = current?.value;
  switch (write.verb) {
    case "set":
      return putUnlessSame(current, {
        ...written(write),
        Session: entry?.Session ?? "",
        LockIndex: entry?.LockIndex ?? 0,
      });
    case "cas": {
      if (write.index !== (current?.modifyIndex ?? 0))
        return refuse(`current modify index is ${current?.modifyIndex ?? 0}`);
      return {
        kind: "put",
        entry: { ...written(write), Session: entry?.Session ?? "", LockIndex: entry?.LockIndex ?? 0 },
      };
    }
    case "lock":
      return decideLock(write, current, conditions);
    case "unlock": {
      if (entry === undefined) return refuse("the key does not exist");
      if (entry.Session !== write.session) return refuse("the key is not held by this session");
      return { kind: "put", entry: { ...written(write), Session: "", LockIndex: entry.LockIndex } };
    }
    case "delete":
      return current === undefined ? { kind: "keep" } : { kind: "delete" };
    case "delete-cas": {
      if (current === undefined) return { kind: "keep" };
      // Index 0 asks for a key that is not there, so there is nothing to delete.
      if (write.index === 0) return { kind: "keep" };
      return write.index === current.modifyIndex
        ? { kind: "delete" }
        : refuse(`current modify index is ${current.modifyIndex}`);
    }
    default:
      return write satisfies never;
  }
}

function decideLock(
  write: Extract<KvWrite, { verb: "lock" | "unlock" }>,
  current: Row<KvEntry> | undefined,
  { lockDelayed }: KvConditions,
): KvDecision {
  const holder = current?.value.Session ?? "";
  const lockIndex = current?.value.LockIndex ?? 0;
  if (holder === write.session)
    return { kind: "put", entry: { ...written(write), Session: holder, LockIndex: lockIndex } };
  if (holder !== "") return refuse("lock is already held");
  if (lockDelayed) return refuse("lock is delayed: its last holder was invalidated");
  return { kind: "put", entry: { ...written(write), Session: write.session, LockIndex: lockIndex + 1 } };
}

function written({
  value,
  flags,
  author,
}: {
  readonly value: string;
  readonly flags: string;
  readonly author?: Author;
}): Pick<KvEntry, "Value" | "Flags" | "By" | "At"> {
  const known = author === undefined ? {} : { By: author.by, At: author.atMs };
  return { Value: value, Flags: flags, ...known };
}

/** Writing what is there already takes no revision, and so wakes nobody. */
function putUnlessSame(current: Row<KvEntry> | undefined, entry: KvEntry): KvDecision {
  const old = current?.value;
  const same = old !== undefined && old.Value === entry.Value && old.Flags === entry.Flags;
  return same ? { kind: "keep" } : { kind: "put", entry };
}

function refuse(reason: string): KvDecision {
  return { kind: "refuse", reason };
}
