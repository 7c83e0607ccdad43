import type { Net } from "#base/env/net.ts";
import { reachable } from "#base/env/own-address.ts";
import type { AgentConfig } from "#base/language/agent-config/config.ts";

/** Where an agent listens, and the address others know it by. */
export interface Addresses {
  readonly http: string;
  readonly consul: string;
  readonly dns: string;
  readonly gossip: string;
  /** One IP address. */
  readonly advertise: string;
}

export function addressesOf(config: AgentConfig, net: Net): Addresses {
  const bound = (own: string): string => (own === "" ? config.bindAddress : own);
  const http = bound(config.addresses.http);
  return {
    http,
    consul: bound(config.addresses.consul),
    dns: bound(config.addresses.dns),
    gossip: bound(config.addresses.gossip),
    advertise: advertised(config.advertise.http === "" ? http : hostOf(config.advertise.http), net),
  };
}

/** Where other nodes reach this one's internal API. */
export function internalAddress({
  config,
  addresses,
}: {
  readonly config: AgentConfig;
  readonly addresses: Addresses;
}): string {
  const given = config.advertise.rpc;
  if (/:\d+$/.test(given)) return given;
  const host = given === "" ? addresses.advertise : given;
  return `${host.includes(":") ? `[${host}]` : host}:${config.ports.rpc}`;
}

/**
 * A wildcard address is no place to reach: the first address that leaves the machine is, or loopback where there is none. One that
 * every machine behind an emulator's NAT has is taken where there is no other.
 */
function advertised(host: string, net: Net): string {
  if (!isWildcard(host)) return host;
  const found = net
    .interfaces()
    .filter((one) => !one.internal && !one.address.startsWith("169.254.") && !one.address.startsWith("fe80:"));
  return reachable(found.find((one) => one.family === 4) ?? found[0], found)?.address ?? "127.0.0.1";
}

/** Every address of the machine. */
export function isWildcard(host: string): boolean {
  return host === "0.0.0.0" || host === "::";
}

function hostOf(address: string): string {
  const bracketed = /^\[([^\]]+)\]/.exec(address)?.[1];
  if (bracketed !== undefined) return bracketed;
  return address.split(":").length === 2 ? (address.split(":")[0] ?? "") : address;
}
