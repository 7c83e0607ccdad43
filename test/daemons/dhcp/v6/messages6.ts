import { ipv6Bytes } from "#base/protocol/dns/address.ts";
import { encodeAssociation } from "#daemons/dhcp/v6/association.ts";
import { OPTION } from "#daemons/dhcp/v6/codes.ts";
import { encodeMessage6, uint16Bytes, type Option6 } from "#daemons/dhcp/v6/message.ts";

/** DUID-LL of an Ethernet card. */
export function duidOf(mac: string): Uint8Array {
  return Buffer.from(`00030001${mac.replaceAll(":", "")}`, "hex");
}

export function clientOption(mac: string): Option6 {
  return { code: OPTION.clientId, data: duidOf(mac) };
}

export function wish(kind: "address" | "prefix", iaid = 1, ...texts: readonly string[]): Option6 {
  const items = texts.map((text) => ({ text, preferredS: 0, validS: 0 }));
  return encodeAssociation({ kind, iaid, items, status: undefined });
}

export function requestOption(...codes: readonly number[]): Option6 {
  return { code: OPTION.request, data: uint16Bytes(...codes) };
}

export function message6(type: number, ...options: readonly Option6[]): Uint8Array {
  return encodeMessage6({ type, xid: 0x12_34_56, options });
}

/** A relay's envelope around a message. */
export function relayed(link: string, inner: Uint8Array, interfaceId = "port 7"): Uint8Array {
  const addresses = [link, "fe80::1"].flatMap((text) => ipv6Bytes(text) ?? []);
  const id = Buffer.from(interfaceId);
  const parts = [Uint8Array.of(12, 0, ...addresses), uint16Bytes(OPTION.interfaceId, id.length), id];
  return Buffer.concat([...parts, uint16Bytes(OPTION.relayMessage, inner.length), inner]);
}
