import type { AgentFacts } from "../nomad-deps.ts";

/** Where other servers reach this one: `host:port`, with brackets around IPv6 (RFC 3986 section 3.2.2). */
export function rpcAddressOf({ rpcAddress: { host, port } }: AgentFacts): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
