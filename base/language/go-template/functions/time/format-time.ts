import { MONTHS, WEEKDAYS } from "../../../calendar.ts";
import { civilOf, type Civil } from "./civil.ts";
import { splitLayout, type Chunk, type LayoutElement, type ZoneElement } from "./layout.ts";
import type { Zone, ZoneOffset } from "./zone.ts";

/** A moment and the zone it is seen from. */
export interface Moment {
  readonly unixNs: bigint;
  readonly zone: Zone;
}

export const RFC3339 = "2006-01-02T15:04:05Z07:00";
export const RFC3339_NANO = "2006-01-02T15:04:05.999999999Z07:00";
/** What printing a time shows. */
export const STRING_LAYOUT = "2006-01-02 15:04:05.999999999 -0700 MST";

/** Prints a moment as the reference time of `layout` shows (https://pkg.go.dev/time#Time.Format). */
export function formatTime({ unixNs, zone }: Moment, layout: string, chunks = splitLayout(layout)): string {
  const offset = zone.at(Number(floorSeconds(unixNs)));
  const at = civilOf(unixNs, offset.offset);
  let text = "";
  for (const chunk of chunks) {
    text += chunk.prefix;
    if (chunk.element !== undefined) text += element(chunk.element, chunk, { at, offset });
  }
  return text;
}

export function floorSeconds(unixNs: bigint): bigint {
  const seconds = unixNs / 1_000_000_000n;
  return unixNs < 0n && seconds * 1_000_000_000n !== unixNs ? seconds - 1n : seconds;
}

interface Shown {
  readonly at: Civil;
  readonly offset: ZoneOffset;
}

function element(kind: LayoutElement, chunk: Chunk, { at, offset }: Shown): string {
  switch (kind) {
    case "2006":
      return signedPad(at.year, 4);
    case "06":
      return pad(((at.year % 100) + 100) % 100, 2);
    case "January":
      return MONTHS[at.month - 1] ?? "";
    case "Jan":
      return (MONTHS[at.month - 1] ?? "").slice(0, 3);
    case "1":
      return String(at.month);
    case "01":
      return pad(at.month, 2);
    case "Monday":
      return WEEKDAYS[at.weekday] ?? "";
    case "Mon":
      return (WEEKDAYS[at.weekday] ?? "").slice(0, 3);
    case "2":
      return String(at.day);
    case "_2":
      return String(at.day).padStart(2);
    case "02":
      return pad(at.day, 2);
    case "__2":
      return String(at.yearDay).padStart(3);
    case "002":
      return pad(at.yearDay, 3);
    case "MST":
      return offset.abbreviation === "" ? bareOffset(offset.offset) : offset.abbreviation;
    case "fraction0":
    case "fraction9":
      return fraction(at.nanosecond, chunk.text);
    default:
      return clock(kind, { at, offset });
  }
}

function clock(
  kind: "15" | "3" | "03" | "4" | "04" | "5" | "05" | "PM" | "pm" | ZoneElement,
  { at, offset }: Shown,
): string {
  switch (kind) {
    case "15":
      return pad(at.hour, 2);
    case "3":
      return String(at.hour % 12 === 0 ? 12 : at.hour % 12);
    case "03":
      return pad(at.hour % 12 === 0 ? 12 : at.hour % 12, 2);
    case "4":
      return String(at.minute);
    case "04":
      return pad(at.minute, 2);
    case "5":
      return String(at.second);
    case "05":
      return pad(at.second, 2);
    case "PM":
      return at.hour >= 12 ? "PM" : "AM";
    case "pm":
      return at.hour >= 12 ? "pm" : "am";
    default:
      return zoneOffset(kind, offset.offset);
  }
}

function zoneOffset(kind: ZoneElement, offset: number): string {
  if (kind.startsWith("Z") && offset === 0) return "Z";
  const colon = kind.includes(":") ? ":" : "";
  const sign = Math.trunc(offset / 60) < 0 ? "-" : "+";
  const all = Math.abs(offset);
  const parts = [Math.floor(all / 3600), Math.floor(all / 60) % 60, all % 60];
  const count = (kind.length - 1 - (colon === "" ? 0 : kind.split(":").length - 1)) / 2;
  return (
    sign +
    parts
      .slice(0, count)
      .map((part) => pad(part, 2))
      .join(colon)
  );
}

function bareOffset(offset: number): string {
  const minutes = Math.trunc(offset / 60);
  const all = Math.abs(minutes);
  return `${minutes < 0 ? "-" : "+"}${pad(Math.floor(all / 60), 2)}${pad(all % 60, 2)}`;
}

function fraction(nanosecond: number, text: string): string {
  const digits = pad(nanosecond, 9).slice(0, text.length - 1);
  if (text[1] === "0") return (text[0] ?? "") + digits;
  const trimmed = digits.replace(/0+$/, "");
  return trimmed === "" ? "" : (text[0] ?? "") + trimmed;
}

function pad(value: number, width: number): string {
  return String(value).padStart(width, "0");
}

function signedPad(value: number, width: number): string {
  return value < 0 ? `-${pad(-value, width)}` : pad(value, width);
}
