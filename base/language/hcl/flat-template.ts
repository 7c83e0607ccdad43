import type { Expression } from "./ast.ts";
import type { ForHead } from "./parse-collection.ts";
import type { Span } from "./source.ts";

/** A template as it is read: directives still stand in a row, not yet in a tree. */
export type FlatPart = FlatText | FlatInterpolation | FlatDirective;

export interface FlatText extends Span {
  readonly kind: "text";
  value: string;
}

/** `~` at either end takes the white space beyond it away. */
interface Sequence extends Span {
  readonly stripBefore: boolean;
  readonly stripAfter: boolean;
}

export interface FlatInterpolation extends Sequence {
  readonly kind: "interpolation";
  readonly value: Expression;
}

export type FlatDirective = Sequence & Directive;

export type Directive =
  | { readonly kind: "if"; readonly condition: Expression }
  | { readonly kind: "else" | "endif" | "endfor" }
  | { readonly kind: "for"; readonly head: ForHead };

/** Applies the `~` markers: on either side they take what white space the neighbouring text has. */
export function strip(parts: readonly FlatPart[]): void {
  parts.forEach((part, index) => {
    if (part.kind === "text") return;
    const before = parts[index - 1];
    const after = parts[index + 1];
    if (part.stripBefore && before?.kind === "text") before.value = before.value.trimEnd();
    if (part.stripAfter && after?.kind === "text") after.value = after.value.trimStart();
  });
}

/** `<<-`: takes away the indentation that all lines have in common. Lines of white space only do not count. */
export function unindent(parts: readonly FlatPart[]): void {
  const first = lineStarts(parts);
  const counted = first.filter(
    (part) => part.kind !== "text" || part.value.trim() !== "" || !part.value.endsWith("\n"),
  );
  const common = Math.min(...counted.map((part) => (part.kind === "text" ? indentation(part.value) : 0)));
  if (!Number.isFinite(common) || common === 0) return;
  for (const part of counted) if (part.kind === "text") part.value = part.value.slice(common);
}

/** The part each line begins with. */
function lineStarts(parts: readonly FlatPart[]): readonly FlatPart[] {
  return parts.filter((_, index) => {
    const before = parts[index - 1];
    return before === undefined || (before.kind === "text" && before.value.endsWith("\n"));
  });
}

function indentation(line: string): number {
  return line.length - line.replace(/^[^\S\n]+/, "").length;
}
