import { ipv6Bytes, ipv6Text } from "#base/protocol/dns/address.ts";
import type { AddressText } from "../leases/address-text.ts";
import { isHeld, leaseJson, parseLease, type Lease } from "../leases/lease.ts";
import { formatIpv4, parseIpv4 } from "../packet/ipv4.ts";
import { INFINITE_MS } from "../settings/settings.ts";
import type { Pair, SharedKv, Write } from "./kv.ts";
import { LEASES, LEASES6 } from "./lease-replica.ts";
import { NAMES } from "./names.ts";

/** Below these they stand, IPv4's and IPv6's. */
export const LEASE_PREFIXES = [LEASES, LEASES6] as const;

/** Attempts to get past the instances' own writes. */
const MAX_ROUNDS = 4;

/** A lease as the instances share it, IPv4's or IPv6's. */
export interface StoredLease {
  readonly key: string;
  readonly index: number;
  /** As text; a delegated prefix has its length behind it. */
  readonly address: string;
  /** Its `ip` means nothing here. */
  readonly lease: Lease;
}

/** `removed`: nobody has it any more. `missing`: nobody had it. `unknown`: the store did not answer. */
export type Removal =
  | { readonly kind: "removed"; readonly lease: StoredLease }
  | { readonly kind: "missing" }
  | { readonly kind: "unknown"; readonly message: string };

/** Whatever is no lease is passed over. */
export function leasesIn(pairs: readonly Pair[]): readonly StoredLease[] {
  return pairs.flatMap((pair) => readStoredLease(pair) ?? []);
}

/** Of both families; undefined: the store does not answer. */
export async function storedLeases(kv: SharedKv): Promise<readonly StoredLease[] | undefined> {
  const [four, six] = await Promise.all(LEASE_PREFIXES.map((prefix) => kv.list(prefix, {})));
  return four === undefined || six === undefined ? undefined : leasesIn([...four.pairs, ...six.pairs]);
}

function readStoredLease({ key, value, index }: Pair): StoredLease | undefined {
  const prefix = LEASE_PREFIXES.find((each) => key.startsWith(each));
  if (prefix === undefined) return undefined;
  const address = key.slice(prefix.length);
  try {
    const lease = parseLease(JSON.parse(value), asWritten(address));
    return lease === undefined ? undefined : { key, index, address, lease };
  } catch {
    return undefined;
  }
}

/**
 * Takes an address from who has it, as if it had been given back: the instances hear of it within a second or two, and
 * the name is gone at once. `isMeant` looks at what stands there when it is written over.
 */
export async function removeLease(
  kv: SharedKv,
  key: string,
  about: { readonly nowMs: number; readonly isMeant?: (lease: Lease) => boolean },
): Promise<Removal> {
  const { nowMs, isMeant = () => true } = about;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const pair = await kv.get(key);
    if (pair === undefined) return { kind: "unknown", message: "the cluster's store does not answer" };
    const stored = pair === "missing" ? undefined : readStoredLease(pair);
    if (stored === undefined || !isHeld(stored.lease, nowMs) || !isMeant(stored.lease)) return { kind: "missing" };
    const done = await kv.txn(writesFor(stored, nowMs));
    if (done.kind === "done") return { kind: "removed", lease: stored };
    if (done.kind === "unknown") return { kind: "unknown", message: done.message };
  }
  return { kind: "unknown", message: "the lease is being changed again and again" };
}

/** Where a lease of this address, or delegated prefix, stands; undefined for what is neither. */
export function leaseKey(text: string): string | undefined {
  const ip = parseIpv4(text);
  if (ip !== undefined) return `${LEASES}${formatIpv4(ip)}`;
  const [address = "", length, ...more] = text.split("/");
  const bytes = ipv6Bytes(address);
  if (bytes === undefined || more.length > 0 || (length !== undefined && !/^[0-9]{1,3}$/.test(length)))
    return undefined;
  return `${LEASES6}${ipv6Text(bytes)}${length === undefined ? "" : `/${length}`}`;
}

function writesFor({ key, index, address, lease }: StoredLease, nowMs: number): readonly Write[] {
  const released: Lease = {
    ...lease,
    state: "released",
    startMs: Math.max(nowMs, lease.startMs),
    // Others get it when the promise has ended; one without end ends now.
    endMs: lease.endMs === INFINITE_MS ? nowMs : lease.endMs,
  };
  const value = JSON.stringify(leaseJson(released, asWritten(address)));
  const write: Write = { verb: "cas", key, value, index };
  return address.includes("/") ? [write] : [write, { verb: "delete", key: `${NAMES}${address}` }];
}

/** One address, which needs no number. */
function asWritten(address: string): AddressText {
  return { parse: (text) => (text === address ? 1 : undefined), format: () => address };
}
