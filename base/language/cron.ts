import { Cron } from "croner";
import { fail, messageOf, succeed, type Result } from "#base/env/errors.ts";

/** When a periodic job runs. */
export interface Schedule {
  /** The first time after a time, in milliseconds since the epoch; undefined: never again. */
  readonly next: (afterMs: number) => number | undefined;
}

const MACROS: Readonly<Record<string, string>> = {
  "@yearly": "0 0 1 1 *",
  "@annually": "0 0 1 1 *",
  "@monthly": "0 0 1 * *",
  "@weekly": "0 0 * * 0",
  "@daily": "0 0 * * *",
  "@midnight": "0 0 * * *",
  "@hourly": "0 * * * *",
};
const HINT =
  'expected minute, hour, day of month, month and day of week, for example "*/15 * * * *", or @hourly, @daily, @weekly, @monthly, @yearly';

/**
 * Reads a cron expression as periodic jobs have it: 5 fields; 6 with a year at the end; 7 with seconds before and a year at
 * the end; or a macro (https://developer.hashicorp.com/nomad/docs/job-specification/periodic#cron). `L`, `W` and `#` are known.
 * `timeZone` is an IANA name.
 */
export function parseCron(expression: string, timeZone = "UTC"): Result<Schedule> {
  const trimmed = expression.trim();
  const macro = trimmed.toLowerCase();
  const pattern = fullPattern((Object.hasOwn(MACROS, macro) ? MACROS[macro] : undefined) ?? trimmed);
  if (pattern === undefined) return fail("bad_cron", `${JSON.stringify(expression)} is no cron expression`, HINT);
  if (!isTimeZone(timeZone)) {
    return fail(
      "bad_time_zone",
      `the time zone ${JSON.stringify(timeZone)} is not known`,
      'expected a name such as "Europe/Berlin" or "UTC"',
    );
  }
  try {
    const cron = new Cron(pattern, { paused: true, timezone: timeZone === "Local" ? "UTC" : timeZone });
    return succeed({ next: (afterMs) => cron.nextRun(new Date(afterMs))?.getTime() });
  } catch (thrown) {
    return fail("bad_cron", `${JSON.stringify(expression)} is no cron expression: ${messageOf(thrown)}`, HINT);
  }
}

/** The first time after `afterMs` at which any of several schedules is due. */
export function nextOf(schedules: readonly Schedule[], afterMs: number): number | undefined {
  const times = schedules.map((each) => each.next(afterMs)).filter((each) => each !== undefined);
  return times.length === 0 ? undefined : Math.min(...times);
}

/** Seconds first, year last. */
function fullPattern(pattern: string): string | undefined {
  const fields = pattern.split(/\s+/);
  if (fields.length === 5) return `0 ${pattern} *`;
  if (fields.length === 6) return `0 ${pattern}`;
  return fields.length === 7 ? pattern : undefined;
}

function isTimeZone(name: string): boolean {
  if (name === "Local") return true;
  try {
    new Intl.DateTimeFormat("en", { timeZone: name }).format(0);
    return true;
  } catch {
    return false;
  }
}
