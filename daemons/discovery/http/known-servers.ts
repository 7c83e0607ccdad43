import type { ConsulDeps } from "./consul-deps.ts";
import { serverAddress } from "./status-routes.ts";

/** A server as the routes about them tell of it. */
export interface KnownServer {
  readonly id: string;
  readonly name: string;
  readonly address: string;
  readonly isLeader: boolean;
  readonly isAlive: boolean;
}

/** All that hold the state: those of the cluster, or this one alone. */
export function knownServers({ config, surroundings: { servers } }: ConsulDeps): readonly KnownServer[] {
  if (servers === undefined) {
    const address = serverAddress(config.advertiseAddr);
    return [{ id: config.nodeId, name: config.nodeName, address, isLeader: true, isAlive: true }];
  }
  return servers.list().map(({ ID, Name, Address }) => ({
    id: ID,
    name: Name,
    address: serverAddress(Address),
    isLeader: ID === servers.leaderId,
    isAlive: servers.isAlive(ID),
  }));
}

/** Whether all is well, and how many servers may be lost while the rest still is a majority. */
export function overallHealth(servers: readonly KnownServer[]): { Healthy: boolean; FailureTolerance: number } {
  const alive = servers.filter(({ isAlive }) => isAlive).length;
  return {
    Healthy: alive === servers.length && servers.some(({ isLeader }) => isLeader),
    FailureTolerance: Math.max(0, alive - (Math.floor(servers.length / 2) + 1)),
  };
}
