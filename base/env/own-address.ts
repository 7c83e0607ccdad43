import type { InterfaceAddress } from "./net.ts";

/** Made for containers and guests, by their usual names; nothing else tells them from cards. */
export function isOfContainers(name: string): boolean {
  return /^(docker|br-|veth|virbr|lxc|cni|nomad|lares-)/.test(name);
}

/**
 * Behind the NAT of an emulator every machine has the same address, and none reaches another there: VirtualBox gives 10.0.2.15 to
 * the first card, 10.0.3.15 to the second and so on (https://www.virtualbox.org/manual/ch09.html#changenat), QEMU's user network the
 * first of them (`-netdev user` of qemu(1)). Told from a network that has that range by the maker of the emulated card.
 */
export function isBehindEmulatorsNat({ address, cidr, mac }: InterfaceAddress): boolean {
  return /^10\.0\.\d+\.15$/.test(address) && cidr.endsWith("/24") && /^(?:08:00:27|52:54:00):/i.test(mac);
}

/** `found`, or where that is an emulator's NAT an IPv4 address of another card, if there is one. */
export function reachable(
  found: InterfaceAddress | undefined,
  all: readonly InterfaceAddress[],
): InterfaceAddress | undefined {
  if (found === undefined || !isBehindEmulatorsNat(found)) return found;
  const isOther = (each: InterfaceAddress): boolean =>
    each.family === 4 &&
    !each.internal &&
    !each.address.startsWith("169.254.") &&
    !isOfContainers(each.name) &&
    !isBehindEmulatorsNat(each);
  return all.find(isOther) ?? found;
}
