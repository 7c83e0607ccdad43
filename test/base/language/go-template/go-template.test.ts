import { readFileSync } from "node:fs";
import test from "ava";
import fc from "fast-check";
import { goFunction, variadic } from "#base/language/go-template/function.ts";
import { isAssignable, takeAny, takeInt, takeString, takeStrings } from "#base/language/go-template/param.ts";
import { parseTemplate } from "#base/language/go-template/parse-templates.ts";
import { GoNamed, GoStruct } from "#base/language/go-template/struct.ts";
import type { ParseOptions, RenderLimits } from "#base/language/go-template/template.ts";
import { decodeText, encodeText } from "#base/language/go-template/text.ts";
import { integerOf, typeOf } from "#base/language/go-template/type-of.ts";
import {
  anySliceType,
  int64Type,
  pointerType,
  sliceType,
  stringSliceType,
  stringType,
  structType,
} from "#base/language/go-template/type.ts";
import {
  GoError,
  GoFunction,
  GoInteger,
  GoPending,
  GoSlice,
  mapOf,
  sliceOf,
  type GoValue,
} from "#base/language/go-template/value.ts";
import { data, dataWithoutPointers } from "./peer/data.ts";
import { formatCases } from "./peer/format-cases.ts";
import { startPeer, type Case, type Peer } from "./peer/peer.ts";
import { functions, valueOf } from "./peer/values.ts";
import { anyText, randomTemplate } from "./random-template.ts";

interface CorpusCase extends Case {
  readonly output?: string;
  readonly error?: string;
  /** Go 1.N says this from here on. */
  readonly since?: number;
}

const corpus = JSON.parse(readFileSync(new URL("corpus.json", import.meta.url), "utf8")) as readonly CorpusCase[];
/** Messages and some rules changed up to this version; older ones are held to what they share with it. */
const CURRENT = 24;
/** Set `LARES_FUZZ_SEED` to look further. */
const seed = Number(process.env["LARES_FUZZ_SEED"] ?? 8);
const values = valueOf(data);
let peer: Peer | undefined;

test.before(async () => {
  peer = await startPeer();
});

test.after.always(async () => {
  await peer?.stop();
});

function ours(asked: Case): { readonly output: string; readonly error: string } {
  const parsed = parseTemplate({
    name: asked.name ?? "t",
    text: asked.text,
    functions,
    leftDelim: asked.left ?? "",
    rightDelim: asked.right ?? "",
    missingKey: asked.missingKey ?? "default",
    associated: asked.associated ?? [],
  });
  const result = parsed.ok ? parsed.template.execute(asked.data === undefined ? values : valueOf(asked.data)) : parsed;
  return result.ok ? { output: result.text, error: "" } : { output: "", error: result.message };
}

/** Addresses differ from run to run. */
function masked(text: string): string {
  return text.replaceAll(/0x[0-9a-f]{6,}/g, "ADDRESS");
}

function render(
  text: string,
  given: GoValue = values,
  more: Partial<ParseOptions> & { readonly limits?: RenderLimits } = {},
): string {
  const { limits, ...options } = more;
  const parsed = parseTemplate({ name: "t", text, ...options });
  const result = parsed.ok ? parsed.template.execute(given, limits === undefined ? {} : { limits }) : parsed;
  return result.ok ? result.text : result.message;
}

test("the corpus renders as written down", (t) => {
  t.true(corpus.length > 400);
  for (const each of corpus) {
    t.deepEqual(ours(each), { output: each.output ?? "", error: each.error ?? "" }, each.text);
  }
});

test("the corpus is what Go says", async (t) => {
  if (peer === undefined) {
    t.pass("there is no Go here");
    return;
  }
  const { minor } = peer;
  const known = corpus.filter(({ since }) => since === undefined || since <= minor);
  const answers = await peer.ask(known.map((each) => ({ data, ...each })));
  for (const [index, each] of known.entries()) {
    const { output, error } = answers[index] ?? { output: "", error: "no answer" };
    t.deepEqual({ output, error }, { output: each.output ?? "", error: each.error ?? "" }, each.text);
  }
});

test("every verb with every flag prints as Go's fmt", async (t) => {
  if (peer === undefined || peer.minor < CURRENT) {
    t.pass("there is no Go here, or an old one");
    return;
  }
  const cases = formatCases();
  const answers = await peer.ask(cases.map((text) => ({ text, data })));
  for (const [index, text] of cases.entries()) {
    const answer = answers[index];
    const mine = ours({ text });
    t.is(masked(mine.output + mine.error), masked((answer?.output ?? "") + (answer?.error ?? "")), text);
  }
});

test("random templates give what Go gives, output or error", async (t) => {
  if (peer === undefined) {
    t.pass("there is no Go here");
    return;
  }
  const { minor } = peer;
  const texts = fc.sample(randomTemplate, { numRuns: 2000, seed });
  const answers = await peer.ask(texts.map((text) => ({ text, data: dataWithoutPointers })));
  for (const [index, text] of texts.entries()) {
    const answer = answers[index];
    const mine = ours({ text, data: dataWithoutPointers });
    if (minor >= CURRENT) {
      t.is(masked(mine.output + mine.error), masked((answer?.output ?? "") + (answer?.error ?? "")), text);
    } else if (mine.error === "" && answer?.error === "") {
      t.is(masked(mine.output), masked(answer.output), text);
    }
  }
});

test("any text parses or is refused with Go's message", async (t) => {
  const texts = fc.sample(anyText, { numRuns: 3000, seed }).filter((text) => text.isWellFormed());
  const answers =
    peer === undefined || peer.minor < CURRENT
      ? []
      : await peer.ask(texts.map((text) => ({ text, data: dataWithoutPointers })));
  for (const [index, text] of texts.entries()) {
    const mine = ours({ text, data: dataWithoutPointers });
    const answer = answers[index];
    if (answer !== undefined) t.is(masked(mine.output + mine.error), masked(answer.output + answer.error), text);
  }
  t.pass();
});

test("a failure says template, line and column", (t) => {
  const parsed = parseTemplate({ name: "conf.ctmpl", text: "a\n  é{{ .i.x }}" });
  t.true(parsed.ok);
  if (!parsed.ok) return;
  t.deepEqual(parsed.template.execute(values), {
    ok: false,
    message: 'template: conf.ctmpl:2:9: executing "conf.ctmpl" at <.i.x>: can\'t evaluate field x in type interface {}',
    name: "conf.ctmpl",
    line: 2,
    column: 9,
  });
  const refused = parseTemplate({ name: "conf.ctmpl", text: "a\n{{ nope }}" });
  t.like(refused, { ok: false, line: 2, message: 'template: conf.ctmpl:2: function "nope" not defined' });
  t.like(parsed.template.execute(values, { name: "zz" }), {
    message: 'template: no template "zz" associated with template "conf.ctmpl"',
  });
});

test("what never ends, ends", (t) => {
  t.regex(
    render('{{define "r"}}{{template "r" .}}{{end}}{{template "r"}}'),
    /exceeded maximum template depth \(1000\)$/,
  );
  t.regex(render("{{range 1000000000}}{{end}}"), /t:1:8: executing "t" at <1000000000>: more than 5000000 steps/);
  t.regex(render("{{range 9}}{{range 9}}{{.}}{{end}}{{end}}", null, { limits: { steps: 50 } }), /more than 50 steps/);
  const kilobyte = "x".repeat(1024);
  t.regex(render(`{{range 1000000}}${kilobyte}{{end}}`), /more than 67108864 characters of output$/);
  t.regex(
    render('{{printf "%9000000d" 1}}', null, { limits: { output: 1000 } }),
    /more than 1000 characters of output/,
  );
  t.regex(
    render(`{{printf "${"%9999999d".repeat(40)}"${" 1".repeat(40)}}}`),
    /more than 67108864 characters in one value$/,
  );
  t.regex(
    render('{{$x := "x"}}{{range 100}}{{$x = print $x $x}}{{end}}'),
    /error calling print: more than 67108864 characters/,
  );
});

test("nesting has limits, and no input exhausts the stack", (t) => {
  t.regex(render(`{{${"(".repeat(20_000)}1`), /max expression depth exceeded/);
  t.regex(render("{{if 1}}".repeat(20_000)), /max block depth exceeded/);
  t.regex(render(`{{if 1}}${"{{else if 1}}".repeat(20_000)}{{end}}`), /max block depth exceeded/);
  t.is(render(`{{${"(".repeat(400)}1${")".repeat(400)}}}`), "1");
  const deep = (): GoValue => {
    let value: GoValue = [];
    for (let depth = 0; depth < 10_000; depth++) value = [value];
    return value;
  };
  t.regex(render("{{.}}", deep()), /^\[+\.\.\.\]+$/);
  const nested = `{{define "r"}}${"{{if 1}}".repeat(400)}{{template "r" .}}${"{{end}}".repeat(400)}{{end}}{{template "r"}}`;
  t.regex(render(nested), /too deep|maximum template depth/);
});

test("functions: pending answers, replacements, templates rendered by functions", (t) => {
  const pending = new Map([["key", goFunction([takeString], () => new GoPending(""))]]);
  const parsed = parseTemplate({
    name: "t",
    text: '[{{key "a"}}]{{template "q" .}}{{define "q"}}q{{end}}',
    functions: pending,
  });
  if (!parsed.ok) return t.fail(parsed.message);
  t.deepEqual(parsed.template.execute(null), { ok: true, text: "[]q", pending: true });
  const found = new Map([["key", goFunction([takeString], (name) => `value of ${name}`)]]);
  t.deepEqual(parsed.template.execute(null, { functions: found }), { ok: true, text: "[value of a]q", pending: false });
  const include = new GoFunction({
    params: [takeString, takeAny],
    call: ([name], context) => context.render(typeof name === "string" ? name : "", 5n),
  });
  const including = new Map([["include", include]]);
  t.is(
    render('{{define "q"}}<{{.}}>{{end}}{{include "q" . | len}}{{include "q" .}}', null, { functions: including }),
    "3<5>",
  );
  t.regex(
    render('{{define "q"}}{{include "q" .}}{{end}}{{include "q" .}}', null, { functions: including }),
    /maximum template depth|too deep/,
  );
  return undefined;
});

test("bytes that are no text survive", (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 20 }), (bytes) => {
      t.deepEqual([...encodeText(decodeText(bytes))], [...bytes]);
    }),
  );
  t.is(render('{{"\\xc3"}}{{"\\xa9"}}'), "é");
});

test("functions declare what they take and receive it typed", (t) => {
  const context = { render: () => new GoError("there is no rendering here") };
  const repeat = goFunction([takeString, takeInt], (text, count) => text.repeat(Number(count)));
  t.is(repeat.call(["ab", 2n], context), "abab");
  t.is(repeat.type.name, "func(string, int) interface {}");
  const join = variadic([takeString], takeAny, ([separator], rest) => rest.map(String).join(separator));
  t.is(join.call(["-", 1n, "x"], context), "1-x");
  t.is(repeat.params[0]?.take(1n), undefined);
});

test("types: slices, named slices, named numbers, pointers", (t) => {
  const tags = sliceOf(sliceType(stringType, "dependency.ServiceTags"), ["a", "b"]);
  t.true(tags instanceof GoSlice);
  t.deepEqual(takeStrings.take(tags), ["a", "b"]);
  t.is(takeStrings.take(["a"]), undefined, "[]interface {} is no []string");
  t.true(isAssignable(stringSliceType, typeOf(tags)));
  t.false(isAssignable(anySliceType, stringSliceType));
  t.is(typeOf(tags.map((each) => each)).name, "[]interface {}");
  const duration = new GoNamed({ type: { name: "time.Duration", kind: "int64" }, value: new GoInteger(int64Type, 5n) });
  t.is(integerOf(duration), 5n);
  const node = new GoStruct({ type: pointerType(structType("dependency.Node")), fields: { Node: "n1" } });
  t.is(typeOf(node).name, "*dependency.Node");
  t.is(node.field("constructor"), undefined);
  t.is(typeOf(mapOf({ name: "map[string]int", kind: "map" }, [])).name, "map[string]int");
});
