import type { TemplatePart } from "./ast.ts";
import type { FlatDirective, FlatPart } from "./flat-template.ts";
import { complain, nested, type Parser } from "./parser.ts";

interface Reader {
  readonly parser: Parser;
  readonly parts: readonly FlatPart[];
  index: number;
}

type Closer = "else" | "endif" | "endfor";

/** Turns directives in a row into a tree: what stands between `if` and `endif`, `for` and `endfor` belongs to them. */
export function buildTemplate(parser: Parser, parts: readonly FlatPart[]): readonly TemplatePart[] {
  const reader: Reader = { parser, parts, index: 0 };
  const built: TemplatePart[] = [];
  while (reader.index < parts.length) {
    built.push(...readUntil(reader, []));
    const stray = parts[reader.index++];
    if (stray !== undefined) {
      complain(parser, stray, {
        message: `this ${stray.kind} has no ${stray.kind === "endfor" ? "for" : "if"} before it`,
      });
    }
  }
  return built;
}

/** Stops before the first directive of `closers`, before one that closes nothing, and at the end. */
function readUntil(reader: Reader, closers: readonly Closer[]): readonly TemplatePart[] {
  const built: TemplatePart[] = [];
  for (;;) {
    const part = reader.parts[reader.index];
    if (part === undefined || part.kind === "else" || part.kind === "endif" || part.kind === "endfor") return built;
    reader.index++;
    const { start, end } = part;
    if (part.kind === "text" && part.value !== "") built.push({ kind: "text", value: part.value, start, end });
    if (part.kind === "interpolation") built.push({ kind: "interpolation", value: part.value, start, end });
    if (part.kind === "if" || part.kind === "for") {
      const inner = nested(
        reader.parser,
        () => readDirective(reader, part),
        () => undefined,
      );
      if (inner === undefined) return built;
      built.push(inner);
    }
    if (reader.parser.recovering && closers.length > 0) return built;
  }
}

function readDirective(reader: Reader, part: FlatDirective): TemplatePart | undefined {
  if (part.kind === "for") {
    const { keyName, valueName, collection } = part.head;
    const parts = readUntil(reader, ["endfor"]);
    const end = close(reader, { opening: part, closer: "endfor" });
    return { kind: "for", keyName, valueName, collection, parts, start: part.start, end };
  }
  if (part.kind !== "if") return undefined;
  const then = readUntil(reader, ["else", "endif"]);
  let otherwise: readonly TemplatePart[] = [];
  if (reader.parts[reader.index]?.kind === "else") {
    reader.index++;
    otherwise = readUntil(reader, ["endif"]);
  }
  const end = close(reader, { opening: part, closer: "endif" });
  return { kind: "if", condition: part.condition, then, otherwise, start: part.start, end };
}

function close(reader: Reader, wanted: { readonly opening: FlatDirective; readonly closer: Closer }): number {
  const part = reader.parts[reader.index];
  if (part?.kind === wanted.closer) {
    reader.index++;
    return part.end;
  }
  const { opening, closer } = wanted;
  const instead = part === undefined ? "" : `, found ${part.kind}`;
  complain(reader.parser, opening, {
    message: `this ${opening.kind} is not closed: expected %{ ${closer} }${instead}`,
  });
  return opening.end;
}
