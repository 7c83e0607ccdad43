import test from "ava";
import fc from "fast-check";
import type { Expression } from "#base/language/hcl/ast.ts";
import { parseHcl1 } from "#base/language/hcl1/parse.ts";

/** The tree as plain values; a key that repeats becomes a list of its values under `KEY[]`. */
function plain(node: Expression): unknown {
  if (node.kind === "literal") return node.value;
  if (node.kind === "tuple") return node.items.map(plain);
  if (node.kind !== "object") return `<${node.kind}>`;
  const result: Record<string, unknown> = {};
  for (const { key, value } of node.items) {
    const name = String(plain(key));
    const before = result[name];
    result[name] = before === undefined ? plain(value) : [before, plain(value)].flat();
  }
  return result;
}

function read(text: string): unknown {
  const parsed = parseHcl1({ name: "x.hcl", text });
  return parsed.ok ? plain(parsed.node) : `${parsed.diagnostic.start.line}: ${parsed.diagnostic.message}`;
}

test("values, objects with and without =, lists, comments, heredocs", (t) => {
  t.deepEqual(
    read(`# a comment
consul { address = "127.0.0.1:8500", token = "" } // another
vault = { renew_token = false }
perms = 0600
mask = 0x1F
share = 0.9
less = -3
list = ["a", /* inner */ "b",
  "c",
]
"quoted key" = true
path = "PATH=$PATH:\${x "y"}/bin"
text = "tab\\t \\"q\\" \\u00e9 \\\\"
`),
    {
      consul: { address: "127.0.0.1:8500", token: "" },
      vault: { renew_token: false },
      perms: 0o600,
      mask: 31,
      share: 0.9,
      less: -3,
      list: ["a", "b", "c"],
      "quoted key": true,
      path: 'PATH=$PATH:${x "y"}/bin',
      text: 'tab\t "q" é \\',
    },
  );
  t.deepEqual(read("a <<nothing"), '1: unexpected "<"');
  t.deepEqual(read('contents = <<EOF\n{{ key "a" }}\n  ${x} \\n\nEOF\nb = 1'), {
    contents: '{{ key "a" }}\n  ${x} \\n\n',
    b: 1,
  });
  t.deepEqual(read("c = <<-EOF\n    one\n      two\n    EOF\n"), { c: "one\n  two\n" });
  t.deepEqual(read("a = 1 b = 2"), { a: 1, b: 2 });
  t.deepEqual(read("template { a = 1 }\ntemplate { a = 2 }"), { template: [{ a: 1 }, { a: 2 }] });
  t.deepEqual(read('key "one" { format = "x" }'), { key: { one: { format: "x" } } });
});

test("what is wrong is said with its line", (t) => {
  t.is(read('a = "open\nb = 1'), "1: this string does not end in its line");
  t.is(read("a = 1 b 2"), '1: expected = or { after "b", found 2');
  t.is(read("a = word"), "1: expected a value, found the word word");
  t.is(read("\n\na 5"), '3: expected = or { after "a", found 5');
  t.is(read("a = [1 2]"), "1: expected , or ] in a list, found 2");
  t.is(read("a {"), "1: expected a key, found the end of the file");
  t.is(read("a = <<EOF\nno end"), "1: this text does not end");
  t.is(read('a = "\\q"'), "1: the escape \\q does not exist");
  t.regex(String(read("a {".repeat(500))), /more than 100 objects/);
  t.regex(String(read(`a = ${"[".repeat(500)}`)), /more than 100 lists/);
});

test("any text is read or refused; what JSON can say comes back", (t) => {
  const soup = fc.array(
    fc.constantFrom("a", "=", "{", "}", "[", "]", ",", '"', "\\", "${", "<<EOF", "\n", "0", "9", "#", "/*", " ", "é"),
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        soup.map((parts) => parts.join("")),
      ),
      (text) => {
        read(text);
      },
    ),
    { numRuns: 500 },
  );
  const safe = fc.string().filter((text) => !text.includes("${"));
  fc.assert(
    fc.property(fc.array(fc.oneof(safe, fc.integer(), fc.boolean())), (values) => {
      const written = values.map((value) => JSON.stringify(value)).join(", ");
      t.deepEqual(read(`list = [${written}]`), { list: values });
    }),
    { numRuns: 200 },
  );
});
