import { encodeFqdnReply } from "../packet/client-fqdn.ts";
import type { WireOption } from "../packet/encode.ts";
import { broadcastOf, ipv4Bytes, maskOf, type Ipv4 } from "../packet/ipv4.ts";
import * as code from "../packet/option-codes.ts";
import { INFINITE_MS, SELF, type OptionEntry, type Settings } from "../settings/settings.ts";
import type { Party } from "./party.ts";

export interface ReplyFacts {
  readonly type: number;
  readonly serverId: Ipv4;
  /** This server's address where the client is, for `self`. */
  readonly self: Ipv4;
  /** Undefined: none is granted (inform). */
  readonly leaseMs: number | undefined;
  readonly name: string;
}

/** All options of an offer or acknowledgement, the most needed first; what the client did not ask for only where it must be. */
export function replyOptions(settings: Settings, party: Party, facts: ReplyFacts): readonly WireOption[] {
  const { client, subnet } = party;
  const out = new Map<number, Uint8Array>([
    [code.MESSAGE_TYPE, Uint8Array.of(facts.type)],
    [code.SERVER_ID, ipv4Bytes(facts.serverId)],
  ]);
  if (facts.leaseMs !== undefined) {
    const seconds = secondsOf(facts.leaseMs);
    out.set(code.LEASE_TIME, ipv4Bytes(seconds));
    if (facts.leaseMs !== INFINITE_MS) {
      out.set(code.RENEWAL_TIME, ipv4Bytes(Math.floor(seconds / 2)));
      out.set(code.REBINDING_TIME, ipv4Bytes(Math.floor(seconds * 0.875)));
    }
  }
  const { values, forced } = commonOptions(settings, party, facts.self);
  const name = facts.name === "" || values.has(code.HOST_NAME) ? undefined : Buffer.from(facts.name, "utf8");
  const put = (each: number): void => {
    const value = each === code.HOST_NAME && name !== undefined ? name : values.get(each);
    if (value !== undefined && !out.has(each)) out.set(each, value);
  };
  // Option 1 must come before option 3 (RFC 2132 §3.3).
  put(code.SUBNET_MASK);
  for (const each of forced) put(each);
  for (const each of client.list ?? values.keys()) put(each);
  if (client.list === undefined) put(code.HOST_NAME);
  if (client.fqdn !== undefined && facts.name !== "")
    out.set(
      code.CLIENT_FQDN,
      encodeFqdnReply(client.fqdn, subnet.domain === "" ? facts.name : `${facts.name}.${subnet.domain}`),
    );
  // It goes back as it came, last (RFC 3046 §2.2).
  if (client.relayInfo !== undefined) out.set(code.RELAY_INFO, client.relayInfo);
  return [...out];
}

interface Common {
  readonly values: ReadonlyMap<number, Uint8Array>;
  readonly forced: readonly number[];
}

/** Kinds of clients that are remembered; more are worked out each time. */
const MAX_COMMON = 1000;
const COMMON = new WeakMap<Settings, Map<string, Common>>();

/** What all clients of a network and of the same classes are told; who has a reservation has options of its own. */
function commonOptions(settings: Settings, party: Party, self: Ipv4): Common {
  const { subnet, reservation } = party;
  const classes = classesOf(settings, party);
  if (reservation !== undefined) return workOut(settings, party, { classes, self });
  const kinds = COMMON.get(settings) ?? new Map<string, Common>();
  COMMON.set(settings, kinds);
  const key = `${subnet.id} ${self} ${classes.length === 0 ? "" : classes.map(({ name }) => name).join("\0")}`;
  const known = kinds.get(key);
  if (known !== undefined) return known;
  const made = workOut(settings, party, { classes, self });
  if (kinds.size < MAX_COMMON) kinds.set(key, made);
  return made;
}

/** What there is to say, from the general to the particular: the later wins. */
function workOut(
  settings: Settings,
  { subnet, reservation }: Party,
  { classes, self }: { readonly classes: Settings["classes"]; readonly self: Ipv4 },
): Common {
  const values = new Map<number, Uint8Array>([
    [code.SUBNET_MASK, ipv4Bytes(maskOf(subnet.network.prefix))],
    [code.BROADCAST_ADDRESS, ipv4Bytes(broadcastOf(subnet.network))],
  ]);
  if (subnet.domain !== "") values.set(code.DOMAIN_NAME, Buffer.from(subnet.domain, "utf8"));
  const sets = [settings.options, subnet.options, ...classes.map(({ options }) => options)];
  const all = reservation === undefined ? sets : [...sets, reservation.options];
  for (const { entries } of all) for (const entry of entries.values()) values.set(entry.code, bytesOf(entry, self));
  return { values, forced: all.flatMap(({ forced }) => [...forced]) };
}

function classesOf(settings: Settings, { tags }: Party): Settings["classes"] {
  return settings.classes.length === 0 ? settings.classes : settings.classes.filter(({ name }) => tags.has(name));
}

function bytesOf({ value }: OptionEntry, self: Ipv4): Uint8Array {
  return value instanceof Uint8Array ? value : ipv4Bytes(...value.map((each) => (each === SELF ? self : each)));
}

function secondsOf(leaseMs: number): number {
  return leaseMs === INFINITE_MS ? 0xff_ff_ff_ff : Math.max(1, Math.floor(leaseMs / 1000));
}
