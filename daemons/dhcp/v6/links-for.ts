import type { Link6, Settings6 } from "../settings/settings.ts";
import { isInside6 } from "./handles.ts";
import type { Relay6 } from "./message.ts";

/** Where the client is: the network of the relay next to it, or those of the interface. */
export function linksFor({ links }: Settings6, relays: readonly Relay6[], name: string): readonly Link6[] {
  const isSaid = (address: Uint8Array): boolean => address.some((byte) => byte !== 0);
  // Relays on the link layer say nothing of it (RFC 6221); the one next to the client that does, counts.
  const relay = relays.findLast(({ link }) => isSaid(link));
  if (relay === undefined) return links.filter((link) => link.interface === name && name !== "");
  const at = BigInt(`0x${Buffer.from(relay.link).toString("hex")}`);
  return links.filter(({ network }) => isInside6(at, network));
}
