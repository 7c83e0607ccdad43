import { decodeFqdn, type ClientFqdn } from "../packet/client-fqdn.ts";
import { readIpv4, type Ipv4 } from "../packet/ipv4.ts";
import * as code from "../packet/option-codes.ts";
import type { DhcpPacket } from "../packet/packet.ts";
import { decodeRelayInfo, decodeSubOptions, type RelayInfo } from "../packet/relay-info.ts";
import { decodeUserClasses } from "../packet/user-class.ts";
import { clientKey, macText } from "./client-key.ts";

/** What a packet says about its sender. */
export interface Client {
  readonly key: string;
  readonly mac: string;
  /** One label that can stand in the DNS; empty: none was given, or it cannot. */
  readonly name: string;
  readonly fqdn: ClientFqdn | undefined;
  readonly vendorClass: string;
  readonly userClasses: readonly string[];
  /** RFC 4578 §2.1; undefined outside network boot. */
  readonly arch: number | undefined;
  readonly isIpxe: boolean;
  /** It knows nothing of DHCP. */
  readonly isBootp: boolean;
  readonly relay: RelayInfo | undefined;
  readonly relayInfo: Uint8Array | undefined;
  /** 0: none. */
  readonly requested: Ipv4;
  readonly serverId: Ipv4 | undefined;
  /** Options it wants, in its order; undefined: it did not say. */
  readonly list: readonly number[] | undefined;
  readonly maxBytes: number;
}

const IP_AND_UDP = 28;
const MIN_MESSAGE = 576;
const MAX_MESSAGE = 1500;

export function readClient(packet: DhcpPacket): Client {
  const { options, htype, chaddr } = packet;
  const fqdnBytes = options.get(code.CLIENT_FQDN);
  const fqdn = fqdnBytes === undefined ? undefined : decodeFqdn(fqdnBytes);
  const userBytes = options.get(code.USER_CLASS);
  const userClasses = userBytes === undefined ? [] : decodeUserClasses(userBytes);
  const relayInfo = options.get(code.RELAY_INFO);
  const arch = options.get(code.CLIENT_ARCH);
  const size = options.get(code.MAX_MESSAGE_SIZE);
  const maxMessage = size?.length === 2 ? ((size[0] ?? 0) << 8) | (size[1] ?? 0) : MIN_MESSAGE;
  const list = options.get(code.PARAMETER_LIST);
  return {
    key: clientKey(options.get(code.CLIENT_ID), htype, chaddr),
    mac: macText(chaddr),
    name: dnsLabel(fqdn?.name ?? textOf(options.get(code.HOST_NAME))),
    fqdn,
    vendorClass: textOf(options.get(code.VENDOR_CLASS)),
    userClasses,
    arch: arch !== undefined && arch.length >= 2 ? ((arch[0] ?? 0) << 8) | (arch[1] ?? 0) : undefined,
    isIpxe: userClasses.includes("iPXE") || isIpxeOption(options.get(code.IPXE_ENCAPSULATED)),
    isBootp: !options.has(code.MESSAGE_TYPE),
    relay: relayInfo === undefined ? undefined : decodeRelayInfo(relayInfo),
    relayInfo,
    requested: addressOf(options.get(code.REQUESTED_ADDRESS)) ?? 0,
    serverId: addressOf(options.get(code.SERVER_ID)),
    list: list === undefined ? undefined : [...list],
    maxBytes: Math.min(Math.max(maxMessage, MIN_MESSAGE), MAX_MESSAGE) - IP_AND_UDP,
  };
}

/** The first label, in lower case; what the DNS cannot carry becomes a hyphen. Empty where nothing is left. */
export function dnsLabel(name: string): string {
  const [first = ""] = name.split(".");
  return first
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]+/g, "-")
    .replaceAll(/^-+|-+$/g, "")
    .slice(0, 63)
    .replace(/-+$/, "");
}

/** Others use the code for things of their own; iPXE's holds sub-options. */
function isIpxeOption(bytes: Uint8Array | undefined): boolean {
  return bytes !== undefined && bytes.length > 2 && decodeSubOptions(bytes) !== undefined;
}

function addressOf(bytes: Uint8Array | undefined): Ipv4 | undefined {
  return bytes?.length === 4 ? readIpv4(bytes, 0) : undefined;
}

/** Printable text; anything else in it is dropped, since it ends in logs and on terminals. */
function textOf(bytes: Uint8Array | undefined): string {
  if (bytes === undefined) return "";
  return Buffer.from(bytes)
    .toString("latin1")
    .replaceAll(/[^\x20-\x7e]/g, "");
}
