import { globSync, readFileSync } from "node:fs";
import test from "ava";
import fc from "fast-check";
import { formatHcl } from "#base/language/hcl/format/format.ts";
import { lex } from "#base/language/hcl/lexer.ts";
import { parseHcl } from "#base/language/hcl/parse.ts";
import { bare } from "../print.ts";
import { BIG, REDIS } from "../../jobspec/jobs.ts";

function format(text: string): string {
  const formatted = formatHcl({ name: "t.hcl", text });
  if (!formatted.ok) throw new Error(formatted.diagnostics[0]?.message);
  return formatted.text;
}

const CASES: readonly (readonly [before: string, after: string])[] = [
  ["", ""],
  ["\n\na=1\n\n\n", "\n\na = 1\n"],
  ["a=1\nlong_name   =2 # why\n\nb=3", "a         = 1\nlong_name = 2 # why\n\nb = 3\n"],
  ['job   "x"  {\ngroup "g" {\n      count=2\n}\n}', 'job "x" {\n  group "g" {\n    count = 2\n  }\n}\n'],
  ["a {b=1}\nc{ }\n", "a { b = 1 }\nc {}\n"],
  ["a=[\n1,\n2 ,\n]\nb=f( x , [ 1,2 ]... )", "a = [\n  1,\n  2,\n]\nb = f(x, [1, 2]...)\n"],
  ["a=f([{\nx=1\nlong=2\n}])", "a = f([{\n  x    = 1\n  long = 2\n}])\n"],
  ["a=1+2*-3\nb=!c&&d?-1:x.y[ 0 ].*.z", "a = 1 + 2 * -3\nb = !c && d ? -1 : x.y[0].*.z\n"],
  ["a=[for k,v in m:k=>v if v!=1]".replace("=>v", ""), "a = [for k, v in m : k if v != 1]\n"],
  ["a={for k,v in m:k=>v...}", "a = { for k, v in m : k => v... }\n"],
  ['a="x ${ y }  z"\nbb=<<EOF\n  text\n EOF\nc=1', 'a = "x ${ y }  z"\nbb = <<EOF\n  text\n EOF\nc = 1\n'],
  [
    "# top\na {\n// in\n/* block\n  comment */ b=1\n}\n# end",
    "# top\na {\n  // in\n  /* block\n  comment */ b = 1\n}\n# end\n",
  ],
  [
    "a=1 // x\nlong = 2 # y\n# alone\nb {// z\nc=3 /* k */\n}",
    "a    = 1 // x\nlong = 2 # y\n# alone\nb {     // z\n  c = 3 /* k */\n}\n",
  ],
  ["a=1\r\nb {\r\n}\r\n", "a = 1\nb {\n}\n"],
];

for (const [before, after] of CASES) {
  test(`format ${JSON.stringify(before)}`, (t) => {
    t.is(format(before), after);
    t.is(format(after), after);
  });
}

test("files with mistakes are left alone", (t) => {
  const formatted = formatHcl({ name: "t.hcl", text: "a = \n" });
  t.is(formatted.ok ? "" : formatted.diagnostics[0]?.message, 'expected a value for "a", found the end of the line');
});

test("the packs are in the usual layout", (t) => {
  for (const file of globSync("packs/**/*.nomad.hcl")) {
    const text = readFileSync(file, "utf8");
    t.is(format(text), text, file);
  }
});

/** Squeezes or stretches the white space of a file without changing its tree. */
function distort(text: string, seed: readonly number[]): string {
  const { tokens, comments } = lex(text);
  const fixed = new Set(comments.map((each) => each.start));
  let result = "";
  let end = 0;
  let inside = 0;
  for (const [index, token] of tokens.entries()) {
    const gap = text.slice(end, token.start);
    const plain = inside === 0 && /^[ \t]*$/.test(gap) && !fixed.has(end) && gap !== "";
    result += plain ? " ".repeat(1 + ((seed[index % seed.length] ?? 0) % 4)) : gap;
    result += text.slice(token.start, token.end);
    end = token.end;
    if (token.type === "quote-open" || token.type === "heredoc-open") inside++;
    if (token.type === "quote-close" || token.type === "heredoc-close") inside--;
  }
  return result;
}

test("only white space changes, and a second time nothing", (t) => {
  fc.assert(
    fc.property(fc.constantFrom(REDIS, BIG), fc.array(fc.nat(9), { minLength: 1, maxLength: 30 }), (text, seed) => {
      const distorted = distort(text, seed);
      const once = format(distorted);
      const tree = (source: string) => JSON.stringify(bare(parseHcl({ name: "t", text: source }).node));
      if (tree(once) !== tree(text)) throw new Error(`the tree changed:\n${once}`);
      if (format(once) !== once) throw new Error("not idempotent");
      if (lex(once).comments.length !== lex(text).comments.length) throw new Error("a comment is lost");
    }),
    { numRuns: 100 },
  );
  t.pass();
});

const fragments = fc.constantFrom(
  "a",
  "b ",
  "for x in",
  "1",
  "2.5",
  "1 .5",
  ".",
  "...",
  "*",
  "=",
  "a = ",
  "b {",
  "}\n",
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
  "&&",
  '"x"',
  '"${a}"',
  "\n",
  " ",
  "# c\n",
  "/* c */",
  "<<E\nt\nE\n",
  "é",
);

test("any file that parses keeps its tree", (t) => {
  const soup = fc.array(fragments, { maxLength: 12 }).map((parts) => parts.join(""));
  const tree = (text: string) => JSON.stringify(bare(parseHcl({ name: "t", text }).node));
  let formattedFiles = 0;
  fc.assert(
    fc.property(
      fc.oneof(
        soup,
        ...["\n", "]\n", "}\n"].map((end, at) => soup.map((text) => `a = ${["", "[", "{"][at]}${text}${end}`)),
      ),
      (text) => {
        const formatted = formatHcl({ name: "t", text });
        if (!formatted.ok) return;
        formattedFiles++;
        if (tree(formatted.text) !== tree(text))
          throw new Error(`the tree changed: ${JSON.stringify([text, formatted.text])}`);
        if (format(formatted.text) !== formatted.text) throw new Error("not idempotent");
      },
    ),
    { numRuns: 4000 },
  );
  t.true(formattedFiles > 50);
});
