import { integerOf } from "../../type-of.ts";
import { GoError, type GoValue } from "../../value.ts";
import { ANY, f0, f1, f2, f3, STRING, type Defined } from "../define.ts";
import { GoDuration } from "../time/go-duration-value.ts";
import { GoTime, takeTime, ZERO_TIME_NS } from "../time/go-time.ts";
import { parseGoInt } from "../text/strconv.ts";
import { floorSeconds, formatTime } from "../time/format-time.ts";
import { formatGoDuration, parseGoDuration } from "../time/go-duration.ts";
import { parseTime } from "../time/parse-time.ts";
import { UTC, type Zone, type Zones } from "../time/zone.ts";

/** What time it is, and where. */
export interface Now {
  readonly nowMs: () => number;
  /** `Local` has to be there, others may be missing. */
  readonly zones: Zones;
}

const SECOND = 1_000_000_000n;
/** sprig's dates (https://masterminds.github.io/sprig/date.html). */
export function dateFunctions({ nowMs, zones }: Now): readonly Defined[] {
  const now = (): GoTime => new GoTime(BigInt(nowMs()) * 1_000_000n, local());
  const local = (): Zone => zones("Local") ?? UTC;
  const inZone = (layout: string, date: GoValue, zone: string): string => {
    const time = timeOf(date) ?? now();
    return formatTime({ unixNs: time.unixNs, zone: zones(zone) ?? UTC }, layout);
  };
  const since = (time: GoTime): bigint => now().unixNs - time.unixNs;
  const timeOf = (date: GoValue): GoTime | undefined => {
    if (date instanceof GoTime) return date;
    const seconds = integerOf(date);
    return seconds === undefined ? undefined : new GoTime(seconds * SECOND, local());
  };
  const modify = (name: string, lenient: boolean): Defined =>
    f2(name, [STRING, takeTime], (by, time) => {
      const duration = parseGoDuration(by);
      if (duration.ok) return new GoTime(time.unixNs + duration.value, time.zone);
      return lenient ? time : new GoError(duration.error.message);
    });
  const toDate = (name: string, lenient: boolean): Defined =>
    f2(name, [STRING, STRING], (layout, text) => {
      const parsed = parseTime(layout, text, { zone: local() });
      if (parsed.ok) return new GoTime(parsed.value.unixNs, parsed.value.zone);
      return lenient ? new GoTime(ZERO_TIME_NS, UTC) : new GoError(parsed.error.message);
    });
  return [
    f0("now", now),
    f1("ago", [ANY], (date) => formatGoDuration(roundSeconds(since(timeOf(date) ?? now())))),
    f2("date", [STRING, ANY], (layout, date) => inZone(layout, date, "Local")),
    ...["dateInZone", "date_in_zone"].map((name) => f3(name, [STRING, ANY, STRING], inZone)),
    f1("htmlDate", [ANY], (date) => inZone("2006-01-02", date, "Local")),
    f2("htmlDateInZone", [ANY, STRING], (date, zone) => inZone("2006-01-02", date, zone)),
    ...["dateModify", "date_modify"].map((name) => modify(name, true)),
    ...["mustDateModify", "must_date_modify"].map((name) => modify(name, false)),
    toDate("toDate", true),
    toDate("mustToDate", false),
    f1("unixEpoch", [takeTime], (time) => String(floorSeconds(time.unixNs))),
    f1("duration", [ANY], (seconds) => formatGoDuration(wholeOf(seconds) * SECOND)),
    f1("durationRound", [ANY], (value) => roughly(value instanceof GoTime ? since(value) : durationOf(value))),
  ];
}

function wholeOf(value: GoValue): bigint {
  const integer = integerOf(value);
  if (integer !== undefined) return integer;
  const parsed = typeof value === "string" ? parseGoInt(value) : undefined;
  return parsed?.ok === true ? parsed.value : 0n;
}

function durationOf(value: GoValue): bigint {
  if (value instanceof GoDuration) return value.ns;
  const integer = integerOf(value);
  if (integer !== undefined) return integer;
  const parsed = typeof value === "string" ? parseGoDuration(value) : undefined;
  return parsed?.ok === true ? parsed.value : 0n;
}

/** Halves away from zero. */
function roundSeconds(ns: bigint): bigint {
  const half = ns < 0n ? -SECOND / 2n : SECOND / 2n;
  return ((ns + half) / SECOND) * SECOND;
}

const STEPS: readonly (readonly [bigint, string])[] = [
  [365n * 24n * 3600n * SECOND, "y"],
  [30n * 24n * 3600n * SECOND, "mo"],
  [24n * 3600n * SECOND, "d"],
  [3600n * SECOND, "h"],
  [60n * SECOND, "m"],
  [SECOND, "s"],
];

/** The largest unit that fits more than once, cut to whole ones. */
function roughly(ns: bigint): string {
  const all = ns < 0n ? -ns : ns;
  const step = STEPS.find(([size]) => all > size);
  return step === undefined ? "0s" : `${all / step[0]}${step[1]}`;
}
