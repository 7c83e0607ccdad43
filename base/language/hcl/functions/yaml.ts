import { isList, isMap, sortedKeys, type Value } from "../evaluate/value.ts";

/** YAML in block style; strings are double-quoted, so none reads as another type. */
export function encodeYaml(value: Value): string {
  return `${block(value, "").replace(/^\n/, "")}\n`;
}

function block(value: Value, indent: string): string {
  if (isList(value)) {
    if (value.length === 0) return "[]";
    return value.map((item) => `\n${indent}- ${block(item, `${indent}  `).replace(/^\n */, "")}`).join("");
  }
  if (isMap(value)) {
    const keys = sortedKeys(value);
    if (keys.length === 0) return "{}";
    return keys
      .map((key) => `\n${indent}${JSON.stringify(key)}: ${nested(value[key] ?? null, indent)}`.replace(/: \n/, ":\n"))
      .join("");
  }
  return JSON.stringify(value);
}

function nested(value: Value, indent: string): string {
  return isList(value) ? block(value, indent) : block(value, `${indent}  `);
}
