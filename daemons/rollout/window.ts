import { fail, succeed, type Result } from "#base/env/errors.ts";

/** Times of the week at which nodes may be restarted. */
export interface UpdateWindow {
  readonly contains: (atMs: number) => boolean;
}

const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const HINT =
  'expected "02:00-05:00", "Sat,Sun 22:00-04:00" or the same with a time zone, "Mon-Fri 02:00-05:00 Europe/Berlin"';
const FORM = /^(?:([A-Za-z]{3}(?:[,-][A-Za-z]{3})*)\s+)?(\d{2}):(\d{2})-(\d{2}):(\d{2})(?:\s+([\w/+-]+))?$/;
const DAY_MINUTES = 1440;

/** Reads `[DAYS] HH:MM-HH:MM [ZONE]`; the zone is UTC where none is named. One over midnight belongs to the day it begins on. */
export function parseWindow(text: string): Result<UpdateWindow> {
  if (text.trim() === "") return succeed({ contains: () => true });
  const [, days, fromHour, fromMinute, toHour, toMinute, zone = "UTC"] = FORM.exec(text.trim()) ?? [];
  if (fromHour === undefined) return fail("bad_window", `${JSON.stringify(text)} is no window for updates`, HINT);
  const from = minutes(fromHour, fromMinute);
  const to = minutes(toHour, toMinute);
  const on = daysOf(days);
  if (from === undefined || to === undefined || from === to || on === undefined)
    return fail("bad_window", `${JSON.stringify(text)} is no window for updates`, HINT);
  const local = localTime(zone);
  if (local === undefined)
    return fail(
      "bad_window",
      `the time zone ${JSON.stringify(zone)} is not known`,
      'expected a name such as "Europe/Berlin"',
    );
  return succeed({
    contains: (atMs) => {
      const { day, minute } = local(atMs);
      if (from < to) return on.has(day) && minute >= from && minute < to;
      return (on.has(day) && minute >= from) || (on.has((day + 6) % 7) && minute < to);
    },
  });
}

function minutes(hour: string | undefined, minute: string | undefined): number | undefined {
  const at = Number(hour) * 60 + Number(minute);
  return Number(minute) < 60 && at <= DAY_MINUTES ? at : undefined;
}

/** Names, and ranges of them, which may go over the week's end. */
function daysOf(text: string | undefined): ReadonlySet<number> | undefined {
  if (text === undefined) return new Set(DAYS.keys());
  const found = new Set<number>();
  for (const part of text.split(",")) {
    const ends = part.split("-").map((name) => DAYS.findIndex((day) => day.toLowerCase() === name.toLowerCase()));
    const [first = -1, last = first] = ends;
    if (ends.length > 2 || first < 0 || last < 0) return undefined;
    for (let day = first; ; day = (day + 1) % 7) {
      found.add(day);
      if (day === last) break;
    }
  }
  return found;
}

function localTime(zone: string): ((atMs: number) => { day: number; minute: number }) | undefined {
  try {
    const format = new Intl.DateTimeFormat("en-GB", {
      timeZone: zone,
      weekday: "short",
      hour: "2-digit",
      minute: "2-digit",
      hourCycle: "h23",
    });
    return (atMs) => {
      const parts = new Map(format.formatToParts(atMs).map(({ type, value }) => [type, value]));
      const minute = Number(parts.get("hour")) * 60 + Number(parts.get("minute"));
      return { day: DAYS.indexOf(parts.get("weekday") ?? ""), minute };
    };
  } catch {
    return undefined;
  }
}
