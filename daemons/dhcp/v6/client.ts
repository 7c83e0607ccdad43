import { decodeDomains } from "../packet/domain-list.ts";
import { dnsLabel, type Client } from "../answer/client.ts";
import { macText } from "../answer/client-key.ts";
import { OPTION } from "./codes.ts";
import { associationsOf, type Association } from "./association.ts";
import { findOption, uint16, type Packet6 } from "./message.ts";

/** What a message says about its sender. */
export interface Client6 {
  /** Hexadecimal digits; empty: it did not say (only an information-request may not). */
  readonly duid: string;
  readonly clientId: Uint8Array | undefined;
  readonly serverId: Uint8Array | undefined;
  readonly mac: string;
  /** One label; empty: none, or one the DNS cannot carry. */
  readonly name: string;
  /** Flags of the name option; undefined: there was none. */
  readonly fqdnFlags: number | undefined;
  readonly associations: readonly Association[];
  /** Options it wants; undefined: it did not say. */
  readonly wanted: ReadonlySet<number> | undefined;
  readonly wantsRapid: boolean;
  /** A server may tell it to ask again (§21.20). */
  readonly takesWord: boolean;
}

/** RFC 8415 §11: an identifier has 1 to 128 bytes behind its type. */
const MIN_DUID = 3;
const MAX_DUID = 130;
const DUID_LLT = 1;
const DUID_LL = 3;
const ETHERNET = 1;

/** Undefined: its identifier is none. */
export function readClient6({ message, relays }: Packet6): Client6 | undefined {
  const { options } = message;
  const clientId = findOption(options, OPTION.clientId);
  if (clientId !== undefined && (clientId.length < MIN_DUID || clientId.length > MAX_DUID)) return undefined;
  const fqdn = findOption(options, OPTION.clientFqdn);
  const list = findOption(options, OPTION.request);
  const seen = relays.at(-1)?.linkLayer;
  return {
    duid: clientId === undefined ? "" : Buffer.from(clientId).toString("hex"),
    clientId,
    serverId: findOption(options, OPTION.serverId),
    mac: seen?.length === 6 ? macText(seen) : macOf(clientId),
    name: fqdn === undefined ? "" : dnsLabel(nameOf(fqdn.subarray(1))),
    fqdnFlags: fqdn?.[0],
    associations: associationsOf(message),
    wanted:
      list === undefined ? undefined : new Set(Array.from({ length: list.length >> 1 }, (_, i) => uint16(list, i * 2))),
    wantsRapid: findOption(options, OPTION.rapidCommit) !== undefined,
    takesWord: findOption(options, OPTION.reconfigureAccept) !== undefined,
  };
}

/** One association of a client, as what keeps leases knows clients. */
export function leaseClient(client: Client6, iaid: number, wanted: number): Client {
  return {
    key: `duid:${client.duid}:${iaid.toString(16).padStart(8, "0")}`,
    mac: client.mac,
    name: client.name,
    fqdn: undefined,
    vendorClass: "",
    userClasses: [],
    arch: undefined,
    isIpxe: false,
    isBootp: false,
    relay: undefined,
    relayInfo: undefined,
    requested: wanted,
    serverId: undefined,
    list: undefined,
    maxBytes: 0,
  };
}

/** The Ethernet address in an identifier that is made of one; empty: it is made of something else. */
function macOf(duid: Uint8Array | undefined): string {
  if (duid === undefined || uint16(duid, 2) !== ETHERNET) return "";
  const type = uint16(duid, 0);
  const address = type === DUID_LLT ? duid.subarray(8) : type === DUID_LL ? duid.subarray(4) : undefined;
  return address?.length === 6 ? macText(address) : "";
}

/** A partial name has no zero byte at its end (RFC 4704 §4.2). */
function nameOf(bytes: Uint8Array): string {
  const names = decodeDomains(bytes) ?? decodeDomains(Uint8Array.from([...bytes, 0]));
  return names?.[0] ?? "";
}
