import { showNode } from "../parse/show-node.ts";
import type { Node } from "../parse/node.ts";
import { textOf } from "../format/sprintf.ts";
import { GoFunction, GoObject } from "../value.ts";
import type { Evaluated, Frame } from "./frame.ts";

/** A value as an action puts it into the output. */
export function printedText(frame: Frame, value: Evaluated, node: Node): string {
  if (typeof value === "string") return value;
  if (value instanceof GoFunction) {
    frame.node = node;
    return frame.fail(`can't print ${showNode(node)} of type ${value.type.name}`);
  }
  return plainTextOf(value);
}

/** Pointers are followed; what is not there says so. */
export function plainTextOf(value: Evaluated): string {
  if (value === undefined || value === null) return "<no value>";
  const text = textOf(value);
  const followed = value instanceof GoObject && value.type.kind === "pointer" && value.text() === undefined;
  return followed && text.startsWith("&") ? text.slice(1) : text;
}
