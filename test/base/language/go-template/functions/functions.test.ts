import test from "ava";
import fc from "fast-check";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Result } from "#base/env/errors.ts";
import { decodeBase64 } from "#base/language/go-template/functions/encoding/base64.ts";
import { decodeBase32, encodeBase32 } from "#base/language/go-template/functions/encoding/base32.ts";
import { readJson } from "#base/language/go-template/functions/encoding/json-read.ts";
import { writeJson } from "#base/language/go-template/functions/encoding/json-write.ts";
import { readYaml } from "#base/language/go-template/functions/encoding/yaml-read.ts";
import { writeToml } from "#base/language/go-template/functions/encoding/toml-write.ts";
import { writeYaml } from "#base/language/go-template/functions/encoding/yaml-write.ts";
import { fromYaml } from "#base/language/go-template/functions/helper/parse-functions.ts";
import { parseConstraints, satisfies } from "#base/language/go-template/functions/semver/semver-constraint.ts";
import { parseSemver } from "#base/language/go-template/functions/semver/semver.ts";
import { bytesOfText, textOfBytes } from "#base/language/go-template/functions/text/go-bytes.ts";
import { hostnameOf, parseGoUrl } from "#base/language/go-template/functions/text/go-url.ts";
import { basePath, cleanPath, dirPath, extPath } from "#base/language/go-template/functions/text/path.ts";
import { compileRegexp } from "#base/language/go-template/functions/text/regexp.ts";
import { parseGoFloat, parseGoInt } from "#base/language/go-template/functions/text/strconv.ts";
import { formatTime } from "#base/language/go-template/functions/time/format-time.ts";
import { formatGoDuration, parseGoDuration } from "#base/language/go-template/functions/time/go-duration.ts";
import { GoTime } from "#base/language/go-template/functions/time/go-time.ts";
import { parseTime } from "#base/language/go-template/functions/time/parse-time.ts";
import { readTzif } from "#base/language/go-template/functions/time/tzif.ts";
import { UTC, type Zone } from "#base/language/go-template/functions/time/zone.ts";
import { parseTemplate } from "#base/language/go-template/parse-templates.ts";
import { formatFloat } from "#base/language/go-template/format/float.ts";
import { GoObject, type GoValue } from "#base/language/go-template/value.ts";
import { askGo, type Question } from "./peer/peer.ts";

/** Set `LARES_FUZZ_SEED` to look further. */
const seed = Number(process.env["LARES_FUZZ_SEED"] ?? 8);

const zones = new Map<string, Zone>([["UTC", UTC]]);

/** Messages and some rules changed up to this version of Go. */
const CURRENT = 24;

function zoneOf(name: string): Zone {
  const zone = zones.get(name) ?? readTzif(name, readFileSync(join("/usr/share/zoneinfo", name))) ?? UTC;
  zones.set(name, zone);
  return zone;
}

function mapped<T>(result: Result<T>, show: (value: T) => string): Result<string> {
  return result.ok ? { ok: true, value: show(result.value) } : result;
}

/** The same with our functions. */
function ours({ op, args: [a = "", b = "", c = ""] }: Question): Result<string> {
  switch (op) {
    case "format":
      return { ok: true, value: formatTime({ unixNs: BigInt(b), zone: zoneOf(c) }, a) };
    case "parse":
      return mapped(parseTime(a, b, { zone: zoneOf(c) }), (moment) =>
        formatTime(moment, "2006-01-02 15:04:05.999999999 -0700"),
      );
    case "duration":
      return mapped(parseGoDuration(a), formatGoDuration);
    case "json": {
      const read = readJson(a);
      return read.ok ? writeJson(read.value, { indent: b.length }) : read;
    }
    case "replace":
      return mapped(compileRegexp(a), (regexp) => regexp.replaceAll(b, c));
    case "split":
      return mapped(
        compileRegexp(a),
        (regexp) => `${regexp.split(b, Number(c)).join("|")}#${regexp.findAll(b, Number(c)).join("|")}`,
      );
    case "float":
      return mapped(parseGoFloat(a), (value) => formatFloat(value, { verb: "g", precision: -1, single: false }));
    case "int":
      return mapped(parseGoInt(a, b === "0" ? 0 : 10), String);
    case "base64":
      return decodeBase64(a);
    case "path":
      return { ok: true, value: [basePath(a), dirPath(a), cleanPath(a), extPath(a)].join("|") };
    default:
      return mapped(parseGoUrl(a), (url) =>
        [url.scheme, url.opaque, url.host, hostnameOf(url.host), url.path, url.query, url.fragment].join("|"),
      );
  }
}

const ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Africa/Casablanca"];
const LAYOUT_PARTS =
  "2006 06 01 1 Jan January 02 2 _2 002 __2 Mon Monday 15 3 03 04 4 05 5 PM pm MST -0700 -07:00 -07 Z0700 Z07:00 Z07:00:00 -070000 .000 .999 ,000000 .00 - / : T _ 0 7 x May Monstrous";
const layouts = [
  "2006-01-02T15:04:05Z07:00",
  "2006-01-02T15:04:05.999999999Z07:00",
  "Mon Jan _2 15:04:05 2006",
  "Mon Jan _2 15:04:05 MST 2006",
  "Mon Jan 02 15:04:05 -0700 2006",
  "02 Jan 06 15:04 MST",
  "Monday, 02-Jan-06 15:04:05 MST",
  "Mon, 02 Jan 2006 15:04:05 -0700",
  "3:04PM",
  "Jan _2 15:04:05.000000",
  "2006-01-02",
  "2006 002 pm3",
];

/** Layouts and times made of the parts of layouts; whatever one function prints another one reads. */
function timeQuestions(): readonly Question[] {
  const layout = fc.oneof(
    fc.constantFrom(...layouts),
    fc
      .array(fc.constantFrom(...LAYOUT_PARTS.split(" "), " "), { minLength: 1, maxLength: 8 })
      .map((parts) => parts.join("")),
  );
  const ns = fc.bigInt({ min: -4_000_000_000_000_000_000n, max: 7_000_000_000_000_000_000n });
  const cases = fc.sample(fc.tuple(layout, ns, fc.constantFrom(...ZONES), layout), { numRuns: 600, seed });
  return cases.flatMap(([shape, at, zone, other]) => {
    const text = formatTime({ unixNs: at, zone: zoneOf(zone) }, shape);
    return [
      { op: "format", args: [shape, String(at), zone] },
      { op: "parse", args: [shape, text, zone] },
      { op: "parse", args: [other, text, zone] },
      { op: "parse", args: [shape, text.replace(/\d/, "9"), zone] },
    ];
  });
}

function textQuestions(): readonly Question[] {
  const draw = <T>(arbitrary: fc.Arbitrary<T>, numRuns = 400): readonly T[] => fc.sample(arbitrary, { numRuns, seed });
  const mix = (alphabet: string, maxLength = 8): fc.Arbitrary<string> =>
    fc.array(fc.constantFrom(...alphabet.split(" "), " "), { maxLength }).map((parts) => parts.join(""));
  // Go 1.22 writes \b and \f where older ones write \u0008 and \u000c.
  const document = fc.json({ maxDepth: 3 }).map((text) => text.replaceAll(/\\[bf]/g, ""));
  const broken = fc
    .tuple(document, fc.nat(40), mix('{ } [ ] , : 1 - . e " \\ t n'))
    .map(([text, at, by]) => text.slice(0, at) + by + text.slice(at + 1));
  const pattern = mix("a b [ab] (a) (b|) a* b+? . \\b ^ $ x? [^a] \\s ( [ {2} *", 5);
  const subject = mix("a b é x 😀 \n aa ab", 8);
  const float = fc.oneof(
    fc.double().map(String),
    mix("1 0 . e + - 5 inf NaN 0x p _ 9", 6).map((text) => text.replaceAll(" ", "")),
  );
  return [
    ...draw(mix("1 5 0 . h m s ms us ns µs - + d", 6).map((text) => text.replaceAll(" ", ""))).map((text) => ({
      op: "duration",
      args: [text],
    })),
    ...draw(fc.tuple(fc.oneof(document, broken), fc.constantFrom("", "  "))).map(([text, indent]) => ({
      op: "json",
      args: [text, indent],
    })),
    ...draw(fc.tuple(pattern, subject, fc.constantFrom("$1", "[$0]", "$$", "-", "${1}x", "$1x", "$"))).map((args) => ({
      op: "replace",
      args,
    })),
    ...draw(fc.tuple(pattern, subject, fc.constantFrom("-1", "0", "1", "2", "5"))).map((args) => ({
      op: "split",
      args,
    })),
    ...draw(float).map((text) => ({ op: "float", args: [text] })),
    ...draw(
      fc.tuple(
        mix("1 0 9 - + x 7 b o _ 8 f 999", 5).map((text) => text.replaceAll(" ", "")),
        fc.constantFrom("0", "10"),
      ),
    ).map((args) => ({ op: "int", args })),
    ...draw(mix("aGVs bG8= == = \n _ 8J Y A", 6).map((text) => text.replaceAll(" ", ""))).map((text) => ({
      op: "base64",
      args: [text],
    })),
    ...draw(mix("/ . .. a b.txt // c", 6)).map((text) => ({ op: "path", args: [text] })),
    ...draw(mix("http: // a.b :80 / ? # @ u:p x=1 %41 mailto: é", 7).map((text) => text.replaceAll(" ", ""))).map(
      (text) => ({ op: "url", args: [text] }),
    ),
  ];
}

test("times, numbers, JSON, regular expressions, paths and URLs are what Go's standard library makes of them", (t) => {
  const questions = [...timeQuestions(), ...textQuestions()];
  const go = askGo(questions);
  if (go === undefined) return t.log("no Go on this machine");
  for (const [index, question] of questions.entries()) {
    const answer = go.answers[index];
    const mine = ours(question);
    const about = JSON.stringify(question);
    // Older versions took, and refused, other times and URLs.
    if (go.minor < CURRENT && (mine.ok !== answer?.ok || question.op === "url")) continue;
    t.is(mine.ok, answer?.ok ?? !mine.ok, `${about} ${JSON.stringify(answer)} ${JSON.stringify(mine)}`);
    if (mine.ok) t.is(mine.value, answer?.ok === true ? answer.text : "", about);
    else if (go.minor >= CURRENT && question.op !== "url")
      t.is(mine.error.message, answer?.ok === false ? answer.message : "", about);
  }
});

test("what is written is read again", (t) => {
  const value = fc.jsonValue({ maxDepth: 3 });
  fc.assert(
    fc.property(value, (json) => {
      const read = readJson(JSON.stringify({ key: json }));
      if (!read.ok) return false;
      const yaml = writeYaml(read.value);
      const back = yaml.ok ? readYaml(yaml.value) : undefined;
      const again = back?.ok === true ? writeJson(fromYaml(back.value)) : undefined;
      const first = writeJson(read.value);
      // Whole floats become integers on the way through YAML, and print the same.
      return first.ok && again?.ok === true && Number.isFinite(first.value.length) && first.value === again.value;
    }),
    { seed, numRuns: 300 },
  );
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 40 }),
      (bytes) => Buffer.compare(bytesOfText(textOfBytes(bytes)), bytes) === 0,
    ),
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      const decoded = decodeBase32(encodeBase32(textOfBytes(bytes)));
      return decoded.ok && Buffer.compare(bytesOfText(decoded.value), bytes) === 0;
    }),
    { seed },
  );
  t.pass();
});

test("no text makes a reader throw", (t) => {
  const text = fc.oneof(
    fc.string(),
    fc.string({ unit: fc.constantFrom(...Array.from("a: -[]{},&*!|>'\"%@`\n\t ?#0159.eExX~<=^v+")) }),
  );
  fc.assert(
    fc.property(text, fc.string(), (one, two) => {
      for (const read of [
        readJson,
        readYaml,
        parseGoDuration,
        parseSemver,
        parseConstraints,
        parseGoUrl,
        decodeBase64,
        compileRegexp,
      ])
        t.is(typeof read(one).ok, "boolean");
      t.is(typeof parseTime(one, two).ok, "boolean");
      t.is(typeof readTzif("x", Buffer.from(`TZif2${one}`.padEnd(60, two))), "undefined");
    }),
    { seed, numRuns: 500 },
  );
  const constraints = parseConstraints(`${"1  , ".repeat(90)}!`);
  t.false(constraints.ok, "and none takes long");
  const version = parseSemver("1.2.3");
  const met = parseConstraints(">=1, <2 || 9");
  t.true(version.ok && met.ok && satisfies(version.value, met.value));
});

test("values that hold themselves, are deep or endless are refused", (t) => {
  const map = new Map<string, GoValue>();
  map.set("self", map);
  let deep: GoValue = [];
  for (let level = 0; level < 2000; level++) deep = [deep];
  let wide: GoValue = "xxxxxxxxxxxxxxxx";
  for (let level = 0; level < 30; level++) wide = [wide, wide];
  for (const value of [map, new Map([["deep", deep]]), new Map([["wide", wide]])])
    for (const write of [writeJson, writeYaml, writeToml]) t.false(write(value).ok);
});

test("a time has Go's methods", (t) => {
  const time = new GoTime(1_700_000_000_123_456_789n, zoneOf("Europe/Berlin"));
  const cases: [string, string][] = [
    ["{{ . }}", "2023-11-14 23:13:20.123456789 +0100 CET"],
    ["{{ .Year }} {{ .Month }} {{ .Day }} {{ .Weekday }} {{ .YearDay }}", "2023 November 14 Tuesday 318"],
    ["{{ .Hour }}:{{ .Minute }}:{{ .Second }}.{{ .Nanosecond }}", "23:13:20.123456789"],
    ["{{ .Unix }} {{ .UnixMilli }} {{ .UnixNano }}", "1700000000 1700000000123 1700000000123456789"],
    ['{{ .UTC.Format "15:04" }} {{ (.AddDate 0 1 20).Format "2006-01-02" }}', "22:13 2024-01-03"],
    ["{{ (.Sub .UTC).String }} {{ .Equal .UTC }} {{ .IsZero }} {{ .Before .UTC }}", "0s true false false"],
  ];
  for (const [text, expected] of cases) {
    const parsed = parseTemplate({ name: "t", text });
    const rendered = parsed.ok ? parsed.template.execute(time) : parsed;
    t.is(rendered.ok ? rendered.text : rendered.message, expected);
  }
  t.true(time instanceof GoObject);
});
