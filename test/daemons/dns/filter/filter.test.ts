import test from "ava";
import fc from "fast-check";
import { buildLists } from "#daemons/dns/filter/build-lists.ts";
import { Filter } from "#daemons/dns/filter/filter.ts";
import { notAList, readList } from "#daemons/dns/filter/list-reader.ts";
import { NameSet } from "#daemons/dns/filter/name-set.ts";
import { readRegexRule, regexMatches } from "#daemons/dns/filter/regex-rule.ts";
import { isActive } from "#daemons/dns/filter/schedule.ts";
import { safeSearchTarget } from "#daemons/dns/filter/service-presets.ts";
import { Asked } from "#daemons/dns/packet/asked.ts";
import { QUERY_STATUS } from "#daemons/dns/query-record.ts";
import { ClientMatcher } from "#daemons/dns/resolve/client-matcher.ts";
import { reverseZones } from "#daemons/dns/resolve/routes.ts";
import { parseSettings } from "#daemons/dns/settings/read-settings.ts";
import type { GroupSettings } from "#daemons/dns/settings/settings.ts";
import { questionPacket } from "../world.ts";

const SEED = 4711;

function listOf(text: string, kind: "block" | "allow" = "block", id = 1) {
  return { id, kind, text: Buffer.from(text) };
}

function namesIn(text: string): readonly string[] {
  const bytes = Buffer.from(text);
  const names: string[] = [];
  readList(bytes, ({ from, to, below, isException }) => {
    names.push(`${isException ? "@@" : ""}${below ? "||" : ""}${bytes.toString("latin1", from, to)}`);
    return true;
  });
  return names;
}

function filterOf(settings: unknown, lists: readonly ReturnType<typeof listOf>[]): Filter {
  const parsed = parseSettings(settings, "test");
  if (!parsed.ok) throw new Error(parsed.error.message);
  const filter = new Filter(SEED, parsed.value);
  const built = buildLists(SEED, lists);
  filter.use({ lists: { set: new NameSet(built.set), lists: built.lists } });
  filter.tick(Date.UTC(2026, 0, 5, 12));
  return filter;
}

/** Status and rule that block a name for clients of some groups; undefined: it is not blocked. */
function verdict(filter: Filter, name: string, groups: readonly number[] = [0]): readonly number[] | undefined {
  const asked = new Asked(SEED);
  asked.read(questionPacket(name, 1));
  return filter.isBlocked(asked, filter.policyOf(groups)) ? [filter.status, filter.ruleId] : undefined;
}

test("lists are read in all their forms, mixed", (t) => {
  const text = [
    "\uFEFF# a comment",
    "! another",
    "[Adblock Plus 2.0]",
    "0.0.0.0 one.example # why",
    "127.0.0.1\ttwo.example  three.example\r",
    "::1 four.example",
    "127.0.0.1 localhost",
    "FIVE.example.",
    "*.six.example",
    "||seven.example^",
    "||eight.example^$important",
    "||nine.example^$third-party",
    "@@||ten.example^",
    "address=/eleven.example/0.0.0.0",
    "server=/twelve.example/",
    "example.com##.banner",
    "not a list line",
    "1.2.3.4",
    "under_score.example",
    "bad..example",
    "||zip^",
    "single",
  ].join("\n");
  t.deepEqual(namesIn(text), [
    "one.example",
    "two.example",
    "three.example",
    "four.example",
    "FIVE.example",
    "||six.example",
    "||seven.example",
    "||eight.example",
    "@@||ten.example",
    "||eleven.example",
    "||twelve.example",
    "under_score.example",
    "bad..example",
    "||zip",
  ]);
  const { lists } = buildLists(SEED, [listOf(text)]);
  t.like(lists[0], { domains: 9, abp: 4, invalid: 5 });
});

test("pages and data of other kinds are no lists", (t) => {
  t.regex(notAList(Buffer.from("\n <!DOCTYPE html><html>")) ?? "", /web page/);
  t.regex(notAList(Buffer.from('{"error":1}')) ?? "", /JSON/);
  t.regex(notAList(Buffer.from([80, 75, 3, 4, 0])) ?? "", /binary/);
  t.is(notAList(Buffer.from("# <html> in a comment\nads.example")), undefined);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
      const { lists, set } = buildLists(SEED, [{ id: 1, kind: "block", text: bytes }]);
      t.true((lists[0]?.domains ?? 0) + (lists[0]?.abp ?? 0) >= set.count);
    }),
  );
});

test("a set blocks exactly the names it was given, and those below where that was meant", (t) => {
  const name = fc
    .array(fc.stringMatching(/^[a-c]{1,2}$/), { minLength: 2, maxLength: 4 })
    .map((labels) => labels.join("."));
  fc.assert(
    fc.property(
      fc.array(name, { maxLength: 30 }),
      fc.array(name, { maxLength: 8 }),
      fc.array(name, { maxLength: 30 }),
      (exact, below, others) => {
        const text = [...exact, ...below.map((each) => `||${each}^`)].join("\n");
        const filter = filterOf({ lists: [{ id: 1, url: "file:///x" }] }, [listOf(text)]);
        for (const each of [...exact, ...below, ...others]) {
          const isMeant = exact.includes(each) || below.some((zone) => each === zone || each.endsWith(`.${zone}`));
          t.is(verdict(filter, each) !== undefined, isMeant, each);
        }
      },
    ),
    { numRuns: 300 },
  );
});

test("a hundred thousand names: every one is found, and no other", (t) => {
  const names = Array.from({ length: 100_000 }, (_, n) => `h${n}.zone${n % 991}.example`);
  const { set } = buildLists(SEED, [listOf(names.join("\n")), listOf(names.slice(0, 1000).join("\n"), "block", 2)]);
  t.is(set.count, 100_000);
  t.is(set.memberships.length, 2);
  const filter = filterOf({ lists: [{ id: 1, url: "file:///x" }] }, [listOf(names.join("\n"))]);
  for (let n = 0; n < 100_000; n += 97) {
    t.deepEqual(verdict(filter, names[n] ?? ""), [QUERY_STATUS.blockedList, 1]);
    t.is(verdict(filter, `h${n}.zone${(n + 1) % 991}.example`), undefined);
  }
});

test("who allows wins; each group has lists, rules and services of its own", (t) => {
  const settings = {
    lists: [
      { id: 1, url: "file:///ads" },
      { id: 2, url: "file:///fine", kind: "allow" },
      { id: 3, url: "file:///children", groups: [5] },
    ],
    rules: [
      { id: 10, kind: "allow", match: "exact", text: "one.ads.example" },
      { id: 11, kind: "allow", match: "regex", text: "^cdn[0-9]\\.", groups: [0] },
      { id: 12, kind: "deny", match: "regex", text: "game", groups: [5] },
      { id: 13, kind: "deny", match: "exact", text: "two.fine.example" },
      { id: 14, kind: "deny", match: "regex", text: "(unclosed" },
    ],
    groups: [
      { id: 5, name: "children", services: ["tiktok"] },
      { id: 6, name: "off", enabled: false },
    ],
  };
  const filter = filterOf(settings, [
    listOf("||ads.example^\n@@||ok.ads.example^"),
    listOf("||fine.ads.example^\n||fine.example^", "allow", 2),
    listOf("||toys.example^", "block", 3),
  ]);
  const { blockedList, blockedRule, blockedRegex, blockedService } = QUERY_STATUS;
  t.deepEqual(verdict(filter, "x.ads.example"), [blockedList, 1]);
  t.is(verdict(filter, "one.ads.example"), undefined);
  t.is(verdict(filter, "cdn3.ads.example"), undefined);
  t.is(verdict(filter, "a.ok.ads.example"), undefined);
  t.is(verdict(filter, "a.fine.ads.example"), undefined);
  t.deepEqual(verdict(filter, "two.fine.example"), [blockedRule, 13]);
  t.is(verdict(filter, "toys.example"), undefined);
  t.deepEqual(verdict(filter, "toys.example", [5]), [blockedList, 3]);
  t.is(verdict(filter, "x.ads.example", [5]), undefined);
  t.deepEqual(verdict(filter, "mygame.example", [0, 5]), [blockedRegex, 12]);
  t.deepEqual(verdict(filter, "v.tiktok.com", [0, 5]), [blockedService, 0]);
  t.is(verdict(filter, "v.tiktok.com"), undefined);
  t.is(verdict(filter, "x.ads.example", [6]), undefined);
  t.deepEqual(
    filter.problems.map(({ id }) => id),
    [14],
  );
});

test("a pause ends by itself, and a clock that was set back does not make it last", (t) => {
  const pausedUntilMs = Date.UTC(2026, 0, 5, 13);
  const settings = { lists: [{ id: 1, url: "file:///x" }], blocking: { pausedUntilMs } };
  const filter = filterOf(settings, [listOf("ads.example.com")]);
  t.is(verdict(filter, "ads.example.com"), undefined);
  t.true(filter.tick(pausedUntilMs + 1));
  t.not(verdict(filter, "ads.example.com"), undefined);
  t.false(filter.tick(0));
});

test("schedules hold on their days, over midnight too", (t) => {
  const at = (day: number, hour: number): number => new Date(2026, 0, 4 + day, hour, 30).getTime();
  const group: GroupSettings = {
    id: 1,
    name: "night",
    enabled: true,
    comment: "",
    services: [],
    safeSearch: false,
    schedules: [{ days: ["mon"], from: "22:00", to: "06:00" }],
  };
  const hours = [
    [1, 21],
    [1, 22],
    [2, 5],
    [2, 6],
    [2, 22],
  ] as const;
  t.deepEqual(
    hours.map(([day, hour]) => isActive(group, at(day, hour))),
    [false, true, true, false, false],
  );
  t.false(isActive({ ...group, enabled: false }, at(1, 22)));
});

test("regular expressions take the usual extensions, in linear time", (t) => {
  const matches = (text: string, name: string, type = 1): boolean | string => {
    const rule = readRegexRule(text);
    return rule.ok ? regexMatches(rule.value, name, type) : rule.error.message;
  };
  t.true(matches("^(.+\\.)?ad[0-9]*\\.", "x.ad7.example"));
  t.true(matches("AD", "bad.example"));
  t.false(matches("ads;invert", "ads.example"));
  t.true(matches("ads;invert", "fine.example"));
  t.deepEqual([matches(".;querytype=AAAA,HTTPS", "x", 28), matches(".;querytype=AAAA", "x", 1)], [true, false]);
  t.deepEqual([matches(".;querytype=!A", "x", 28), matches(".;querytype=!A", "x", 1)], [true, false]);
  const reply = readRegexRule("x;reply=192.168.1.1");
  t.deepEqual(reply.ok ? reply.value.reply : undefined, { kind: "ip", address: "192.168.1.1" });
  t.regex(String(matches("x;reply=sometimes", "x")), /reply=sometimes/);
  t.regex(String(matches("x;querytype=NOPE", "x")), /NOPE/);
  t.regex(String(matches("(", "x")), /regular expression/);
  t.false(matches("^(a+)+$", `${"a".repeat(250)}!`));
});

test("safe search knows engines, and nothing that only looks like one", (t) => {
  t.is(safeSearchTarget("www.google.co.uk"), "forcesafesearch.google.com");
  t.is(safeSearchTarget("duckduckgo.com"), "safe.duckduckgo.com");
  for (const name of ["maps.google.com", "google.example.com", "notgoogle.com"])
    t.is(safeSearchTarget(name), undefined);
});

test("clients are found by address, hardware, network and name, the nearest first", (t) => {
  const client = (id: number, match: string) => ({ id, match, groups: [id], servers: [], comment: "" });
  const matcher = new ClientMatcher([
    client(1, "192.168.0.0/16"),
    client(2, "192.168.1.0/25"),
    client(3, "192.168.1.7"),
    client(4, "AA:BB:CC:00:00:01"),
    client(5, "laptop"),
    client(6, "fd00::/8"),
    client(7, "FD00::0:1"),
  ]);
  const neighbours = {
    macOf: (address: string) => (address === "192.168.1.9" ? "aa:bb:cc:00:00:01" : undefined),
    namesOf: (address: string) => (address === "192.168.1.10" ? ["laptop"] : []),
  };
  const groupOf = (address: string) => matcher.find(address, neighbours).groups[0];
  const addresses = [
    "192.168.2.1",
    "192.168.1.1",
    "192.168.1.200",
    "192.168.1.7",
    "192.168.1.9",
    "192.168.1.10",
    "fd00::2",
    "fd00::1",
    "10.0.0.1",
  ];
  t.deepEqual(addresses.map(groupOf), [1, 2, 1, 3, 4, 5, 6, 7, 0]);
});

test("reverse zones cover a network at whole labels", (t) => {
  t.deepEqual(reverseZones("192.168.0.0/16"), ["168.192.in-addr.arpa"]);
  t.deepEqual(reverseZones("10.1.2.0/23"), ["2.1.10.in-addr.arpa", "3.1.10.in-addr.arpa"]);
  t.deepEqual(reverseZones("fd00::/8"), ["d.f.ip6.arpa"]);
  t.deepEqual(reverseZones("nothing/8"), []);
});
