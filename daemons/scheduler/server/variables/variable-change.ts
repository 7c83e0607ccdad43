import type { StoredVariable, VariableLock } from "#base/protocol/variable.ts";
import type { Row } from "#base/state/table.ts";
import type { Items } from "./variable-rules.ts";

/** What somebody wants of a variable. `lockId`: of the lock they hold; empty: of none. */
export type VariableRequest =
  | { readonly kind: "put"; readonly items: Items; readonly cas: number | undefined; readonly lockId: string }
  | { readonly kind: "delete"; readonly cas: number | undefined; readonly lockId: string }
  | {
      readonly kind: "acquire";
      readonly items: Items | undefined;
      readonly lock: VariableLock;
      readonly lockId: string;
    }
  | { readonly kind: "renew"; readonly lockId: string }
  | { readonly kind: "release"; readonly lockId: string };

export type VariableChange =
  | { readonly kind: "write"; readonly items: Items | undefined; readonly lock: VariableLock | null }
  | { readonly kind: "delete" }
  /** Nothing to write: the holder lives. */
  | { readonly kind: "renew" }
  /** Nothing to do. */
  | { readonly kind: "none" }
  | { readonly kind: "conflict" }
  | { readonly kind: "missing" };

/** What a request does to a variable as it is now. `items` undefined: they stay. */
export function changeOf(
  request: VariableRequest,
  row: Row<StoredVariable> | undefined,
  nowNs: number,
): VariableChange {
  const lock = row?.value.Lock ?? null;
  const isHolder = lock !== null && lock.ID === request.lockId;
  const isClosed = lock === null ? (row?.value.DelayUntil ?? 0) > nowNs : !isHolder;
  switch (request.kind) {
    case "put":
      if (isClosed || !casHolds(request.cas, row)) return { kind: "conflict" };
      return { kind: "write", items: request.items, lock };
    case "delete":
      if (isClosed || !casHolds(request.cas, row)) return { kind: "conflict" };
      return row === undefined ? { kind: "none" } : { kind: "delete" };
    case "acquire":
      if (isClosed) return { kind: "conflict" };
      return { kind: "write", items: request.items, lock: lock ?? request.lock };
    case "renew":
      if (row === undefined) return { kind: "missing" };
      return isHolder ? { kind: "renew" } : { kind: "conflict" };
    case "release":
      if (row === undefined) return { kind: "missing" };
      return isHolder ? { kind: "write", items: undefined, lock: null } : { kind: "conflict" };
    default:
      return request satisfies never;
  }
}

/** 0: only if there is none. */
function casHolds(cas: number | undefined, row: Row<StoredVariable> | undefined): boolean {
  return cas === undefined || cas === (row?.modifyIndex ?? 0);
}
