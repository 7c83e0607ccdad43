import type { Log } from "#base/env/log.ts";
import type { Exchange } from "#base/http/exchange.ts";
import type { ListenerTls } from "#base/platform/listener-tls.ts";
import { listenHttp, type HttpListener } from "#base/platform/http-listener.ts";
import type { Lifecycle } from "./lifecycle.ts";
import { nameListener } from "./taken-address.ts";

export interface Endpoint {
  readonly name: "nomad" | "consul";
  /** One address, or several separated by spaces. */
  readonly addresses: string;
  /** 0: switched off. */
  readonly port: number;
  readonly exchange: Exchange;
  readonly maxConnectionsPerClient: number;
  readonly maxBodyBytes: number;
  /** Whether access is controlled. */
  readonly asksWho: boolean;
  /** Undefined: plain HTTP. */
  readonly tls?: ListenerTls | undefined;
}

const API_NAMES = { nomad: "Nomad", consul: "Consul" } as const;

/** Binds an API to each of its addresses. Rejects, naming address and setting, when one cannot be had. */
export async function listen(endpoint: Endpoint, lifecycle: Lifecycle, log: Log): Promise<HttpListener[]> {
  if (endpoint.port === 0) return [];
  const { name, exchange, maxConnectionsPerClient, maxBodyBytes } = endpoint;
  const tls = endpoint.tls === undefined ? {} : { tls: endpoint.tls };
  const listeners: HttpListener[] = [];
  for (const host of endpoint.addresses.split(/\s+/)) {
    const limits = { maxConnectionsPerClient, maxBodyBytes };
    const at = { host, port: endpoint.port };
    const listener = await listenHttp({ at, exchange, log: log.child(name), limits, ...tls }).catch(
      (thrown: unknown) => {
        throw nameListener(thrown, { name: `${API_NAMES[name]} API`, port: name === "nomad" ? "http" : name });
      },
    );
    lifecycle.add(`the ${name} API`, () => listener.close());
    listeners.push(listener);
    if (!isLoopback(host) && !endpoint.asksWho && endpoint.tls?.clientCa === undefined)
      log.warn(`the ${API_NAMES[name]} API can be reached from other machines, and asks nobody who they are`, { host });
  }
  return listeners;
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || host.startsWith("127.");
}
