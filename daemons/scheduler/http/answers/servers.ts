import { rpcAddressOf } from "./agent.ts";
import type { AgentFacts } from "../nomad-deps.ts";

/** A server as the routes about them tell of it. */
export interface KnownServer {
  /** In the cluster: of its node. */
  readonly nodeId: string;
  /** In the API. */
  readonly id: string;
  readonly address: string;
  readonly version: string;
  readonly isLeader: boolean;
  readonly isAlive: boolean;
  /** Its clock is as good as the leader's. */
  readonly isInTime: boolean;
}

/** All that hold the state: those of the cluster, or this one alone. */
export function serversOf(agent: AgentFacts): readonly KnownServer[] {
  const { servers, region } = agent;
  if (servers === undefined) return [alone(agent)];
  return servers.list().map(({ ID, Name, RPC, Version, ClockAhead }) => ({
    nodeId: ID,
    id: `${Name}.${region}`,
    address: RPC,
    version: Version,
    isLeader: ID === servers.leaderId,
    isAlive: servers.isAlive(ID),
    isInTime: ClockAhead === undefined,
  }));
}

function alone(agent: AgentFacts): KnownServer {
  const id = `${agent.name}.${agent.region}`;
  const well = { isLeader: true, isAlive: true, isInTime: true };
  return { nodeId: "", id, address: rpcAddressOf(agent), version: agent.version, ...well };
}

/** Servers that may be lost while the rest still is a majority. */
export function failureTolerance(servers: readonly KnownServer[]): number {
  const alive = servers.filter(({ isAlive }) => isAlive).length;
  return Math.max(0, alive - (Math.floor(servers.length / 2) + 1));
}
