import { createHash } from "node:crypto";
import type { VirtualAddress } from "./address.ts";

/** One address and how much each node wants it. */
export interface Share {
  readonly address: VirtualAddress;
  /** VRRP's number of the virtual router, 1 to 255: the same on all nodes. */
  readonly router: number;
  /** By node, in the order in which they should have it. */
  readonly order: readonly string[];
}

const ROUTERS = 255;
const FIRST_PRIORITY = 250;
const STEP = 4;
const LEAST_PRIORITY = 2;

/**
 * Addresses shared evenly among nodes. Each goes to the node whose hash with it is highest (rendezvous hashing) among
 * those that have fewer than their part, so that a node that comes or goes moves few addresses but its own.
 * All nodes reckon the same from the same catalog.
 */
export function shareAddresses(addresses: readonly VirtualAddress[], nodes: readonly string[]): readonly Share[] {
  const names = [...new Set(nodes)].toSorted();
  const most = Math.ceil(addresses.length / Math.max(1, names.length));
  const load = new Map<string, number>();
  const taken = new Set<number>();
  return addresses
    .toSorted((a, b) => (a.address < b.address ? -1 : 1))
    .map((address) => {
      const ranked = names.toSorted((a, b) => weight(address, b) - weight(address, a) || (a < b ? -1 : 1));
      const first = ranked.find((node) => (load.get(node) ?? 0) < most);
      if (first !== undefined) load.set(first, (load.get(first) ?? 0) + 1);
      const order = first === undefined ? ranked : [first, ...ranked.filter((node) => node !== first)];
      return { address, order, router: routerOf(address, taken) };
    });
}

/** The first of an order has 250. With so many nodes that there are no more numbers, the last share one: VRRP then goes by their addresses. */
export function priorityOf(order: readonly string[], node: string): number {
  return Math.max(LEAST_PRIORITY, FIRST_PRIORITY - STEP * Math.max(0, order.indexOf(node)));
}

function weight(address: VirtualAddress, node: string): number {
  return hash(`${address.address}\n${node}`);
}

/** Depends on the address alone as far as it can: a list that grows leaves the others' numbers. */
function routerOf(address: VirtualAddress, taken: Set<number>): number {
  let router = (hash(address.address) % ROUTERS) + 1;
  while (taken.has(router)) router = (router % ROUTERS) + 1;
  taken.add(router);
  return router;
}

function hash(text: string): number {
  return createHash("sha256").update(text).digest().readUInt32BE(0);
}
