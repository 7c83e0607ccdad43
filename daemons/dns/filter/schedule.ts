import type { GroupSettings } from "../settings/settings.ts";

const DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"] as const;

/** Whether a group holds at this time of the week, local time. Without schedules it always does. */
export function isActive(group: GroupSettings, nowMs: number): boolean {
  if (!group.enabled) return false;
  if (group.schedules.length === 0) return true;
  const now = new Date(nowMs);
  const minute = now.getHours() * 60 + now.getMinutes();
  const today = DAYS[now.getDay()] ?? "sun";
  const yesterday = DAYS[(now.getDay() + 6) % 7] ?? "sat";
  return group.schedules.some(({ days, from, to }) => {
    const [start, end] = [minuteOf(from), minuteOf(to)];
    if (start < end) return days.includes(today) && minute >= start && minute < end;
    // Over midnight: the evening of its day, and the morning of the next. The same minute twice is a whole day.
    return (days.includes(today) && minute >= start) || (days.includes(yesterday) && minute < end);
  });
}

function minuteOf(time: string): number {
  return Number(time.slice(0, 2)) * 60 + Number(time.slice(3, 5));
}
