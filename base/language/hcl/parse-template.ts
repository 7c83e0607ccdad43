import type { Expression } from "./ast.ts";
import { unescapeHeredoc, unescapeQuoted } from "./escapes.ts";
import { strip, unindent, type Directive, type FlatPart } from "./flat-template.ts";
import { parseForHead } from "./parse-collection.ts";
import {
  accept,
  complain,
  endOfLast,
  expect,
  nested,
  peek,
  take,
  textOf,
  withNewlines,
  type Parser,
} from "./parser.ts";
import { buildTemplate } from "./template-tree.ts";
import type { Token } from "./token.ts";

/** `"…"`; a literal when it holds no sequences. */
export function parseQuoted(parser: Parser): Expression {
  const opening = take(parser);
  const parts = readParts(parser, (token) => unescapeQuoted(parser, token));
  if (!parser.recovering) expect(parser, "quote-close", { what: 'a closing "' });
  return finish(parser, { opening, parts });
}

/** `<<MARKER` and its lines; a literal when they hold no sequences. */
export function parseHeredoc(parser: Parser): Expression {
  const opening = take(parser);
  const parts = readParts(parser, (token) => unescapeHeredoc(textOf(parser, token)));
  if (!parser.recovering) expect(parser, "heredoc-close", { what: "the end of the heredoc" });
  if (textOf(parser, opening).startsWith("<<-")) unindent(parts);
  return finish(parser, { opening, parts });
}

function finish(parser: Parser, read: { readonly opening: Token; readonly parts: readonly FlatPart[] }): Expression {
  strip(read.parts);
  const span = { start: read.opening.start, end: endOfLast(parser) };
  if (read.parts.every((part) => part.kind === "text")) {
    return {
      kind: "literal",
      value: read.parts.map((part) => (part.kind === "text" ? part.value : "")).join(""),
      ...span,
    };
  }
  return { kind: "template", parts: buildTemplate(parser, read.parts), ...span };
}

function readParts(parser: Parser, unescape: (token: Token) => string): readonly FlatPart[] {
  const parts: FlatPart[] = [];
  while (!parser.recovering) {
    const token = peek(parser);
    if (token.type === "text") {
      take(parser);
      parts.push({ kind: "text", value: unescape(token), start: token.start, end: token.end });
    } else if (token.type === "interpolation" || token.type === "directive") {
      const part = parseSequence(parser, take(parser));
      if (part !== undefined) parts.push(part);
    } else {
      break;
    }
  }
  return parts;
}

function parseSequence(parser: Parser, opening: Token): FlatPart | undefined {
  return withNewlines<FlatPart | undefined>(parser, false, () =>
    nested<FlatPart | undefined>(
      parser,
      () => {
        const inner = opening.type === "interpolation" ? parser.parseExpression(parser) : parseDirective(parser);
        if (parser.recovering || inner === undefined) return undefined;
        const closing = expect(parser, "sequence-end", { what: '"}" to close the sequence' });
        if (closing === undefined) return undefined;
        const stripBefore = textOf(parser, opening).endsWith("~");
        const stripAfter = textOf(parser, closing).startsWith("~");
        const place = { stripBefore, stripAfter, start: opening.start, end: closing.end };
        return isDirective(inner) ? { ...inner, ...place } : { kind: "interpolation", value: inner, ...place };
      },
      () => undefined,
    ),
  );
}

function isDirective(inner: Expression | Directive): inner is Directive {
  return !("start" in inner);
}

function parseDirective(parser: Parser): Directive | undefined {
  const token = peek(parser);
  const word = token.type === "identifier" ? textOf(parser, token) : "";
  if (word === "for") return { kind: "for", head: parseForHead(parser) };
  if (word === "if" || word === "else" || word === "endif" || word === "endfor") {
    take(parser);
    return word === "if" ? { kind: "if", condition: parser.parseExpression(parser) } : { kind: word };
  }
  complain(parser, token, {
    message: "expected if, else, endif, for or endfor after %{",
    hint: "to write %{ as text, double the percent sign: %%{",
  });
  accept(parser, "identifier");
  return undefined;
}
