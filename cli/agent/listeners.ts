import type { Log } from "#base/env/log.ts";
import type { Exchange } from "#base/http/exchange.ts";
import { listenHttp } from "#base/platform/http-listener.ts";
import type { Lifecycle } from "./lifecycle.ts";

export interface Endpoint {
  readonly name: string;
  /** One address, or several separated by spaces. */
  readonly addresses: string;
  /** 0: switched off. */
  readonly port: number;
  readonly exchange: Exchange;
  readonly maxConnectionsPerClient: number;
  readonly maxBodyBytes: number;
}

/** Binds an API to each of its addresses. Rejects, naming address and setting, when one cannot be had. */
export async function listen(endpoint: Endpoint, lifecycle: Lifecycle, log: Log): Promise<void> {
  if (endpoint.port === 0) return;
  const { name, exchange, maxConnectionsPerClient, maxBodyBytes } = endpoint;
  for (const host of endpoint.addresses.split(/\s+/)) {
    const limits = { maxConnectionsPerClient, maxBodyBytes };
    const listener = await listenHttp({ at: { host, port: endpoint.port }, exchange, log: log.child(name), limits });
    lifecycle.add(`the ${name} API`, () => listener.close());
    if (!isLoopback(host))
      log.warn(`the ${name} API can be reached from other machines, and asks nobody who they are`, { host });
  }
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || host.startsWith("127.");
}
