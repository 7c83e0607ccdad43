import fc from "fast-check";

/** Templates over the data of `dataWithoutPointers` that mostly run, and now and then do not. */

const paths = [
  ".",
  "$",
  "$.s",
  ".s",
  ".u",
  ".i",
  ".z",
  ".n",
  ".fl",
  ".t",
  ".f",
  ".nil",
  ".missing",
  ".l",
  ".ss",
  ".m",
  ".m.a",
  ".m.c.d",
  ".ms.k",
  ".mi",
  ".none",
  ".lv",
  ".ui",
  ".u8",
  ".big",
  ".by",
  ".f32",
  "$.m.c.nope",
  ".i.x",
  "$x",
] as const;
const constants = [
  "1",
  "-2",
  "0",
  "1.5",
  "1e3",
  "'a'",
  '"text"',
  '"a\\tb<"',
  "`raw`",
  "true",
  "false",
  "nil",
  "0x1f",
  "1_000",
  "2i",
] as const;
const unary = [
  "len",
  "not",
  "print",
  'printf "%v"',
  'printf "%d|%5s"',
  "html",
  "js",
  "urlquery",
  "same",
  "upper",
  "sum",
  "neg",
  "half",
] as const;
const binary = [
  "eq",
  "ne",
  "lt",
  "le",
  "gt",
  "ge",
  "and",
  "or",
  "index",
  "print",
  "println",
  "add",
  "slice .ss 1 | index",
  'printf "%v-%q"',
] as const;

/** An operand: parenthesised when it is a call. */
const { operand } = fc.letrec<{ operand: string; call: string }>((tie) => ({
  operand: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom(...paths),
    fc.constantFrom(...constants),
    tie("call").map((call) => `(${call})`),
  ),
  call: fc.oneof(
    fc.tuple(fc.constantFrom(...unary), tie("operand")).map((parts) => parts.join(" ")),
    fc.tuple(fc.constantFrom(...binary), tie("operand"), tie("operand")).map((parts) => parts.join(" ")),
  ),
}));

const pipeline = fc.oneof(
  operand,
  fc.tuple(fc.constantFrom(...binary), operand, operand).map((parts) => parts.join(" ")),
  fc.tuple(operand, fc.constantFrom(...unary)).map(([value, name]) => `${value} | ${name}`),
);

const open = fc.constantFrom("{{", "{{", "{{- ", "{{ ");
const close = fc.constantFrom("}}", "}}", " -}}", " }}");
const plain = fc.constantFrom("", " ", "\n", "text", " a\n\tb ", "é☃", "}} {");

function action(inner: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc.tuple(open, inner, close).map((parts) => parts.join(""));
}

/** A template that declares `$x` first, so that it is known everywhere. */
export const randomTemplate: fc.Arbitrary<string> = fc
  .letrec<{ body: string; statement: string }>((tie) => {
    const body = fc.array(tie("statement"), { maxLength: 4 }).map((parts) => parts.join(""));
    const block = (head: fc.Arbitrary<string>): fc.Arbitrary<string> =>
      fc
        .tuple(action(head), tie("body"), fc.option(tie("body")), action(fc.constant("end")))
        .map(([start, inner, other, end]) => `${start}${inner}${other === null ? "" : `{{else}}${other}`}${end}`);
    const headOf = (word: string): fc.Arbitrary<string> => pipeline.map((each) => `${word} ${each}`);
    return {
      body: fc.oneof({ maxDepth: 3 }, plain, body),
      statement: fc.oneof(
        { maxDepth: 3 },
        plain,
        action(pipeline),
        action(pipeline.map((each) => `$x = ${each}`)),
        action(pipeline.map((each) => `$x := ${each}`)),
        action(fc.constant("/* comment */")),
        block(headOf("if")),
        block(headOf("with")),
        block(
          fc.constantFrom(
            "range .l",
            "range $.ss",
            "range $k, $v := $.m",
            "range $x := $.mi",
            "range .none",
            "range .x",
          ),
        ),
        action(headOf('template "shown"')),
      ),
    };
  })
  .body.map((body) => `{{define "shown"}}<{{.}}>{{end}}{{$x := 1}}${body}`);

/** Any text at all (of ASCII: the two sides may know different versions of Unicode), with what templates are made of in it. */
export const anyText: fc.Arbitrary<string> = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        "{{",
        "}}",
        "{{-",
        "-}}",
        " ",
        "\n",
        ".",
        "$",
        "$x",
        ":=",
        "=",
        "|",
        "(",
        ")",
        ",",
        "/*",
        "*/",
        "`",
        '"',
        "'",
        "\\",
      ),
      fc.constantFrom(
        "if",
        "else",
        "end",
        "range",
        "with",
        "define",
        "template",
        "block",
        "break",
        "continue",
        "nil",
        "true",
        "print",
        "len",
      ),
      fc.constantFrom(".s", ".m.a", "1", "-1.5e3", "0x", "1i", "'a'", '"a"', "é", "\u0001", "☃"),
      fc.string({ maxLength: 3, unit: "binary-ascii" }),
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(""));
