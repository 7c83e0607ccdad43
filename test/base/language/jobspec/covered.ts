import type { Body } from "#base/language/hcl/ast.ts";
import type { BlockTable } from "#base/language/hcl/decode/table.ts";

/** Every key a job file may have, with the block it stands in: `check.interval`. */
export function knownKeys(table: BlockTable, seen = new Set<BlockTable>()): ReadonlySet<string> {
  const keys = new Set<string>();
  if (seen.has(table)) return keys;
  seen.add(table);
  for (const key of [...Object.keys(table.attributes), ...Object.keys(table.blocks)]) keys.add(`${table.name}.${key}`);
  for (const rule of Object.values(table.blocks))
    if (rule.kind === "nested") for (const key of knownKeys(rule.table(), seen)) keys.add(key);
  return keys;
}

/** Those that a file uses. What a `dynamic` block makes does not count. */
export function usedKeys(body: Body, table: BlockTable): ReadonlySet<string> {
  const keys = new Set<string>();
  for (const item of body.items) {
    const name = item.kind === "attribute" ? item.name : item.type;
    keys.add(`${table.name}.${name}`);
    const rule = table.blocks[name];
    if (item.kind === "block" && rule?.kind === "nested")
      for (const key of usedKeys(item.body, rule.table())) keys.add(key);
  }
  return keys;
}
