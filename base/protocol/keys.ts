import { assert } from "#base/env/assert.ts";

/** Where all state lives: `/lares/1/<table>/<namespace>/<id>`. The id may hold slashes; table and namespace may not. */
export const ROOT = "/lares/1/";
/** Tables that know no namespaces use this one. */
export const GLOBAL = "_";

export interface KeyParts {
  readonly table: string;
  readonly namespace: string;
  readonly id: string;
}

export function keyOf(table: string, namespace: string, id: string): string {
  assert(!table.includes("/") && !namespace.includes("/") && namespace !== "", `bad key parts ${table} ${namespace}`);
  return `${ROOT}${table}/${namespace}/${id}`;
}

/** Undefined for keys that are not of this layout. */
export function partsOf(key: string): KeyParts | undefined {
  if (!key.startsWith(ROOT)) return undefined;
  const tableEnd = key.indexOf("/", ROOT.length);
  const namespaceEnd = tableEnd < 0 ? -1 : key.indexOf("/", tableEnd + 1);
  if (namespaceEnd < 0) return undefined;
  return {
    table: key.slice(ROOT.length, tableEnd),
    namespace: key.slice(tableEnd + 1, namespaceEnd),
    id: key.slice(namespaceEnd + 1),
  };
}
