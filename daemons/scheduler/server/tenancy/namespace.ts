import * as v from "valibot";
import { GLOBAL } from "#base/protocol/keys.ts";
import { StoredNamespaceSchema, type StoredNamespace } from "#base/protocol/namespace.ts";
import { absent, unchanged } from "#base/state/codec.ts";
import type { Compare } from "#base/state/store.ts";
import type { Row, View } from "#base/state/table.ts";
import { namespaces } from "#base/state/tables.ts";

export const DEFAULT_NAMESPACE = "default";

const BUILT_IN: Row<StoredNamespace> = {
  namespace: GLOBAL,
  id: DEFAULT_NAMESPACE,
  value: v.parse(StoredNamespaceSchema, { Name: DEFAULT_NAMESPACE, Description: "Default shared namespace" }),
  createIndex: 1,
  modifyIndex: 1,
};

/** A namespace as it is stored, or the one that is always there. */
export function findNamespace(view: View, name: string): Row<StoredNamespace> | undefined {
  return view.table(namespaces).get(GLOBAL, name) ?? (name === DEFAULT_NAMESPACE ? BUILT_IN : undefined);
}

/** In order of name. */
export function listNamespaces(view: View, prefix = ""): Row<StoredNamespace>[] {
  const rows = [...view.table(namespaces).list(GLOBAL, prefix)];
  if (!DEFAULT_NAMESPACE.startsWith(prefix) || rows.some(({ id }) => id === DEFAULT_NAMESPACE)) return rows;
  return [...rows, BUILT_IN].toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

/** Hold while the namespace is as it was seen here: what something was checked against is what it is written into. */
export function namespaceGuard(view: View, name: string): readonly Compare[] {
  if (name === DEFAULT_NAMESPACE) return [];
  const row = view.table(namespaces).get(GLOBAL, name);
  return [row === undefined ? absent(namespaces, GLOBAL, name) : unchanged(namespaces, row)];
}
