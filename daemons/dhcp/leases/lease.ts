import * as v from "valibot";
import type { Ipv4 } from "../packet/ipv4.ts";
import { INFINITE_MS } from "../settings/settings.ts";
import { IPV4_TEXT, type AddressText } from "./address-text.ts";

/**
 * What is remembered of one address. `bound` past its end is an address its last client may have again; `declined` one that
 * somebody else was found to use.
 */
export interface Lease {
  readonly ip: Ipv4;
  /** The network's name: {@link import("../settings/settings.ts").Subnet.id}. */
  readonly subnet: string;
  readonly client: string;
  readonly mac: string;
  /** As it is to stand in the DNS; empty: nameless. */
  readonly name: string;
  /** What the client said it is (option 60), for people. */
  readonly vendor: string;
  readonly state: "bound" | "released" | "declined";
  /** Of the newest grant or renewal, on the lease clock: milliseconds since the epoch. */
  readonly startMs: number;
  /** {@link INFINITE_MS}: never. For a released one: until when the promise had been made. */
  readonly endMs: number;
}

const stored = v.object({
  ip: v.string(),
  subnet: v.string(),
  client: v.string(),
  mac: v.optional(v.string(), ""),
  name: v.optional(v.string(), ""),
  vendor: v.optional(v.string(), ""),
  state: v.optional(v.picklist(["bound", "released", "declined"]), "bound"),
  start: v.number(),
  /** Absent: never. */
  end: v.optional(v.number(), INFINITE_MS),
});

/** For logs, the cluster's store and `-json`; what is empty is left out. */
export function leaseJson(lease: Lease, addresses: AddressText = IPV4_TEXT): Readonly<Record<string, string | number>> {
  const { ip, subnet, client, mac, name, vendor, state, startMs, endMs } = lease;
  return {
    ip: addresses.format(ip),
    subnet,
    client,
    ...(mac === "" ? {} : { mac }),
    ...(name === "" ? {} : { name }),
    ...(vendor === "" ? {} : { vendor }),
    ...(state === "bound" ? {} : { state }),
    start: startMs,
    ...(endMs === INFINITE_MS ? {} : { end: endMs }),
  };
}

/** Undefined for what is no lease. */
export function parseLease(raw: unknown, addresses: AddressText = IPV4_TEXT): Lease | undefined {
  const parsed = v.safeParse(stored, raw);
  const ip = parsed.success ? addresses.parse(parsed.output.ip) : undefined;
  if (!parsed.success || ip === undefined) return undefined;
  const { subnet, client, mac, name, vendor, state, start, end } = parsed.output;
  return { ip, subnet, client, mac, name, vendor, state, startMs: start, endMs: end };
}

/** The client may use the address now. */
export function isHeld(lease: Lease | undefined, nowMs: number): boolean {
  return lease !== undefined && lease.state === "bound" && lease.endMs > nowMs;
}
