import type { Template, TemplatePart } from "../ast.ts";
import { toFlag, toText } from "./convert.ts";
import { rounds } from "./for.ts";
import { costOf, fault, MAX_TEXT, spend, type Scope } from "./scope.ts";
import { typeName, type Value } from "./value.ts";

/** `"${x}"` alone keeps the type of x; everything else becomes text. */
export function evaluateTemplate(node: Template, scope: Scope): Value | undefined {
  const [only] = node.parts;
  if (node.parts.length === 1 && only?.kind === "interpolation") return scope.evaluate(only.value, scope);
  const text = renderParts(node.parts, scope);
  if (text !== undefined && text.length > MAX_TEXT) {
    return fault(scope, node, { message: `this text has more than ${MAX_TEXT} characters` });
  }
  return text !== undefined && spend(scope, node, costOf(text)) ? text : undefined;
}

function renderParts(parts: readonly TemplatePart[], scope: Scope): string | undefined {
  let text = "";
  for (const part of parts) {
    const piece = renderPart(part, scope);
    if (piece === undefined) return undefined;
    text += piece;
    // The caller complains.
    if (text.length > MAX_TEXT) return text;
  }
  return text;
}

function renderPart(part: TemplatePart, scope: Scope): string | undefined {
  switch (part.kind) {
    case "text":
      return part.value;
    case "interpolation": {
      const value = scope.evaluate(part.value, scope);
      if (value === undefined) return undefined;
      const text = toText(value);
      if (text !== undefined) return text;
      const hint = value === null ? undefined : 'use join(", ", list) or jsonencode(value) to write it as text';
      return fault(scope, part, { message: `${typeName(value)} cannot stand in a text`, hint });
    }
    case "if": {
      const condition = scope.evaluate(part.condition, scope);
      if (condition === undefined) return undefined;
      const chosen = toFlag(condition);
      if (chosen !== undefined) return renderParts(chosen ? part.then : part.otherwise, scope);
      return fault(scope, part.condition, {
        message: `a condition must be true or false, this is ${typeName(condition)}`,
      });
    }
    case "for": {
      let text = "";
      for (const round of rounds(part, scope) ?? [undefined]) {
        const piece = round === undefined ? undefined : renderParts(part.parts, round);
        if (piece === undefined) return undefined;
        text += piece;
        if (text.length > MAX_TEXT) return text;
      }
      return text;
    }
    default:
      return part satisfies never;
  }
}
