import type { Alloc } from "#base/protocol/alloc.ts";
import { keyOf } from "#base/protocol/keys.ts";
import { put } from "#base/state/codec.ts";
import type { Compare, Op } from "#base/state/store.ts";
import { allocs } from "#base/state/tables.ts";
import type { KnownAlloc } from "./alloc-state.ts";

/** A change of an allocation's record, to be written only while nobody else wrote it. */
export interface AllocChange {
  readonly op: Op;
  readonly compare: Compare;
}

export function allocChange(known: Pick<KnownAlloc, "alloc" | "allocIndex">, fields: Partial<Alloc>): AllocChange {
  const { Namespace: namespace, ID: id } = known.alloc;
  return {
    op: put(allocs, { namespace, id }, { ...known.alloc, ...fields }),
    compare: { key: keyOf(allocs.name, namespace, id), target: "mod", op: "=", operand: known.allocIndex },
  };
}

/** Asks something of it; what was asked before stays asked. */
export function transition(
  known: Pick<KnownAlloc, "alloc" | "allocIndex">,
  wanted: Partial<Alloc["DesiredTransition"]>,
  atNs: number,
): AllocChange {
  const DesiredTransition = { ...known.alloc.DesiredTransition, ...wanted };
  return allocChange(known, { DesiredTransition, ModifyTime: atNs });
}
