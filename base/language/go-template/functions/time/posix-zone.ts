import { civilOf, daysIn, isLeap, unixSeconds } from "./civil.ts";
import type { ZoneOffset } from "./zone.ts";

const NAME = String.raw`(?:<([A-Za-z\d+-]+)>|([A-Za-z]{3,}))`;
const TIME = String.raw`([+-]?)(\d{1,3})(?::(\d\d))?(?::(\d\d))?`;
const RULE = String.raw`,(M\d{1,2}\.\d\.\d|J?\d{1,3})(?:/(${TIME}))?`;
const ZONE = new RegExp(`^${NAME}${TIME}(?:${NAME}(?:${TIME})?(?:${RULE}${RULE})?)?$`);

/** The rule of a `TZ` variable, `CET-1CEST,M3.5.0,M10.5.0/3` (POSIX, section 8.3); undefined: it is none. */
export function parsePosixZone(text: string): ((unixSeconds: number) => ZoneOffset) | undefined {
  const m = ZONE.exec(text);
  if (m === null) return undefined;
  // Offsets are written west of Greenwich.
  const standard = { abbreviation: m[1] ?? m[2] ?? "", offset: -secondsOf(m.slice(3, 7)) || 0 };
  const summerName = m[7] ?? m[8];
  if (summerName === undefined) return () => standard;
  const summerOffset = m[10] === undefined ? standard.offset + 3600 : -secondsOf(m.slice(9, 13)) || 0;
  const summer = { abbreviation: summerName, offset: summerOffset };
  const start = { day: m[13] ?? "M3.2.0", time: m[14] === undefined ? 7200 : secondsOf(m.slice(15, 19)) };
  const end = { day: m[19] ?? "M11.1.0", time: m[20] === undefined ? 7200 : secondsOf(m.slice(21, 25)) };
  return (seconds) => {
    const { year } = civilOf(BigInt(Math.floor(seconds)) * 1_000_000_000n, standard.offset);
    const begins = dayStart(start.day, year) + start.time - standard.offset;
    const ends = dayStart(end.day, year) + end.time - summer.offset;
    const inside = begins < ends ? seconds >= begins && seconds < ends : !(seconds >= ends && seconds < begins);
    return inside ? summer : standard;
  };
}

function secondsOf([sign = "", hours = "0", minutes = "0", seconds = "0"]: readonly (string | undefined)[]): number {
  return (sign === "-" ? -1 : 1) * (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds));
}

/** When a day of a rule begins, as if in UTC: `Mm.w.d`, `Jn` (29 February never counts) or `n` (from 0). */
function dayStart(day: string, year: number): number {
  const yearBegins = unixSeconds({ year, month: 1, day: 1, hour: 0, minute: 0, second: 0 });
  const monthly = /^M(\d+)\.(\d)\.(\d)$/.exec(day);
  if (monthly === null) {
    const number = Number(day.replace("J", ""));
    const days = day.startsWith("J") ? number - 1 + (isLeap(year) && number >= 60 ? 1 : 0) : number;
    return yearBegins + days * 86_400;
  }
  const [month, week, weekday] = [Number(monthly[1]), Number(monthly[2]), Number(monthly[3])];
  const first = unixSeconds({ year, month, day: 1, hour: 0, minute: 0, second: 0 });
  const firstWeekday = (((first / 86_400 + 4) % 7) + 7) % 7;
  let date = 1 + ((weekday - firstWeekday + 7) % 7) + (week - 1) * 7;
  while (date > daysIn(month, year)) date -= 7;
  return first + (date - 1) * 86_400;
}
