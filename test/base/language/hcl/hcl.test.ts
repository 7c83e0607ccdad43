import test from "ava";
import fc from "fast-check";
import type { Body, Expression } from "#base/language/hcl/ast.ts";
import { renderDiagnostics } from "#base/language/hcl/diagnostic.ts";
import { parseHcl, parseHclExpression } from "#base/language/hcl/parse.ts";
import { positionAt } from "#base/language/hcl/source.ts";
import { bare, printBody, printExpression } from "./print.ts";

const parse = (text: string) => parseHcl({ name: "t.hcl", text });
const expression = (text: string) => parseHclExpression({ name: "t.hcl", text });
const messages = (text: string) => parse(text).diagnostics.map((d) => `${d.start.line}:${d.start.column} ${d.message}`);

/** A tree in one line: fully parenthesised, so that precedence shows. */
function show(node: Expression): string {
  switch (node.kind) {
    case "binary":
      return `(${show(node.left)} ${node.operator} ${show(node.right)})`;
    case "unary":
      return `(${node.operator}${show(node.operand)})`;
    case "conditional":
      return `(${show(node.condition)} ? ${show(node.then)} : ${show(node.otherwise)})`;
    case "parentheses":
      return show(node.inner);
    case "splat":
      return `<${show(node.object)} each ${show(node.each)}>`;
    case "splat-item":
      return "@";
    case "get-attribute":
      return `${show(node.object)}.${node.name}`;
    case "get-index":
      return `${show(node.object)}[${show(node.index)}]`;
    case "call":
      return `${node.name}(${node.arguments.map(show).join(", ")}${node.expandLast ? "..." : ""})`;
    default:
      return printExpression(node);
  }
}

function value(text: string): string {
  const { node, diagnostics } = expression(text);
  return diagnostics.length > 0 ? `ERROR ${diagnostics[0]?.message}` : show(node);
}

const EXPRESSIONS: readonly (readonly [source: string, tree: string])[] = [
  ["1 + 2 * 3 - 4", "((1 + (2 * 3)) - 4)"],
  ["a || b && c == d < e + f * -g", "(a || (b && (c == (d < (e + (f * (-g)))))))"],
  ["!a.b && -c[0] > 1", "((!a.b) && ((-c[0]) > 1))"],
  ["a ? b : c ? d : e", "(a ? b : (c ? d : e))"],
  ["1 - 2 - 3", "((1 - 2) - 3)"],
  ["a-b - c", "(a-b - c)"],
  ["- - 5", "(-(-5))"],
  ["1.5e3", "1500"],
  ["a.0.b", "a[0].b"],
  ["a.0.1.b", "a[0][1].b"],
  ["a.*.b.c[0]", "<a each @.b.c>[0]"],
  ["a[*].b[0].c", "<a each @.b[0].c>"],
  ["a[*].b[*].c", "<a each <@.b each @.c>>"],
  ['a["x"][b.c]', 'a["x"][b.c]'],
  ["f(a, [1, 2]...)", "f(a, [1, 2]...)"],
  ["f(\n a,\n b,\n)", "f(a, b)"],
  ["(\n1\n+\n2\n)", "(1 + 2)"],
  ["[for x in xs : x if x != 1]", "[for x in xs : x if x != 1]"],
  ["{for k, v in m : k => v... if v}", "{for k, v in m : k => v... if v}"],
  ["{for = 1}", '{"for" = 1}'],
  ['{a = 1, "b c" : 2\n(d) = 3\n}', '{"a" = 1, "b c" = 2, (d) = 3}'],
  ["{ a.b = 1 }", "{(a.b) = 1}"],
  ["[]", "[]"],
  ["{\n\n}", "{}"],
  ['"a\\n\\t\\"\\\\\\u00e9\\U0001F600"', '"a\\n\\t\\"\\\\é😀"'],
  ['"$${a} %%{b} $ % $$ $a"', '"$${a} %%{b} $ % $$ $a"'],
  ['"a ${b} c"', '"a ${b} c"'],
  ['"${"nested ${"deep"}"}"', '"${"nested ${"deep"}"}"'],
  ['"a  ${~ b ~}  c"', '"a${b}c"'],
  ['"%{ if a }x%{ else }y%{ endif }"', '"%{ if a }x%{ else }y%{ endif }"'],
  ['"%{ for k, v in m ~} ${k}=${v} %{~ endfor }"', '"%{ for k, v in m }${k}=${v}%{ endfor }"'],
  ["<<EOF\na\n  b ${c}\nEOF\n", '"a\\n  b ${c}\\n"'],
  ["<<-EOF\n    a\n\n      b\n    EOF\n", '"a\\n\\n  b\\n"'],
  ["<<-EOF\n    ${a}\n      b\n    EOF", '"${a}\\n  b\\n"'],
  ["<<EOF\nno EOF here\n\\n stays $${x}\nEOF", '"no EOF here\\n\\\\n stays $${x}\\n"'],
  ["<<E-1\nx\nE-1", '"x\\n"'],
  ["<<EOF\nEOF", '""'],
  ["/* c */ 1 // d\n # e", "1"],
  ["größe.名前", "größe.名前"],
  ["true ? null : false", "(true ? null : false)"],
];

for (const [source, tree] of EXPRESSIONS) {
  test(`expression ${JSON.stringify(source)}`, (t) => t.is(value(source), tree));
}

test("a body: attributes, blocks with labels of both kinds, one-line blocks, comments", (t) => {
  const text = '\uFEFFa = 1\r\n# one\r\nb "x" y {\r\n  c { d = [1,\r\n 2] }\r\n  e {}\r\n}\r\n';
  const { node, diagnostics } = parse(text);
  t.deepEqual(diagnostics, []);
  t.is(printBody(node), 'a = 1\nb "x" y {\n  c {\n    d = [1, 2]\n  }\n  e {\n  }\n}\n');
});

test("names in quotes and with dots, as older files have them", (t) => {
  const { node, diagnostics } = parse('a.b-c.d = 1\n"x y" = 2\nm { "k" = 3 }\no { a.b = 4 }\n');
  t.deepEqual(diagnostics, []);
  const names = node.items.flatMap((item) =>
    item.kind === "attribute" ? [item.name] : item.body.items.map((i) => (i.kind === "attribute" ? i.name : "")),
  );
  t.deepEqual(names, ["a.b-c.d", "x y", "k", "a.b"]);
});

test("every node says where it is", (t) => {
  const text = '# é😀\njob "é" {\n  x = [1, a.b]\n}\n';
  const source = { name: "t.hcl", text };
  const block = parseHcl(source).node.items[0];
  if (block?.kind !== "block") return t.fail();
  t.deepEqual(positionAt(source, block.start), { line: 2, column: 1, byte: 9 });
  t.deepEqual(positionAt(source, block.end), { line: 4, column: 2, byte: 36 });
  const attribute = block.body.items[0];
  if (attribute?.kind !== "attribute" || attribute.value.kind !== "tuple") return t.fail();
  const last = attribute.value.items[1];
  t.is(text.slice(last?.start, last?.end), "a.b");
  t.deepEqual(positionAt(source, last?.start ?? 0), { line: 3, column: 11, byte: 30 });
});

const MISTAKES: readonly (readonly [source: string, ...expected: string[]])[] = [
  ["a = \n", '1:5 expected a value for "a", found the end of the line'],
  ["a 5\n", '1:3 expected "=" (an attribute), a label or "{" (a block) after "a", found "5"'],
  ["a: 5\n", '1:2 expected "=" (an attribute), a label or "{" (a block) after "a", found ":"'],
  ['"a" {\n}\n', '1:5 expected "=" after the name in quotes, found "{"'],
  ["a.b {\n}\n", '1:5 expected "=" after "a.b", found "{"'],
  ["5 = 5\n", '1:1 expected an attribute or a block, found "5"'],
  ["a = 1 b = 2\n", '1:7 expected the end of the line, found "b"'],
  ["a = 1,\nb = 2\n", '1:6 expected the end of the line, found ","'],
  [
    "a = [1 2]\nb = \n",
    '1:8 expected "," or "]", found "2"',
    '2:5 expected a value for "b", found the end of the line',
  ],
  ["a = [1,\n\nb = 2\nc = 3 3\n", '3:3 expected "," or "]", found "="', '4:7 expected the end of the line, found "3"'],
  ['a = "x\nb = 1\nc = "y', "1:5 this string is not closed on its line", "3:5 this string is not closed on its line"],
  [
    'a = "x ${"y\nb = 1 1\n',
    "1:5 this string is not closed on its line",
    '2:7 expected the end of the line, found "1"',
  ],
  ['a = "\\q"', "1:6 the escape \\q does not exist"],
  ["a = <<X\nfoo\n", "1:5 this heredoc has no end: expected a line with nothing but X"],
  ["job {\n  x = 1\n", '1:1 the block "job" is never closed'],
  ['job "j" {\n  group "g" {\n    task "t" {\n      x = 1\n  }\n}\n', '3:5 the block "task" is never closed'],
  ["a {\n b {\n", '2:2 the block "b" is never closed'],
  ["}\na = 1\n", '1:1 this "}" closes nothing'],
  ["a = 'x'\n", `1:5 the character "'" has no meaning here`, `1:7 the character "'" has no meaning here`],
  ["a { b = 1, c = 2 }\n", '1:10 expected "}", found ","'],
  ["a { b {} }\n", '1:5 expected an attribute, found "b"'],
  ['a = "%{ if x }"', "1:6 this if is not closed: expected %{ endif }"],
  ['a = "%{ endfor }"', "1:6 this endfor has no for before it"],
  ['a = "%{ what }"', "1:9 expected if, else, endif, for or endfor after %{"],
  ["a = f(1\nb = 2", '2:1 expected "," or ")", found "b"'],
  ["a = { b }", '1:9 expected "=" or ":" after the key, found "}"'],
  ["a = x.", '1:7 expected a name, a number or "*" after ".", found the end of the file'],
  ["/* a", "1:1 this comment is never closed"],
  [`a = ${"[".repeat(300)}`, "1:205 nested more than 200 levels deep"],
  [`a = 1${"+1".repeat(600)}`, "1:1006 more than 500 operators in one expression"],
];

for (const [source, ...expected] of MISTAKES) {
  test(`mistake ${JSON.stringify(source.slice(0, 40))}`, (t) => t.deepEqual(messages(source), expected));
}

test("a mistake is shown with its line and a caret", (t) => {
  const { diagnostics } = parseHcl({ name: "web.hcl", text: 'job "web" {\n\tcount = 2 3\n}\n' });
  t.is(
    renderDiagnostics(diagnostics),
    'web.hcl:2:12: error: expected the end of the line, found "3"\n  2 | \tcount = 2 3\n    | \t          ^\n  hint: put it on a line of its own',
  );
});

test("one reading reports several mistakes, and reads what is right between them", (t) => {
  const { node, diagnostics } = parse(
    'job "a" {\n  x = = 1\n  group "g" {\n    y = 1\n    z = [\n  }\n  w = 2\n  v = ?\n}\nu = 1\n',
  );
  t.deepEqual(
    diagnostics.map((d) => d.start.line),
    [2, 6, 8],
  );
  t.is(
    printBody(node),
    'job "a" {\n  x = <bad>\n  group "g" {\n    y = 1\n    z = [<bad>]\n  }\n  w = 2\n  v = <bad>\n}\nu = 1\n',
  );
});

const fragments = fc.constantFrom(
  "a",
  "job",
  "for",
  "in",
  "if",
  "else",
  "endif",
  "endfor",
  "null",
  "1",
  "2.5",
  ".",
  "..",
  "...",
  "*",
  "=",
  "==",
  "=>",
  "{",
  "}",
  "[",
  "]",
  "(",
  ")",
  ",",
  ":",
  "?",
  "!",
  "-",
  "+",
  "/",
  "%",
  "&&",
  "||",
  "<",
  ">",
  '"',
  '"x"',
  "${",
  "%{",
  "~}",
  "~",
  "$${",
  "\\",
  "\\n",
  "\n",
  "\r\n",
  " ",
  "\t",
  "#",
  "//",
  "/*",
  "*/",
  "<<E\n",
  "<<-E\n",
  "\nE\n",
  "'",
  "\u00A0",
  "é",
  "😀",
  "\uD800",
  "\0",
  "\uFEFF",
);
const soup = fc.array(fragments, { maxLength: 80 }).map((parts) => parts.join(""));

test("any input is read without a throw, and its places lie within it", (t) => {
  fc.assert(
    fc.property(fc.oneof(soup, fc.string({ unit: "binary", maxLength: 200 })), (text) => {
      const { node, diagnostics } = parse(text);
      checkSpans(node, text.length);
      for (const d of diagnostics) if (d.start.byte > Buffer.byteLength(text)) throw new Error(d.message);
      renderDiagnostics(diagnostics);
      expression(text);
      // What prints again without a mistake reads as the same tree.
      if (diagnostics.length === 0) roundTrip(node);
    }),
    { numRuns: 2000 },
  );
  t.pass();
});

function checkSpans(node: unknown, length: number): void {
  if (Array.isArray(node)) return node.forEach((each) => checkSpans(each, length));
  if (typeof node !== "object" || node === null) return;
  const { start, end } = node as { start?: number; end?: number };
  if (start !== undefined && end !== undefined && !(start >= 0 && start <= end && end <= length)) {
    throw new Error(`span ${start}-${end} of ${length}: ${JSON.stringify(node)}`);
  }
  Object.values(node).forEach((each) => checkSpans(each, length));
}

function roundTrip(node: Body): void {
  const printed = printBody(node);
  const again = parse(printed);
  const first = JSON.stringify(bare(node));
  const second = JSON.stringify(bare(again.node));
  if (again.diagnostics.length > 0 || first !== second) {
    throw new Error(`${printed}\n${renderDiagnostics(again.diagnostics)}\n${first}\n${second}`);
  }
}

const name = fc
  .stringMatching(/^[a-z_][a-z0-9_-]{0,6}$/)
  .filter((n) => !["true", "false", "null", "for", "in", "if"].includes(n));
const span = { start: 0, end: 0 };
const { tree } = fc.letrec<{ tree: Expression; simple: Expression }>((tie) => {
  const sub = tie("tree");
  const wrap = sub.map((inner): Expression => ({ kind: "parentheses", inner, ...span }));
  return {
    simple: fc.oneof(
      fc
        .oneof(fc.string({ unit: "grapheme", maxLength: 8 }), fc.nat(), fc.boolean(), fc.constant(null))
        .map((v): Expression => ({ kind: "literal", value: v, ...span })),
      name.map((n): Expression => ({ kind: "variable", name: n, ...span })),
    ),
    tree: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      tie("simple"),
      fc.array(sub, { maxLength: 3 }).map((items): Expression => ({ kind: "tuple", items, ...span })),
      fc.array(fc.tuple(name, sub), { maxLength: 3 }).map((items): Expression => ({
        kind: "object",
        items: items.map(([k, v]) => ({ key: { kind: "literal", value: k, ...span }, value: v, ...span })),
        ...span,
      })),
      fc
        .tuple(
          fc.constantFrom("+", "-", "*", "/", "%", "&&", "||", "==", "!=", "<", ">=") as fc.Arbitrary<"+">,
          wrap,
          wrap,
        )
        .map(([operator, left, right]): Expression => ({ kind: "binary", operator, left, right, ...span })),
      fc.tuple(wrap, name).map(([object, n]): Expression => ({ kind: "get-attribute", object, name: n, ...span })),
      fc.tuple(wrap, sub).map(([object, index]): Expression => ({ kind: "get-index", object, index, ...span })),
      fc.tuple(wrap, wrap, wrap).map(([condition, then, otherwise]): Expression => ({
        kind: "conditional",
        condition,
        then,
        otherwise,
        ...span,
      })),
      fc
        .tuple(name, fc.array(sub, { minLength: 1, maxLength: 2 }), fc.boolean())
        .map(([n, list, expandLast]): Expression => ({
          kind: "call",
          name: n,
          nameSpan: span,
          arguments: list,
          expandLast,
          ...span,
        })),
      fc.tuple(name, wrap, sub, sub, fc.boolean()).map(([valueName, collection, key, v, grouped]): Expression => ({
        kind: "for-object",
        keyName: undefined,
        valueName,
        collection,
        key,
        value: v,
        grouped,
        condition: undefined,
        ...span,
      })),
      fc.tuple(fc.string({ maxLength: 5 }), sub, sub).map(([text, v, condition]): Expression => ({
        kind: "template",
        parts: [
          { kind: "text", value: `x${text}`, ...span },
          { kind: "interpolation", value: v, ...span },
          { kind: "if", condition, then: [{ kind: "interpolation", value: v, ...span }], otherwise: [], ...span },
        ],
        ...span,
      })),
    ),
  };
});

test("what is printed reads back as the same tree", (t) => {
  fc.assert(
    fc.property(tree, name, (value, n) => {
      const body: Body = {
        kind: "body",
        items: [{ kind: "attribute", name: n, nameSpan: span, value, ...span }],
        ...span,
      };
      roundTrip(body);
    }),
    { numRuns: 500 },
  );
  t.pass();
});

test("hostile inputs are read to their end", (t) => {
  const size = 200_000;
  // Linear reading takes some 20 ms each; anything worse would not come back from most of them.
  for (const unit of HOSTILE) {
    const text = unit.repeat(size / unit.length);
    t.is(typeof parse(`x = ${text}`).node.end, "number");
    t.is(typeof expression(text).node.end, "number");
  }
});

const HOSTILE = [
  "[",
  "{",
  "(",
  '"${',
  "a{\n",
  "!",
  "a.",
  "a[",
  "<<E\n",
  "%{ if a }",
  "/*",
  "a=1 2\n",
  "\\",
  '"',
  "}",
  "- ",
  "a?b:",
];
