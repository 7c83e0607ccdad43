import type { Address, InterfaceAddress } from "#base/env/net.ts";
import { readPlace } from "../upstream/server-address.ts";

/**
 * Places to listen at. A wildcard becomes every address of the machine, one socket each: a reply then leaves from the
 * address that was asked, which clients insist on.
 */
export function listenPlaces(
  texts: readonly string[],
  defaultPort: number,
  interfaces: readonly InterfaceAddress[],
): readonly Address[] {
  const places = texts.flatMap((text): readonly Address[] => {
    const place = readPlace(text, defaultPort);
    if (place === undefined) return [];
    if (place.host !== "0.0.0.0" && place.host !== "::") return [place];
    const family = place.host === "::" ? 6 : 4;
    return interfaces
      .filter((each) => each.family === family && !each.address.toLowerCase().startsWith("fe80:"))
      .map(({ address }) => ({ host: address, port: place.port }));
  });
  const unique = new Map(places.map((place) => [`${place.host} ${place.port}`, place]));
  return [...unique.values()];
}
