import test from "ava";
import fc from "fast-check";
import { compileFilter } from "#base/language/filter/compile.ts";

const ITEM = {
  Name: "web",
  Count: 3,
  Share: 0.5,
  Up: true,
  Tags: ["a", "prod"],
  Meta: { rack: "r1", "a b": "x", empty: "" },
  Ports: [
    { Label: "http", Value: 80 },
    { Label: "db", Value: 5432 },
  ],
  None: null,
  Deep: { List: [{ X: [1, 2] }] },
};

const CASES: readonly (readonly [filter: string, keeps: boolean])[] = [
  ['Name == "web"', true],
  ["Name == web", true],
  ["Name == `web`", true],
  ['Name != "web"', false],
  ["Count == 3", true],
  ['Count == "3"', true],
  ["Count != 4", true],
  ["Share == 0.5", true],
  ["Up == true", true],
  ["Up == false", false],
  ['Meta.rack == "r1"', true],
  ['Meta["a b"] == "x"', true],
  ['"/Meta/a b" == "x"', true],
  ['Missing == "x"', false],
  ['Missing != "x"', true],
  ['"prod" in Tags', true],
  ['"dev" not in Tags', true],
  ["prod in Tags", true],
  ['Tags contains "prod"', true],
  ['Tags not contains "prod"', false],
  ['"rack" in Meta', true],
  ['"e" in Name', true],
  ["Meta.empty is empty", true],
  ["Tags is not empty", true],
  ["None is empty", true],
  ["Missing is empty", true],
  ['Name matches "^w.b$"', true],
  ['Name not matches "^w"', false],
  ['not Name == "web"', false],
  ['not (Name == "web" and Count == 4)', true],
  ['Name == "x" and Count == 3 or Up == true', true],
  ['Name == "x" and (Count == 3 or Up == true)', false],
  ['any Ports as p { p.Label == "db" and p.Value == 5432 }', true],
  ['any Ports as p { p.Label == "db" and p.Value == 80 }', false],
  ["all Ports as p { p.Value != 0 }", true],
  ['any Ports as i, p { i == 1 and p.Label == "db" }', true],
  ['any Meta as k { k == "rack" }', true],
  ['any Meta as k, v { k == "rack" and v == "r1" }', true],
  ['any Tags as t { t matches "^pr" }', true],
  ["any Missing as m { m == 1 }", false],
  ["all Missing as m { m == 1 }", true],
  ["Deep.List[0].X[1] == 2", true],
  ["Deep.List.0.X.1 == 2", true],
  ["Deep.List.0.X.0 == 1", true],
  ['Tags[1] == "prod"', true],
  ['Name == "we\\u0062"', true],
  ["__proto__ is empty", true],
];

for (const [filter, keeps] of CASES) {
  test(`filter ${filter}`, (t) => {
    const compiled = compileFilter(filter);
    t.is(compiled.ok ? compiled.value(ITEM) : compiled.error.message, keeps);
  });
}

const MISTAKES: readonly (readonly [filter: string, message: string])[] = [
  ["", "expected the name of a field, found the end at character 1"],
  [
    "Name",
    'expected "==", "!=", "in", "contains", "matches", "is empty" (or "not …", "is not empty"), found the end at character 5',
  ],
  ["Name = 3", '"=" has no meaning at character 6'],
  ['Name == "x', '"\\"" has no meaning at character 9'],
  ['Name == "x" && Up == true', '"&" has no meaning at character 13'],
  ['(Name == "x"', 'expected ")", found the end at character 13'],
  ['Name == "x" Up', 'expected "and", "or" or the end, found "Up" at character 13'],
  ['Name matches "("', 'bad regular expression "(": error parsing regexp: missing closing ): `(`'],
  ["any Tags { x == 1 }", 'expected "as" and a name, found "{" at character 10'],
  ['"x" in "y"', 'expected the name of a field, found "y" at character 8'],
  [`${"not ".repeat(200)}a == 1`, "the filter is nested more than 100 levels deep"],
  [`a == 1${" and a == 1".repeat(1001)}`, "the filter has more than 1000 terms"],
];

for (const [filter, message] of MISTAKES) {
  test(`mistake ${filter.slice(0, 40)}`, (t) => {
    const compiled = compileFilter(filter);
    t.is(compiled.ok ? "" : compiled.error.message, message);
  });
}

test("any text is read without a throw, and predicates take any value", (t) => {
  const word = fc.constantFrom(
    "Name",
    "Tags",
    "any",
    "all",
    "as",
    "x",
    "not",
    "and",
    "or",
    "in",
    "is",
    "empty",
    "contains",
    "matches",
    "==",
    "!=",
    "(",
    ")",
    "{",
    "}",
    "[",
    "]",
    ".",
    ",",
    '"a"',
    '"/a"',
    "`b`",
    "3",
    "-1.5",
    '"',
    "\\",
    "é",
  );
  fc.assert(
    fc.property(
      fc.array(word, { maxLength: 14 }),
      fc.string({ maxLength: 20 }),
      fc.jsonValue(),
      (words, raw, value) => {
        for (const text of [words.join(" "), words.join(""), raw]) {
          const compiled = compileFilter(text);
          if (compiled.ok) {
            compiled.value(value);
            compiled.value(ITEM);
            compiled.value(undefined);
          }
        }
      },
    ),
    { numRuns: 3000 },
  );
  t.pass();
});

test("not turns every filter around", (t) => {
  for (const [filter, keeps] of CASES) {
    const turned = compileFilter(`not (${filter})`);
    t.is(turned.ok ? turned.value(ITEM) : undefined, !keeps, filter);
  }
});
