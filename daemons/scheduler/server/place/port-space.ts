import type { Node } from "#base/protocol/node.ts";
import { parsePortRanges } from "./port-ranges.ts";
import type { UsedPort } from "./usage.ts";

const PORTS = 65_536;

/** Every node has this one; `host_network` blocks of the client add others. */
export const DEFAULT_NETWORK = "default";

/**
 * The host ports of one node: one space per address. Owners are counted, because a port may be shared on purpose
 * (`ignore_collision`) or pass from an allocation to the one that replaces it.
 */
export class PortSpace {
  #addresses = new Map<string, string>();
  #reserved: ReadonlySet<number> = new Set();
  /** Reserved at one address only. */
  #reservedAt: ReadonlyMap<string, ReadonlySet<number>> = new Map();
  #reservedCount = 0;
  #minDynamic = 20_000;
  #maxDynamic = 32_000;
  /** Addresses ports were ever taken at; a port's key is made of its place here. */
  readonly #known: string[] = [];
  /** Key → owners. Made when the first port is taken. */
  #taken: Map<number, number> | undefined;

  setNode(node: Node): void {
    this.#addresses = addressesOf(node);
    this.#reserved = parsePortRanges(node.ReservedResources.Networks.ReservedHostPorts);
    this.#reservedAt = new Map(
      Object.values(node.HostNetworks)
        .filter(({ ReservedPorts }) => ReservedPorts !== "")
        .map(({ Name, ReservedPorts }) => [this.#addresses.get(Name) ?? "", parsePortRanges(ReservedPorts)]),
    );
    this.#reservedCount = [...this.#reservedAt.values()].reduce((sum, each) => sum + each.size, this.#reserved.size);
    this.#minDynamic = node.NodeResources.MinDynamicPort;
    this.#maxDynamic = node.NodeResources.MaxDynamicPort;
  }

  /** Undefined: this node has no such network. */
  addressOf(hostNetwork: string): string | undefined {
    return this.#addresses.get(hostNetwork);
  }

  /** So many dynamic ports are free at every address, at the least: told without looking for them. */
  get leastDynamic(): number {
    return this.#maxDynamic - this.#minDynamic + 1 - this.#reservedCount - (this.#taken?.size ?? 0);
  }

  isFree(hostIp: string, port: number): boolean {
    if (this.#reserved.has(port) || this.#reservedAt.get(hostIp)?.has(port) === true) return false;
    return !(this.#taken?.has(this.#key(hostIp, port)) ?? false);
  }

  take(ports: readonly UsedPort[]): void {
    for (const { hostIp, port } of ports) {
      this.#taken ??= new Map();
      const key = this.#key(hostIp, port);
      this.#taken.set(key, (this.#taken.get(key) ?? 0) + 1);
    }
  }

  release(ports: readonly UsedPort[]): void {
    for (const { hostIp, port } of ports) {
      const key = this.#key(hostIp, port);
      const owners = this.#taken?.get(key) ?? 0;
      if (owners > 1) this.#taken?.set(key, owners - 1);
      else this.#taken?.delete(key);
    }
  }

  /** A number, because this is asked for every port of every placement. */
  #key(hostIp: string, port: number): number {
    let at = this.#known.indexOf(hostIp);
    if (at < 0) at = this.#known.push(hostIp) - 1;
    return at * PORTS + port;
  }

  /** A free dynamic port, searched upwards (and around) from `start` in [0, 1); `also` are taken too. */
  findDynamic(hostIp: string, start: number, also: ReadonlySet<number>): number | undefined {
    const span = this.#maxDynamic - this.#minDynamic + 1;
    const first = Math.floor(start * span);
    for (let step = 0; step < span; step++) {
      const port = this.#minDynamic + ((first + step) % span);
      if (!also.has(port) && this.isFree(hostIp, port)) return port;
    }
    return undefined;
  }
}

function addressesOf(node: Node): Map<string, string> {
  const addresses = new Map<string, string>();
  for (const { Addresses } of node.NodeResources.NodeNetworks) {
    for (const { Alias, Address } of Addresses) {
      if (Alias !== "" && Address !== "" && !addresses.has(Alias)) addresses.set(Alias, Address);
    }
  }
  const fallback = node.NodeResources.Networks[0]?.IP ?? "";
  if (!addresses.has(DEFAULT_NETWORK)) addresses.set(DEFAULT_NETWORK, fallback);
  return addresses;
}
