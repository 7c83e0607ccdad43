import { MONTHS, WEEKDAYS } from "../../calendar.ts";
import { readDuration } from "../../duration.ts";
import { Fault, two, text, type Given, type HclFunction } from "./function.ts";

export const dateFunctions: Readonly<Record<string, HclFunction>> = {
  formatdate: two(text, text, formatDate),
  timeadd: two(text, text, addTime),
};

const RFC3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

function readTime(text: string): { readonly ms: number; readonly zone: string } | Fault {
  const ms = RFC3339.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(ms))
    return new Fault(`${JSON.stringify(text)} is no time; expected for example "2026-01-31T12:00:00Z"`);
  return { ms, zone: text.endsWith("Z") ? "Z" : text.slice(-6) };
}

function addTime(time: string, duration: string): Given {
  const start = readTime(time);
  if (start instanceof Fault) return start;
  const added = readDuration(duration);
  if (!added.ok) return new Fault(added.error.message);
  return `${wallClock(start.ms + added.value / 1e6, start.zone)
    .toISOString()
    .replace(/\.?0*Z$/, "")}${start.zone}`;
}

/** A date whose UTC fields read as the zone's clock. */
function wallClock(ms: number, zone: string): Date {
  const match = /^([+-])(\d\d):(\d\d)$/.exec(zone);
  const minutes = match === null ? 0 : (Number(match[2]) * 60 + Number(match[3])) * (match[1] === "-" ? -1 : 1);
  return new Date(ms + minutes * 60_000);
}

/** Letters that repeat are fields, text stands in single quotes. */
function formatDate(pattern: string, time: string): Given {
  const read = readTime(time);
  if (read instanceof Fault) return read;
  const date = wallClock(read.ms, read.zone);
  let bad: string | undefined;
  const result = pattern.replace(/'((?:[^']|'')*)'|([A-Za-z])\2*/g, (all: string, quoted: string | undefined) => {
    if (quoted !== undefined) return quoted.replaceAll("''", "'");
    const field = dateField(all, date, read.zone);
    if (field === undefined) bad ??= all;
    return field ?? "";
  });
  return bad === undefined ? result : new Fault(`the field ${bad} is not known; text stands in single quotes`);
}

function dateField(field: string, date: Date, zone: string): string | undefined {
  const two = (n: number): string => String(n).padStart(2, "0");
  const month = MONTHS[date.getUTCMonth()] ?? "";
  const day = WEEKDAYS[date.getUTCDay()] ?? "";
  const hours = date.getUTCHours();
  const half = hours < 12 ? "am" : "pm";
  const offset = zone === "Z" ? "+00:00" : zone;
  const fields: Readonly<Record<string, string>> = {
    YYYY: String(date.getUTCFullYear()).padStart(4, "0"),
    YY: two(date.getUTCFullYear() % 100),
    MMMM: month,
    MMM: month.slice(0, 3),
    MM: two(date.getUTCMonth() + 1),
    M: String(date.getUTCMonth() + 1),
    DD: two(date.getUTCDate()),
    D: String(date.getUTCDate()),
    EEEE: day,
    EEE: day.slice(0, 3),
    hh: two(hours),
    h: String(hours),
    HH: two(hours % 12 === 0 ? 12 : hours % 12),
    H: String(hours % 12 === 0 ? 12 : hours % 12),
    AA: half.toUpperCase(),
    aa: half,
    mm: two(date.getUTCMinutes()),
    m: String(date.getUTCMinutes()),
    ss: two(date.getUTCSeconds()),
    s: String(date.getUTCSeconds()),
    ZZZZZ: offset,
    ZZZZ: offset.replace(":", ""),
    ZZZ: zone === "Z" ? "UTC" : offset.replace(":", ""),
    Z: zone,
  };
  return fields[field];
}
