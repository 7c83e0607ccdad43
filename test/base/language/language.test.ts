import test from "ava";
import { compilePattern } from "#base/language/pattern.ts";
import fc from "fast-check";
import { compileConstraint, isConstraintOperator, JOB_OPERATORS, VALUE_OPERATORS } from "#base/language/constraint.ts";
import { nextOf, parseCron } from "#base/language/cron.ts";
import { formatDuration, parseDuration, readDuration } from "#base/language/duration.ts";
import { formatSize, parseSize } from "#base/language/size.ts";
import { compareVersions, parseSemver, parseVersion } from "#base/language/version.ts";
import { parseSemverConstraint, parseVersionConstraint } from "#base/language/version-constraint.ts";

const DURATIONS: readonly (readonly [text: string, nanoseconds: number | undefined])[] = [
  ["0", 0],
  ["5s", 5e9],
  ["1h30m", 5400e9],
  ["1.5h", 5400e9],
  ["-1.5m", -90e9],
  ["+3s", 3e9],
  ["250ms", 250e6],
  ["1µs", 1000],
  ["1μs", 1000],
  ["3us2ns", 3002],
  [".5s", 5e8],
  ["1.s", 1e9],
  ["", undefined],
  ["5", undefined],
  ["1d", undefined],
  ["1h garbage", undefined],
  [" 1h", undefined],
  ["1 h", undefined],
  ["--1s", undefined],
  [".s", undefined],
  ["1e3s", undefined],
  ["3000000h", undefined],
];

for (const [text, nanoseconds] of DURATIONS) {
  test(`duration ${JSON.stringify(text)}`, (t) => {
    const parsed = readDuration(text);
    t.is(parsed.ok ? parsed.value : undefined, nanoseconds);
    t.is(parseDuration(text), nanoseconds);
  });
}

test("durations say what is missing", (t) => {
  const hint = (text: string) => {
    const parsed = readDuration(text);
    return parsed.ok ? "" : parsed.error.hint;
  };
  t.regex(hint("30") ?? "", /did you mean "30s"/);
  t.regex(hint("2d") ?? "", /write "48h"/);
});

test("durations print as Go prints them, and read back", (t) => {
  t.deepEqual([0, 1, 1500, 2_500_000, 1.5e9, 90e9, 5400e9, -3600e9].map(formatDuration), [
    "0s",
    "1ns",
    "1.5µs",
    "2.5ms",
    "1.5s",
    "1m30s",
    "1h30m0s",
    "-1h0m0s",
  ]);
  fc.assert(
    fc.property(fc.integer({ min: -(2 ** 46), max: 2 ** 46 }), (n) => {
      const parsed = readDuration(formatDuration(n));
      return parsed.ok && Math.abs(parsed.value - n) <= 1;
    }),
  );
});

test("patterns that would be huge once compiled are refused unseen", (t) => {
  const told = (pattern: string) => {
    const compiled = compilePattern(pattern);
    return compiled.ok ? "ok" : compiled.error.message;
  };
  t.is(told("^(a|b)+[0-9]{2,4}$"), "ok");
  t.is(told("a{200,}b{50}"), "ok");
  t.regex(
    told("a{1000}".repeat(1000)),
    /^the regular expression "a\{1000\}.*…" has 7000 characters; at most 4096 are possible$/,
  );
  t.is(
    told("(a{100}){3,200}"),
    'the regular expression "(a{100}){3,200}" repeats 300 times in all; at most 250 are possible',
  );
  t.regex(told("("), /^bad regular expression "\("/);
});

test("no text makes a parser throw", (t) => {
  const text = fc.oneof(fc.string(), fc.stringMatching(/^[0-9hmsun.+~><=!v,* @LW#?/-]{0,20}$/));
  fc.assert(
    fc.property(text, text, (a, b) => {
      parseDuration(a);
      parseVersion(a);
      parseSemver(a);
      for (const test of [parseVersionConstraint(a), parseSemverConstraint(a)]) if (test.ok) test.value(b);
      for (const operator of [...VALUE_OPERATORS, a]) {
        const test = compileConstraint(operator, a);
        if (test.ok) test.value({ left: b, right: a });
      }
    }),
    { numRuns: 1000 },
  );
  fc.assert(
    fc.property(
      fc.oneof(text, fc.constantFrom("__proto__", "constructor", "@DAILY", "0 0 30 2 *", "* * * * * * * *")),
      fc.constantFrom("UTC", "Local", "", "Europe/Berlin", "Mars/Base", "__proto__", "+25:00"),
      (a, zone) => {
        const parsed = parseCron(a, zone);
        if (parsed.ok) parsed.value.next(0);
      },
    ),
    { numRuns: 500 },
  );
  t.pass();
});

const VERSION_TESTS: readonly (readonly [constraint: string, version: string, meets: boolean])[] = [
  [">= 1.2, < 2", "1.9.9", true],
  [">= 1.2, < 2", "2.0.0", false],
  ["1.0", "1.0.0", true],
  ["= 1.0", "1.0.1", false],
  ["!= 1.0", "1.0.1", true],
  ["~> 1.2", "1.9", true],
  ["~> 1.2", "2.0", false],
  ["~> 1.2", "1.1", false],
  ["~> 1.2.3", "1.2.9", true],
  ["~> 1.2.3", "1.3.0", false],
  ["~> 1", "2.5", true],
  ["> 1.0", "v1.0.1", true],
  ["> 1.0", "not a version", false],
  [">= 1.6", "1.7.0-beta1", false],
  [">= 1.7.0-beta1", "1.7.0-beta2", true],
  [">= 1.7.0-beta2", "1.7.0-beta1", false],
  [">= 1.7.0-beta1", "1.8.0-beta1", false],
  [">= 1.7.0-beta1", "1.8.0", true],
  ["< 1.7.0", "1.6.5+ent", true],
  ["= 20.10.24", "20.10.24+dfsg1", true],
];

for (const [constraint, version, meets] of VERSION_TESTS) {
  test(`version ${version} ${meets ? "meets" : "fails"} ${constraint}`, (t) => {
    const parsed = parseVersionConstraint(constraint);
    t.is(parsed.ok ? parsed.value(version) : undefined, meets);
  });
}

test("semantic versions are ordered as semver.org has it", (t) => {
  const order = [
    "1.0.0-alpha",
    "1.0.0-alpha.1",
    "1.0.0-alpha.beta",
    "1.0.0-beta",
    "1.0.0-beta.2",
    "1.0.0-beta.11",
    "1.0.0-rc.1",
    "1.0.0",
  ];
  for (const [index, older] of order.slice(0, -1).entries()) {
    const a = parseSemver(older);
    const b = parseSemver(order[index + 1] ?? "");
    t.true(a !== undefined && b !== undefined && compareVersions(a, b) < 0, older);
  }
  const firmware = [
    "0.1.0-rc1",
    "0.1.0-rc1.1",
    "0.1.0-rc2",
    "0.1.0",
    "0.1.0.1",
    "0.1.0.2",
    "0.1.0.10",
    "0.1.1",
    "0.2.0",
  ];
  for (const [index, older] of firmware.slice(0, -1).entries()) {
    const a = parseVersion(older);
    const b = parseVersion(firmware[index + 1] ?? "");
    t.true(a !== undefined && b !== undefined && compareVersions(a, b) < 0, older);
  }
  t.is(parseSemver("1.0"), undefined);
  t.is(parseSemver("01.0.0"), undefined);
  const semver = parseSemverConstraint(">= 1.6.0, < 2.0.0");
  t.true(semver.ok && semver.value("1.7.0-beta.1") && !semver.value("1.7"));
  t.false(parseSemverConstraint("~> 1.0.0").ok);
});

test("the order of versions is one: of any three, none is before itself by way of another", (t) => {
  const part = fc.constantFrom("0", "1", "2", "10", "rc", "rc1", "beta", "00", "x-1");
  const version = fc
    .tuple(fc.array(fc.nat({ max: 3 }), { minLength: 1, maxLength: 5 }), fc.array(part, { maxLength: 3 }), fc.boolean())
    .map(([numbers, parts, hasMetadata]) => {
      const text = `${numbers.join(".")}${parts.length === 0 ? "" : `-${parts.join(".")}`}${hasMetadata ? "+1" : ""}`;
      return parseVersion(text) ?? t.fail(text);
    });
  fc.assert(
    fc.property(version, version, version, (a, b, c) => {
      const sign = (x: typeof a, y: typeof a): number => Math.sign(compareVersions(x, y));
      if (sign(a, a) !== 0 || sign(a, b) !== -sign(b, a)) return false;
      if (sign(a, b) <= 0 && sign(b, c) <= 0 && sign(a, c) > 0) return false;
      // What is the same in order has the same place among all others.
      return sign(a, b) !== 0 || sign(a, c) === sign(b, c);
    }),
    { numRuns: 2000 },
  );
  t.pass();
});

const CONSTRAINTS: readonly (readonly [
  operator: string,
  left: string | undefined,
  right: string | undefined,
  holds: boolean,
])[] = [
  ["=", "linux", "linux", true],
  ["is", "a", "b", false],
  ["==", undefined, undefined, false],
  ["!=", undefined, "a", true],
  ["not", "a", "a", false],
  ["<", "9", "10", true],
  ["<", "a9", "a10", false],
  [">=", "2.5", "2.5", true],
  [">", undefined, "1", false],
  ["regexp", "x86_64", "^x86", true],
  ["regexp", "arm", "^x86", false],
  ["version", "1.7.5", "~> 1.6", true],
  ["semver", "1.7.5", ">= 1.6.0", true],
  ["set_contains", "a, b,c", "c,a", true],
  ["set_contains_all", "a,b", "a,z", false],
  ["set_contains_any", "a,b", "z, b", true],
  ["is_set", "", "", true],
  ["is_set", undefined, "", false],
  ["is_not_set", undefined, "", true],
];

for (const [operator, left, right, holds] of CONSTRAINTS) {
  test(`constraint ${left} ${operator} ${right}`, (t) => {
    const compiled = compileConstraint(operator, right ?? "");
    t.is(compiled.ok ? compiled.value({ left, right }) : undefined, holds);
  });
}

test("unknown operators and bad patterns are refused", (t) => {
  t.false(compileConstraint("~=", "").ok);
  t.false(compileConstraint("regexp", "(").ok);
  t.false(compileConstraint("version", "abc").ok);
  t.true([...VALUE_OPERATORS, ...JOB_OPERATORS].every(isConstraintOperator));
  t.false(isConstraintOperator("like"));
});

const at = (text: string) => Date.parse(text);
const CRONS: readonly (readonly [expression: string, zone: string, after: string, next: string | undefined])[] = [
  ["*/15 * * * *", "UTC", "2026-01-01T00:01:00Z", "2026-01-01T00:15:00Z"],
  ["@daily", "UTC", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"],
  ["0 9 * * 1-5", "Europe/Berlin", "2026-07-03T12:00:00Z", "2026-07-06T07:00:00Z"],
  ["0 0 L * *", "UTC", "2026-02-01T00:00:00Z", "2026-02-28T00:00:00Z"],
  ["30 0 0 1 1 * 2027", "UTC", "2026-01-01T00:00:00Z", "2027-01-01T00:00:30Z"],
  ["0 0 1 1 * 2025", "UTC", "2026-01-01T00:00:00Z", undefined],
];

for (const [expression, zone, after, next] of CRONS) {
  test(`cron ${expression} in ${zone}`, (t) => {
    const schedule = parseCron(expression, zone);
    t.is(schedule.ok ? schedule.value.next(at(after)) : -1, next === undefined ? undefined : at(next));
    if (schedule.ok)
      t.is(nextOf([schedule.value, schedule.value], at(after)), next === undefined ? undefined : at(next));
  });
}

test("bad cron expressions and time zones are refused", (t) => {
  for (const bad of ["", "* * * *", "61 * * * *", "@never", "a b c d e"]) t.false(parseCron(bad).ok, bad);
  const zone = parseCron("@daily", "Mars/Base");
  t.is(zone.ok ? "" : zone.error.code, "bad_time_zone");
});

test("sizes", (t) => {
  const read = (text: string) => {
    const parsed = parseSize(text);
    return parsed.ok ? parsed.value : undefined;
  };
  const sizes = ["4096", "10MB", "1.5 GiB", "2k", "5 KIB", "", "MB", "-1MB", "1 XB", "9999999TB"];
  t.deepEqual(sizes.map(read), [
    4096,
    10_000_000,
    1.5 * 1024 ** 3,
    2000,
    5120,
    undefined,
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
  t.deepEqual([0, 1023, 1024, 1536, 10 * 1024 ** 2, 150.4 * 1024 ** 3].map(formatSize), [
    "0 B",
    "1023 B",
    "1 KiB",
    "1.5 KiB",
    "10 MiB",
    "150 GiB",
  ]);
});
