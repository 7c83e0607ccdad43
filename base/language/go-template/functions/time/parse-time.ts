import { fail, succeed, type Result } from "#base/env/errors.ts";
import { MONTHS, WEEKDAYS } from "../../../calendar.ts";
import { daysIn, isLeap, unixSeconds } from "./civil.ts";
import type { Moment } from "./format-time.ts";
import { splitLayout, type Chunk, type LayoutElement, type ZoneElement } from "./layout.ts";
import { quoteBytes } from "./quote-bytes.ts";
import { fixedZone, UTC, type Zone } from "./zone.ts";

export interface ParseZones {
  /** The zone of a time that names none. Default UTC. */
  readonly zone?: Zone;
  /** The zone whose offsets and abbreviations are known by name. Default `zone`. */
  readonly local?: Zone;
}

/** Reads a time written as `layout` shows the reference time; the errors are Go's (https://pkg.go.dev/time#Parse). */
export function parseTime(
  layout: string,
  value: string,
  { zone = UTC, local = zone }: ParseZones = {},
): Result<Moment> {
  const reader = new TimeReader(layout, value);
  for (const chunk of splitLayout(layout)) {
    const problem = reader.take(chunk);
    if (problem !== undefined) return fail("bad_time", problem);
  }
  const day = reader.settleDay();
  return typeof day === "string" ? fail("bad_time", day) : succeed(reader.moment(day, { zone, local }));
}

/** `"bad"`: not what the element asks for; a range: the words of what is too large. */
type Problem = "bad" | { readonly range: string } | undefined;

class TimeReader {
  readonly #layout: string;
  readonly #whole: string;
  #rest: string;
  #layoutRest = "";
  #year = 0;
  #month = -1;
  #day = -1;
  #yearDay = -1;
  #hour = 0;
  #minute = 0;
  #second = 0;
  #nanosecond = 0;
  #half: "am" | "pm" | undefined;
  #utc = false;
  #offset: number | undefined;
  #zoneName = "";

  constructor(layout: string, value: string) {
    this.#layout = layout;
    this.#whole = value;
    this.#rest = value;
    this.#layoutRest = layout;
  }

  /** Undefined: all well. */
  take(chunk: Chunk): string | undefined {
    if (!this.#skip(chunk.prefix)) return this.#error(chunk.prefix, this.#rest);
    if (chunk.element === undefined)
      return this.#rest === "" ? undefined : this.#failure(`: extra text: ${quoteBytes(this.#rest)}`);
    this.#layoutRest = this.#layoutRest.slice(chunk.prefix.length + chunk.text.length);
    const held = this.#rest;
    const problem = this.#element(chunk.element, chunk);
    if (problem === undefined) return undefined;
    return problem === "bad" ? this.#error(chunk.text, held) : this.#failure(`: ${problem.range} out of range`);
  }

  #error(element: string, at: string): string {
    return `parsing time ${quoteBytes(this.#whole)} as ${quoteBytes(this.#layout)}: cannot parse ${quoteBytes(at)} as ${quoteBytes(element)}`;
  }

  #failure(message: string): string {
    return `parsing time ${quoteBytes(this.#whole)}${message}`;
  }

  /** A run of spaces in a layout stands for any run of spaces, none included at the end. */
  #skip(prefix: string): boolean {
    let at = 0;
    while (at < prefix.length) {
      if (prefix[at] === " ") {
        if (this.#rest !== "" && !this.#rest.startsWith(" ")) return false;
        while (prefix[at] === " ") at++;
        this.#rest = this.#rest.replace(/^ +/, "");
        continue;
      }
      if (this.#rest[0] !== prefix[at]) return false;
      this.#rest = this.#rest.slice(1);
      at++;
    }
    return true;
  }

  #element(kind: LayoutElement, chunk: Chunk): Problem {
    switch (kind) {
      case "06":
      case "2006":
        return this.#readYear(kind === "06" ? 2 : 4);
      case "January":
      case "Jan":
        return this.#readName(
          kind === "Jan" ? MONTHS.map((month) => month.slice(0, 3)) : MONTHS,
          (index) => (this.#month = index + 1),
        );
      case "Monday":
      case "Mon":
        return this.#readName(kind === "Mon" ? WEEKDAYS.map((day) => day.slice(0, 3)) : WEEKDAYS, () => undefined);
      case "1":
      case "01":
        return this.#number(kind === "01", (month) => (this.#month = month), ["month", 1, 12]);
      case "2":
      case "_2":
      case "02":
        if (kind === "_2" && this.#rest.startsWith(" ")) this.#rest = this.#rest.slice(1);
        return this.#number(kind === "02", (day) => (this.#day = day));
      case "__2":
      case "002":
        return this.#readYearDay(kind === "002");
      case "MST":
        return this.#readAbbreviation();
      case "fraction0":
        return this.#readFraction(chunk.text.length);
      case "fraction9":
        return /^[.,]\d/.test(this.#rest) ? this.#readFraction(/^.\d+/.exec(this.#rest)?.[0].length ?? 0) : undefined;
      default:
        return this.#clock(kind);
    }
  }

  #clock(kind: "15" | "3" | "03" | "4" | "04" | "5" | "05" | "PM" | "pm" | ZoneElement): Problem {
    switch (kind) {
      case "15":
        return this.#number(false, (hour) => (this.#hour = hour), ["hour", 0, 23]);
      case "3":
      case "03":
        return this.#number(kind === "03", (hour) => (this.#hour = hour), ["hour", 0, 12]);
      case "4":
      case "04":
        return this.#number(kind === "04", (minute) => (this.#minute = minute), ["minute", 0, 59]);
      case "5":
      case "05":
        return this.#readSecond(kind === "05");
      case "PM":
      case "pm":
        return this.#readHalf(kind === "PM");
      default:
        return this.#readOffset(kind);
    }
  }

  #readYear(digits: 2 | 4): Problem {
    const text = this.#rest.slice(0, digits);
    if (text.length < digits || !(digits === 4 ? /^\d{4}$/ : /^(?:\d\d|[+-]\d)$/).test(text)) return "bad";
    this.#rest = this.#rest.slice(digits);
    const year = Number(text);
    this.#year = digits === 4 ? year : year + (year >= 69 ? 1900 : 2000);
    return undefined;
  }

  #readName(names: readonly string[], found: (index: number) => void): Problem {
    const index = names.findIndex((name) => this.#rest.slice(0, name.length).toLowerCase() === name.toLowerCase());
    if (index === -1) return "bad";
    this.#rest = this.#rest.slice(names[index]?.length);
    found(index);
    return undefined;
  }

  /** One or two digits; exactly two when `fixed`. */
  #number(fixed: boolean, found: (value: number) => void, range?: readonly [string, number, number]): Problem {
    const text = (fixed ? /^\d\d/ : /^\d\d?/).exec(this.#rest)?.[0];
    if (text === undefined) return "bad";
    this.#rest = this.#rest.slice(text.length);
    const value = Number(text);
    found(value);
    if (range === undefined) return undefined;
    const [what, low, high] = range;
    return value < low || value > high ? { range: what } : undefined;
  }

  #readYearDay(fixed: boolean): Problem {
    if (!fixed) this.#rest = this.#rest.replace(/^ {1,2}/, "");
    const text = (fixed ? /^\d{3}/ : /^\d{1,3}/).exec(this.#rest)?.[0];
    if (text === undefined) return "bad";
    this.#rest = this.#rest.slice(text.length);
    this.#yearDay = Number(text);
    return undefined;
  }

  /** A fraction may follow the seconds even where the layout shows none. */
  #readSecond(fixed: boolean): Problem {
    const problem = this.#number(fixed, (second) => (this.#second = second), ["second", 0, 59]);
    if (problem !== undefined || !/^[.,]\d/.test(this.#rest)) return problem;
    const next = splitLayout(this.#layoutRest)[0]?.element;
    if (next === "fraction0" || next === "fraction9") return undefined;
    return this.#readFraction(/^.\d+/.exec(this.#rest)?.[0].length ?? 0);
  }

  #readHalf(upper: boolean): Problem {
    const text = this.#rest.slice(0, 2);
    const half = text.toLowerCase();
    if ((half !== "am" && half !== "pm") || text !== (upper ? text.toUpperCase() : half)) return "bad";
    this.#rest = this.#rest.slice(2);
    this.#half = half;
    return undefined;
  }

  #readOffset(kind: ZoneElement): Problem {
    if (kind.startsWith("Z") && this.#rest.startsWith("Z")) {
      this.#rest = this.#rest.slice(1);
      this.#utc = true;
      return undefined;
    }
    const colon = kind.includes(":") ? ":" : "";
    const parts = (kind.length - 1 - (colon === "" ? 0 : kind.split(":").length - 1)) / 2;
    const match = new RegExp(`^(.)(..)${`${colon}(..)`.repeat(parts - 1)}`, "s").exec(this.#rest);
    if (match === null) return "bad";
    const [sign = "", ...texts] = match.slice(1);
    const firstBad = texts.findIndex((text) => !/^\d\d$/.test(text));
    const numbers = texts.slice(0, firstBad === -1 ? undefined : firstBad).map(Number);
    const [hours = 0, minutes = 0, seconds = 0] = numbers;
    this.#rest = this.#rest.slice(match[0].length);
    if (seconds > 60) return { range: "time zone offset second" };
    if (minutes > 60) return { range: "time zone offset minute" };
    if (hours > 24) return { range: "time zone offset hour" };
    if (firstBad !== -1 || !/[+-]/.test(sign)) return "bad";
    this.#offset = (sign === "-" ? -1 : 1) * (hours * 3600 + minutes * 60 + seconds) || 0;
    return undefined;
  }

  #readAbbreviation(): Problem {
    if (this.#rest.startsWith("UTC")) {
      this.#rest = this.#rest.slice(3);
      this.#utc = true;
      return undefined;
    }
    const length = abbreviationLength(this.#rest);
    if (length === 0) return "bad";
    this.#zoneName = this.#rest.slice(0, length);
    this.#rest = this.#rest.slice(length);
    return undefined;
  }

  #readFraction(length: number): Problem {
    const text = this.#rest.slice(0, length);
    if (!/^[.,]\d+$/.test(text) || text.length < length) return "bad";
    this.#rest = this.#rest.slice(length);
    this.#nanosecond = Number(text.slice(1, 10).padEnd(9, "0"));
    return undefined;
  }

  /** The day of the year, or of the month; text: what is wrong with them. */
  settleDay(): { month: number; day: number } | string {
    if (this.#yearDay < 0) {
      const month = this.#month < 0 ? 1 : this.#month;
      const day = this.#day < 0 ? 1 : this.#day;
      return day < 1 || day > daysIn(month, this.#year) ? this.#failure(": day out of range") : { month, day };
    }
    if (this.#yearDay < 1 || this.#yearDay > (isLeap(this.#year) ? 366 : 365))
      return this.#failure(": day-of-year out of range");
    let month = 1;
    let day = this.#yearDay;
    for (; day > daysIn(month, this.#year); month++) day -= daysIn(month, this.#year);
    if (this.#month >= 0 && this.#month !== month) return this.#failure(": day-of-year does not match month");
    return this.#day >= 0 && this.#day !== day ? this.#failure(": day-of-year does not match day") : { month, day };
  }

  moment(
    { month, day }: { readonly month: number; readonly day: number },
    { zone, local }: Required<ParseZones>,
  ): Moment {
    let hour = this.#hour;
    if (this.#half === "pm" && hour < 12) hour += 12;
    else if (this.#half === "am" && hour === 12) hour = 0;
    const seconds = unixSeconds({ year: this.#year, month, day, hour, minute: this.#minute, second: this.#second });
    const shown = (offset: number, seen: Zone): Moment => ({
      unixNs: BigInt(seconds - offset) * 1_000_000_000n + BigInt(this.#nanosecond),
      zone: seen,
    });
    if (this.#utc) return shown(0, UTC);
    if (this.#offset !== undefined) {
      const here = local.at(seconds - this.#offset);
      const known = here.offset === this.#offset && (this.#zoneName === "" || this.#zoneName === here.abbreviation);
      return shown(this.#offset, known ? local : fixedZone(this.#zoneName, this.#offset));
    }
    if (this.#zoneName !== "") {
      const offset = local.named(this.#zoneName, seconds);
      if (offset !== undefined) return shown(offset, local);
      const hours = /^GMT([+-]\d+)$/.exec(this.#zoneName)?.[1];
      const fixed = hours === undefined ? 0 : Number(hours) * 3600;
      return shown(fixed, fixedZone(this.#zoneName, fixed));
    }
    return shown(offsetOfWall(zone, seconds), zone);
  }
}

/** The offset of a zone where its clocks show this; where they never do or do twice, as Go's `time.Date` decides. */
export function offsetOfWall(zone: Zone, wallSeconds: number): number {
  return zone.at(wallSeconds - zone.at(wallSeconds).offset).offset;
}

/** How much of the text is an abbreviation: three letters, four or five that end in T, GMT+3, +03, and a few others. */
function abbreviationLength(text: string): number {
  if (/^(?:ChST|MeST)/.test(text)) return 4;
  const gmt = /^GMT([+-]\d+)?/.exec(text);
  if (gmt !== null) return gmt[1] !== undefined && Math.abs(Number(gmt[1])) <= 23 ? gmt[0].length : 3;
  const signed = /^[+-]\d+/.exec(text)?.[0];
  if (signed !== undefined) return text.length >= 3 && Math.abs(Number(signed)) <= 23 ? signed.length : 0;
  const letters = /^[A-Z]{0,6}/.exec(text)?.[0] ?? "";
  if (letters.length === 3) return 3;
  if (letters.length === 4) return letters.endsWith("T") || letters === "WITA" ? 4 : 0;
  return letters.length === 5 && letters.endsWith("T") ? 5 : 0;
}
