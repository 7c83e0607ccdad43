/** A moment as calendars and clocks show it; proleptic Gregorian, as in Go's package time. */
export interface Civil {
  readonly year: number;
  /** 1 … 12. */
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly nanosecond: number;
  /** 0: Sunday. */
  readonly weekday: number;
  /** 1: the first of January. */
  readonly yearDay: number;
}

const SECOND_NS = 1_000_000_000n;
const DAY_S = 86_400;

/** Nanoseconds since 1970, seen from a zone `offset` seconds east of Greenwich. */
export function civilOf(unixNs: bigint, offset: number): Civil {
  const nanosecond = Number(((unixNs % SECOND_NS) + SECOND_NS) % SECOND_NS);
  const seconds = Number((unixNs - BigInt(nanosecond)) / SECOND_NS) + offset;
  const days = Math.floor(seconds / DAY_S);
  const rest = seconds - days * DAY_S;
  const date = dateOf(days);
  return {
    ...date,
    hour: Math.floor(rest / 3600),
    minute: Math.floor((rest % 3600) / 60),
    second: rest % 60,
    nanosecond,
    weekday: (((days + 4) % 7) + 7) % 7,
    yearDay: days - daysSince1970(date.year, 1, 1) + 1,
  };
}

/** Seconds since 1970 of a moment in UTC; months, days and hours beyond their range roll over. */
export function unixSeconds(at: Pick<Civil, "year" | "month" | "day" | "hour" | "minute" | "second">): number {
  const months = at.year * 12 + (at.month - 1);
  const year = Math.floor(months / 12);
  const days = daysSince1970(year, months - year * 12 + 1, 1) + at.day - 1;
  return days * DAY_S + at.hour * 3600 + at.minute * 60 + at.second;
}

export function isLeap(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}

export function daysIn(month: number, year: number): number {
  if (month === 2) return isLeap(year) ? 29 : 28;
  return [4, 6, 9, 11].includes(month) ? 30 : 31;
}

/** https://howardhinnant.github.io/date_algorithms.html#days_from_civil: years begin in March, eras have 400 years. */
function daysSince1970(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

function dateOf(days: number): { year: number; month: number; day: number } {
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const leapless =
    dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096);
  const yearOfEra = Math.floor(leapless / 365);
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const marchMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9;
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * marchMonth + 2) / 5) + 1,
  };
}
