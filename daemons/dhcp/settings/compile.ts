import * as v from "valibot";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import { shapeProblem } from "#base/language/shape-problem.ts";
import { formatIpv4, type Ipv4 } from "../packet/ipv4.ts";
import { compileSettings6 } from "../v6/compile.ts";
import { compileBoot } from "./compile-boot.ts";
import { compileOptions } from "./compile-options.ts";
import { compileReservation } from "./compile-reservation.ts";
import { compileSubnet } from "./compile-subnet.ts";
import { each, readTime } from "./read-items.ts";
import { SettingsSchema, type ClassInput } from "./schema.ts";
import { IPV4, type ClassRule, type Reservation, type Settings, type Subnet } from "./settings.ts";

const MAX_SUBNETS = 256;
const MAX_RESERVATIONS = 65_536;
const MAX_CLASSES = 256;

/** A configuration, read and checked as a whole; the failure names the place. */
export function compileSettings(raw: unknown): Result<Settings> {
  const parsed = v.safeParse(SettingsSchema, raw);
  if (!parsed.success) {
    const [issue] = parsed.issues;
    const { message, hint } = shapeProblem(SettingsSchema, issue);
    return fail("bad_settings", message, hint);
  }
  const input = parsed.output;
  const times = [input.leaseTime, input.declineTime, input.takeoverAfter, input.bootpTime].map(readTime);
  const [leaseMs, declineMs, takeoverMs, bootpMs] = times;
  if (leaseMs === undefined || declineMs === undefined || takeoverMs === undefined || bootpMs === undefined)
    return fail(
      "bad_settings",
      "leaseTime, declineTime, takeoverAfter and bootpTime are durations",
      'for example "12h" or "7d"',
    );
  if (
    input.subnets.length > MAX_SUBNETS ||
    input.reservations.length > MAX_RESERVATIONS ||
    input.classes.length > MAX_CLASSES
  )
    return fail(
      "bad_settings",
      `more than ${MAX_SUBNETS} subnets, ${MAX_RESERVATIONS} reservations or ${MAX_CLASSES} classes`,
    );
  const options = compileOptions(input.options, input.force);
  if (!options.ok) return options;
  const classes = each(input.classes, "classes", compileClass);
  if (!classes.ok) return classes;
  const boot = each(input.boot, "boot", compileBoot);
  if (!boot.ok) return boot;
  const subnets = each(input.subnets, "subnets", (subnet, index) =>
    compileSubnet(subnet, { index, leaseMs, domain: input.domain }),
  );
  if (!subnets.ok) return subnets;
  const reservations = each(input.reservations, "reservations", compileReservation);
  if (!reservations.ok) return reservations;
  const clash = clashOf(subnets.value, reservations.value);
  if (clash !== undefined) return fail("bad_settings", clash);
  const { authoritative, rapidCommit, probe, hook, domain } = input;
  const six = compileSettings6(input, { rapidCommit, declineMs, takeoverMs, hook, leaseMs, domain });
  if (!six.ok) return six;
  return succeed({
    family: IPV4,
    authoritative,
    rapidCommit,
    probe,
    hook,
    declineMs,
    takeoverMs,
    bootpMs: input.bootp === "any" ? bootpMs : undefined,
    options: options.value,
    classes: classes.value,
    boot: boot.value,
    subnets: subnets.value,
    reservations: reservations.value,
    six: six.value,
  });
}

function compileClass(input: ClassInput): Result<ClassRule> {
  const options = compileOptions(input.options, input.force);
  if (!options.ok) return options;
  const { name, vendorClass, userClass, hostname, arch } = input;
  const [mac, circuitId, remoteId] = [input.mac, input.circuitId, input.remoteId].map((text) =>
    text?.toLowerCase().replaceAll("-", ":"),
  );
  return succeed({ name, vendorClass, userClass, mac, circuitId, remoteId, hostname, arch, options: options.value });
}

function clashOf(subnets: readonly Subnet[], reservations: readonly Reservation[]): string | undefined {
  const networks = new Set<string>();
  for (const { id } of subnets) {
    if (networks.has(id)) return `the network ${id} stands there twice`;
    networks.add(id);
  }
  const taken = new Set<Ipv4>();
  for (const { ip } of reservations) {
    if (ip === undefined) continue;
    if (taken.has(ip)) return `two reservations are for ${formatIpv4(ip)}`;
    taken.add(ip);
  }
  return undefined;
}
