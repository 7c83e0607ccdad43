import { MONTHS, WEEKDAYS } from "../../../calendar.ts";
import { goFunction, type FunctionTable } from "../../function.ts";
import { takeInt, takeObject, takeString } from "../../param.ts";
import { int64Type, structType, type GoType } from "../../type.ts";
import { GoInteger, GoObject, type GoFunction, type GoValue } from "../../value.ts";
import { civilOf, unixSeconds } from "./civil.ts";
import { floorSeconds, formatTime, STRING_LAYOUT, type Moment } from "./format-time.ts";
import { GoDuration } from "./go-duration-value.ts";
import { offsetOfWall } from "./parse-time.ts";
import { UTC, type Zone } from "./zone.ts";
import { GoNamed } from "../../struct.ts";

const timeType: GoType = structType("time.Time");
const monthType: GoType = { name: "time.Month", kind: "int" };
const weekdayType: GoType = { name: "time.Weekday", kind: "int" };
/** Go's `time.Time{}`: the first moment of the year 1. */
export const ZERO_TIME_NS = -62_135_596_800_000_000_000n;

/** `time.Time`: a moment seen from a zone (https://pkg.go.dev/time#Time). */
export class GoTime extends GoObject implements Moment {
  readonly type = timeType;
  readonly unixNs: bigint;
  readonly zone: Zone;

  constructor(unixNs: bigint, zone: Zone) {
    super();
    this.unixNs = unixNs;
    this.zone = zone;
  }

  field(): undefined {
    return undefined;
  }

  fields(): Iterable<readonly [string, GoValue]> {
    return [];
  }

  method(name: string): GoFunction | undefined {
    return methodsOf(this).get(name);
  }

  override text(): string {
    return formatTime(this, STRING_LAYOUT);
  }

  override equals(other: GoObject): boolean {
    return other instanceof GoTime && other.unixNs === this.unixNs && other.zone === this.zone;
  }
}

export const takeTime = takeObject(timeType, GoTime);
const takeDuration = takeObject(new GoDuration(0n).type, GoDuration);

function methodsOf(time: GoTime): FunctionTable {
  const { unixNs, zone } = time;
  const at = () => civilOf(unixNs, zone.at(Number(floorSeconds(unixNs))).offset);
  const get = (read: () => GoValue) => goFunction([], read);
  const compare = (test: (other: bigint) => boolean) => goFunction([takeTime], (other) => test(other.unixNs));
  return new Map<string, GoFunction>([
    ["Format", goFunction([takeString], (layout) => formatTime(time, layout))],
    ["String", get(() => time.text())],
    ["Unix", get(() => int64(floorSeconds(unixNs)))],
    ["UnixMilli", get(() => int64(floorDivide(unixNs, 1_000_000n)))],
    ["UnixMicro", get(() => int64(floorDivide(unixNs, 1000n)))],
    ["UnixNano", get(() => int64(BigInt.asIntN(64, unixNs)))],
    ["Year", get(() => BigInt(at().year))],
    ["Month", get(() => named(monthType, at().month, MONTHS[at().month - 1]))],
    ["Weekday", get(() => named(weekdayType, at().weekday, WEEKDAYS[at().weekday]))],
    ["Day", get(() => BigInt(at().day))],
    ["YearDay", get(() => BigInt(at().yearDay))],
    ["Hour", get(() => BigInt(at().hour))],
    ["Minute", get(() => BigInt(at().minute))],
    ["Second", get(() => BigInt(at().second))],
    ["Nanosecond", get(() => BigInt(at().nanosecond))],
    ["IsZero", get(() => unixNs === ZERO_TIME_NS)],
    ["UTC", get(() => new GoTime(unixNs, UTC))],
    ["Before", compare((other) => unixNs < other)],
    ["After", compare((other) => unixNs > other)],
    ["Equal", compare((other) => unixNs === other)],
    ["Sub", goFunction([takeTime], (other) => new GoDuration(unixNs - other.unixNs))],
    ["Add", goFunction([takeDuration], (duration) => new GoTime(unixNs + duration.ns, zone))],
    ["AddDate", goFunction([takeInt, takeInt, takeInt], (...change) => addDate(time, change))],
  ]);
}

/** Days beyond a month's end go on into the next one. */
function addDate({ unixNs, zone }: GoTime, [years, months, days]: readonly [bigint, bigint, bigint]): GoTime {
  const at = civilOf(unixNs, zone.at(Number(floorSeconds(unixNs))).offset);
  const wall = unixSeconds({
    ...at,
    year: at.year + Number(years),
    month: at.month + Number(months),
    day: at.day + Number(days),
  });
  return new GoTime(BigInt(wall - offsetOfWall(zone, wall)) * 1_000_000_000n + BigInt(at.nanosecond), zone);
}

function named(type: GoType, value: number, text = ""): GoValue {
  return new GoNamed({ type, value: BigInt(value), text: () => text });
}

function int64(value: bigint): GoValue {
  return new GoInteger(int64Type, value);
}

function floorDivide(value: bigint, by: bigint): bigint {
  const quotient = value / by;
  return value < 0n && quotient * by !== value ? quotient - 1n : quotient;
}
