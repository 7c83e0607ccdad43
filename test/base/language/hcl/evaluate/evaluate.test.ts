import { constants, generateKeyPairSync, publicEncrypt } from "node:crypto";
import test from "ava";
import fc from "fast-check";
import type { Complaint } from "#base/language/hcl/diagnostic.ts";
import { rootScope } from "#base/language/hcl/evaluate/root.ts";
import { mapOf, type Value } from "#base/language/hcl/evaluate/value.ts";
import { functionLibrary } from "#base/language/hcl/functions/library.ts";
import { functionsNamedIn } from "#base/language/hcl/functions/on-demand.ts";
import { parseHclExpression } from "#base/language/hcl/parse.ts";
import { didYouMean, nearest } from "#base/language/nearest.ts";

const variables = new Map<string, Value>([
  [
    "var",
    {
      n: 3,
      list: ["b", "a"],
      map: { y: 2, x: 1 },
      users: [
        { name: "ann", at: [1] },
        { name: "bob", at: [2] },
      ],
      none: null,
    },
  ],
]);
const library = functionLibrary({
  now: () => Date.UTC(2026, 0, 2, 3, 4, 5),
  uuid: () => "0",
  files: {
    read: (path) => (path === "a.txt" || path === "/root/b" ? Buffer.from("hello") : undefined),
    list: (folder) => (folder === "conf" ? ["a.txt", "b.conf", "sub/c.txt", "sub/deep/d.txt", "x[1].txt"] : undefined),
    absolute: (path) => `/jobs/${path}`,
    home: () => "/root",
  },
  onDemand: await functionsNamedIn("yamldecode bcrypt", { randomBytes: (length) => new Uint8Array(length).fill(7) }),
});

function run(text: string, deferUnknown = true): { value: Value | undefined; complaints: readonly Complaint[] } {
  const source = { name: "t", text };
  const complaints: Complaint[] = [];
  const { node, diagnostics } = parseHclExpression(source);
  for (const d of diagnostics) complaints.push({ ...d, span: { start: 0, end: 0 } });
  const scope = rootScope({ source, complain: (c) => complaints.push(c), functions: library, variables, deferUnknown });
  return { value: diagnostics.length > 0 ? undefined : scope.evaluate(node, scope), complaints };
}

const VALUES: readonly (readonly [source: string, value: Value])[] = [
  ["1 + 2 * 3", 7],
  ['"5" + 1', 6],
  ["7 % 3", 1],
  ["-7 % 3", -1],
  ["1 == 1.0", true],
  ['1 == "1"', false],
  ["!true || false", false],
  ["false && nope()", false],
  ["[1, 2] == [1, 2]", true],
  ["{a = 1} != {a = 2}", true],
  ["true ? 1 : nope()", 1],
  ['"${var.n}"', 3],
  ['"n=${var.n}"', "n=3"],
  ['"${1000000000000000000000}!"', "1000000000000000000000!"],
  ['"${0.0000001}!"', "0.0000001!"],
  ["var.list[1]", "a"],
  ['var.map["x"]', 1],
  ["var.list.0", "b"],
  ["var.users[*].name", ["ann", "bob"]],
  ["var.users.*.at[0]", [1]],
  ["var.users[*].at[0]", [1, 2]],
  ["var.none[*]", []],
  ["var.n[*]", [3]],
  ["[for x in var.list : upper(x)]", ["B", "A"]],
  ['[for i, x in var.list : i if x == "a"]', [1]],
  ['[for k, v in var.map : "${k}${v}"]', ["x1", "y2"]],
  ["{for u in var.users : u.name => u.at}", { ann: [1], bob: [2] }],
  ['{for u in var.users : "k" => u.name...}', { k: ["ann", "bob"] }],
  ['"%{ for x in var.list }<${x}>%{ endfor }"', "<b><a>"],
  ['"%{ if var.n > 2 }big%{ else }small%{ endif }"', "big"],
  ['"${attr.kernel.name}-x"', "${attr.kernel.name}-x"],
  ['"${node.unique.id}"', "${node.unique.id}"],
  ['meta["a b"]', '${meta["a b"]}'],
  ["try(var.nope, var.n)", 3],
  ["can(var.nope)", false],
  ["convert([1, 1, 2], set(string))", ["1", "2"]],
  ['convert({a = "1"}, object({a = number, b = optional(string)}))', { a: 1, b: null }],
  ["{ __proto__ = 1 }.__proto__", 1],
  // Functions
  ['join(",", ["a", "b"], ["c"])', "a,b,c"],
  ['split(",", "a,b")', ["a", "b"]],
  [
    'format("%s %q %5.2f|%-4d|%04d|%x|%t|%%|%v|%[1]s", "a", "b", 3.14159, 7, -7, 255, true, [1])',
    'a "b"  3.14|7   |-007|ff|true|%|[1]|a',
  ],
  ['formatlist("%s-%s", ["a", "b"], "z")', ["a-z", "b-z"]],
  ['replace("a.b.c", ".", "-")', "a-b-c"],
  ['replace("a1b22", "/[0-9]+/", "<$0>")', "a<1>b<22>"],
  ['regex("(?P<a>[a-z]+)-(?P<b>[0-9]+)", "x-12")', { a: "x", b: "12" }],
  ['regexall("[0-9]", "a1b2")', ["1", "2"]],
  ['trim("--a--", "-")', "a"],
  ['trimprefix("v1", "v")', "1"],
  ['trimsuffix("a.hcl", ".hcl")', "a"],
  ['title("hello world")', "Hello World"],
  ['substr("héllo", 1, 3)', "éll"],
  ['substr("hello", -3, -1)', "llo"],
  ['indent(2, "a\\nb")', "a\n  b"],
  ['chomp("a\\n\\n")', "a"],
  ['strrev("abc")', "cba"],
  ['length("e\\u0301a")', 2],
  ["length(var.map)", 2],
  ["keys(var.map)", ["x", "y"]],
  ["values(var.map)", [1, 2]],
  ['lookup(var.map, "z", 9)', 9],
  ["element([1, 2], 3)", 2],
  ["merge({a = 1, b = 1}, {b = 2})", { a: 1, b: 2 }],
  ["flatten([[1, [2]], 3])", [1, 2, 3]],
  ['distinct([1, 2, 1, "1"])', [1, 2, "1"]],
  ["distinct([{a = 1, b = 2}, {b = 2, a = 1}])", [{ a: 1, b: 2 }]],
  ["setsubtract([1, 2, 3], [2])", [1, 3]],
  ['compact(["a", "", null])', ["a"]],
  ["concat([1], [2])", [1, 2]],
  ['contains(["a"], "a")', true],
  ["chunklist([1, 2, 3], 2)", [[1, 2], [3]]],
  ["slice([1, 2, 3], 1, 3)", [2, 3]],
  ["range(3)", [0, 1, 2]],
  ["range(5, 1, -2)", [5, 3]],
  ["reverse([1, 2])", [2, 1]],
  ['sort(["b", "a"])', ["a", "b"]],
  ["setunion([2, 1], [1, 3])", [1, 2, 3]],
  ["setintersection([1, 2], [2, 3])", [2]],
  [
    'setproduct([1, 2], ["a"])',
    [
      [1, "a"],
      [2, "a"],
    ],
  ],
  ['zipmap(["a"], [1])', { a: 1 }],
  ['coalesce("", null, "x")', "x"],
  ["max(1, 5, 3)", 5],
  ["min([4, 2]...)", 2],
  ["ceil(1.2)", 2],
  ["floor(-1.2)", -2],
  ["abs(-3)", 3],
  ["pow(2, 10)", 1024],
  ["signum(-3)", -1],
  ['parseint("ff", 16)', 255],
  ['base64encode("hi")', "aGk="],
  ['base64decode("aGk=")', "hi"],
  ['urlencode("a b&c")', "a+b%26c"],
  ['jsonencode({b = [1, "<"], a = null})', '{"a":null,"b":[1,"\\u003c"]}'],
  ['jsondecode("{\\"a\\": [1, true]}")', { a: [1, true] }],
  ['yamlencode({a = [1, {b = "x"}]})', '"a":\n- 1\n- "b": "x"\n'],
  ['csvdecode("a,b\\n1,\\"x,y\\"\\n")', [{ a: "1", b: "x,y" }]],
  ['md5("a")', "0cc175b9c0f1b6a831c399e269772661"],
  ['sha256("")', "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
  ['uuidv5("dns", "www.example.org")', "74738ff5-5367-5958-9aee-98fffdcd1876"],
  ['cidrhost("10.12.112.0/20", 16)', "10.12.112.16"],
  ['cidrhost("10.0.0.0/24", -1)', "10.0.0.255"],
  ['cidrhost("fd00:fd12:3456:7890:00a2::/72", 34)', "fd00:fd12:3456:7890::22"],
  ['cidrnetmask("172.16.0.0/12")', "255.240.0.0"],
  ['cidrsubnet("172.16.0.0/12", 4, 2)', "172.18.0.0/16"],
  ['cidrsubnet("fd00:fd12:3456:7890::/56", 16, 162)', "fd00:fd12:3456:7800:a200::/72"],
  ['cidrsubnets("10.1.0.0/16", 4, 4, 8, 4)', ["10.1.0.0/20", "10.1.16.0/20", "10.1.32.0/24", "10.1.48.0/20"]],
  ['formatdate("DD MMM YYYY hh:mm ZZZ", "2018-01-02T23:12:01Z")', "02 Jan 2018 23:12 UTC"],
  [
    "formatdate(\"EEEE, DD-MMM-YY h:mmAA 'o''clock'\", \"2018-01-02T23:12:01-08:00\")",
    "Tuesday, 02-Jan-18 23:12PM o'clock",
  ],
  ['timeadd("2017-11-22T00:00:00Z", "10m")', "2017-11-22T00:10:00Z"],
  ["timestamp()", "2026-01-02T03:04:05Z"],
  ['basename("/a/b.txt")', "b.txt"],
  ['dirname("/a/b.txt")', "/a"],
  ['file("a.txt")', "hello"],
  ['fileexists("nope")', false],
  ['file("~/b")', "hello"],
  ['fileset("conf", "*.txt")', ["a.txt", "x[1].txt"]],
  ['fileset("conf", "**/*.{txt,conf}")', ["a.txt", "b.conf", "sub/c.txt", "sub/deep/d.txt", "x[1].txt"]],
  ['fileset("conf", "sub/?.txt")', ["sub/c.txt"]],
  ['fileset("conf", "[!b]*")', ["a.txt", "x[1].txt"]],
  ['abspath("a.txt")', "/jobs/a.txt"],
  ['pathexpand("~/x")', "/root/x"],
  ['pathexpand("~other/x")', "~other/x"],
  ['yamldecode("a: 1\\nb: [x, {c: ~}]\\nd: 2020-01-01\\n")', { a: 1, b: ["x", { c: null }], d: "2020-01-01" }],
  ['yamldecode("a: &a {x: 1}\\nb:\\n  <<: *a\\n  y: 2\\n")', { a: { x: 1 }, b: { x: 1, y: 2 } }],
  ['yamldecode(yamlencode({ a = [1, true, null, "x: y"] }))', { a: [1, true, null, "x: y"] }],
  // The same as crypt(3) of libxcrypt gives for this salt.
  ['bcrypt("hello")', "$2a$10$/uaF/uaF/uaF/uaF/uaF/uC3OeB5lsE3fJP/hyB8uvwuKsULyxfai"],
  ['substr(bcrypt("hello", 4), 0, 7)', "$2a$04$"],
  ['index(["a", "b", "c"], "b")', 1],
  ['index(["a", "b", "c"], 2)', "c"],
  ["tostring(1.50)", "1.5"],
  ['toset(["b", "a", "b"])', ["a", "b"]],
];

for (const [source, value] of VALUES) {
  test(`value of ${source.slice(0, 70)}`, (t) => {
    const found = run(source);
    t.deepEqual(
      found.complaints.map((c) => c.message),
      [],
    );
    t.deepEqual(found.value, value);
  });
}

test("rsadecrypt reads what the public key encrypted", (t) => {
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 1024 });
  const secret = publicEncrypt({ key: publicKey, padding: constants.RSA_PKCS1_PADDING }, Buffer.from("hällo"));
  const pem = String(privateKey.export({ type: "pkcs1", format: "pem" }));
  t.is(run(`rsadecrypt("${secret.toString("base64")}", ${JSON.stringify(pem)})`).value, "hällo");
});

test("where there are no files, functions over them say so", (t) => {
  const complaints: string[] = [];
  const source = { name: "t", text: 'file("a.txt")' };
  const scope = rootScope({ source, complain: (c) => complaints.push(c.message), functions: functionLibrary() });
  t.is(scope.evaluate(parseHclExpression(source).node, scope), undefined);
  t.deepEqual(complaints, ["file: files cannot be read here; it works where the file is, on the command line"]);
});

const FAULTS: readonly (readonly [source: string, message: string, hint?: string])[] = [
  ["var.lst", 'there is no variable "lst"', 'did you mean "list"?'],
  ["var.list[5]", "there is no element 5: the list has the indexes 0 to 1"],
  ["var.list.name", 'a list has no attributes (here: "name")', "for the name of every element write [*].name"],
  ["1 + true", '"+" needs numbers, this is a bool'],
  ['"a" * 2', '"*" needs numbers, this is the string "a"'],
  ["1 / 0", "division by zero"],
  ["uper(1)", 'there is no function "uper"', 'did you mean "upper"?'],
  ["upper()", "upper: expected 1 argument, found 0"],
  ["upper([])", "upper: expected a string, found a list"],
  ['"${[1]}x"', "a list cannot stand in a text"],
  ['"${null}x"', "null cannot stand in a text"],
  ['"x" ? 1 : 2', "a condition must be true or false, this is a string"],
  ["[for x in 5 : x]", "for needs a list or an object, this is a number"],
  ['{for x in [1, 2] : "a" => x}', 'the key "a" occurs twice'],
  ["local.x", "no locals are declared"],
  ['regex("(", "x")', "regex: bad regular expression"],
  ['bcrypt("x", 31)', "bcrypt: the cost is a whole number from 4 to 16"],
  ['bcrypt(join("", [for n in range(80) : "x"]))', "bcrypt: the text is longer than 72 bytes"],
  ['yamldecode("a: [")', "yamldecode: this is no YAML"],
  ['fileset("nope", "*")', 'fileset: there is no folder "nope"'],
  ['rsadecrypt("!", "")', "rsadecrypt: the ciphertext is no base64"],
  ['rsadecrypt("aGk=", "no key")', "rsadecrypt: the ciphertext could not be decrypted"],
  ['format("%d", "x")', "format: %d needs a number, found a string"],
  ['format("%s")', "format: there is no argument 1 for %s"],
  ['format("x", 1)', 'format: 1 arguments too many for "x"'],
  ['cidrsubnet("10.0.0.0/30", 4, 0)', "cidrsubnet: 10.0.0.0/30 has no room for 4 more bits"],
  ["range(1000000)", "range: more than 100000 elements"],
  ["[for a in range(90000) : length(setunion(range(90000)))]", "this needs more than 2000000 evaluation steps"],
  ["can([for a in range(3000) : [for b in range(3000) : a]])", "this needs more than 2000000 evaluation steps"],
  ["[for a in range(3000) : [for b in range(3000) : a]]", "this needs more than 2000000 evaluation steps"],
];

for (const [source, message, hint] of FAULTS) {
  test(`fault of ${source}`, (t) => {
    const [first] = run(source).complaints;
    t.is(run(source).value, undefined);
    t.true(first?.message.startsWith(message), first?.message);
    if (hint !== undefined) t.is(first?.hint, hint);
  });
}

test("without deferral an unknown name is a mistake", (t) => {
  t.is(run("foo.bar", false).complaints[0]?.message, 'the name "foo" is not known');
});

test("patterns from users take linear time", (t) => {
  // A backtracking engine would not come back from this.
  t.deepEqual(run(`regexall("(a+)+$", "${"a".repeat(5000)}b")`).value, []);
});

test("no expression makes the evaluator throw", (t) => {
  const names = [...library.keys(), "try", "can", "convert"];
  const leaf = fc.constantFrom(
    "1",
    "-1",
    "1.5",
    '""',
    '"a"',
    '"${x}"',
    "null",
    "true",
    "[]",
    "{}",
    "[1, null]",
    "{a = [1]}",
    "var.list",
    "1e300",
    '"10.0.0.0/8"',
    '"%s %d"',
    "any",
    "string",
  );
  const { tree } = fc.letrec<{ tree: string }>((tie) => ({
    tree: fc.oneof(
      { depthSize: "small" },
      leaf,
      fc
        .tuple(fc.constantFrom(...names), fc.array(tie("tree"), { maxLength: 3 }))
        .map(([n, args]) => `${n}(${args.join(", ")})`),
      fc
        .tuple(tie("tree"), fc.constantFrom("+", "-", "*", "/", "%", "==", "<", "&&"), tie("tree"))
        .map(([a, o, b]) => `(${a} ${o} ${b})`),
      tie("tree").map((a) => `[for k, v in ${a} : v]`),
      tie("tree").map((a) => `(${a})[0]`),
      tie("tree").map((a) => `"<\${${a}}>"`),
    ),
  }));
  fc.assert(
    fc.property(tree, (text) => {
      const { value, complaints } = run(text);
      if ((value === undefined) !== complaints.length > 0)
        throw new Error(`${text}: ${JSON.stringify({ value, complaints })}`);
    }),
    { numRuns: 3000 },
  );
  t.pass();
});

test("the nearest known word", (t) => {
  const known = ["datacenters", "driver", "count", "kill_timeout"];
  t.is(nearest("datacentres", known), "datacenters");
  t.is(nearest("drivr", known), "driver");
  t.is(nearest("killTimeout", known), "kill_timeout");
  t.is(nearest("xyz", known), undefined);
  t.is(didYouMean("xyz", ["b", "a"]), "known here: a, b");
});

test("maps keep keys that assignment would swallow", (t) => {
  t.deepEqual(Object.keys(mapOf([["__proto__", 1]])), ["__proto__"]);
});

test("no argument makes a function throw", (t) => {
  const word = fc.constantFrom(
    "__proto__",
    "constructor",
    "a",
    "",
    "é",
    "10.0.0.0/8",
    "%5.2f",
    "(a|b)*",
    "**/{a,b}",
    "2026-01-01T00:00:00Z",
    "0",
    "{",
  );
  const value: fc.Arbitrary<Value> = fc.letrec<{ value: Value; leaf: Value }>((tie) => ({
    leaf: fc.oneof(word, fc.string(), fc.integer({ min: -5, max: 70 }), fc.double(), fc.boolean(), fc.constant(null)),
    value: fc.oneof(
      { maxDepth: 3 },
      tie("leaf"),
      fc.array(tie("value"), { maxLength: 4 }),
      fc.dictionary(word, tie("value"), { maxKeys: 3 }),
    ),
  })).value;
  const names = [...library.keys()].filter((name) => name !== "bcrypt");
  t.true(names.length >= 81 - 4);
  fc.assert(
    fc.property(fc.constantFrom(...names), fc.array(value, { maxLength: 4 }), (name, values) => {
      const outcome = library.get(name)?.(values);
      if (outcome === undefined) throw new Error(`there is no ${name}`);
      if (!outcome.ok && outcome.message === "") throw new Error("it failed without a word");
    }),
    { numRuns: 4000 },
  );
});
