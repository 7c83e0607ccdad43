import { existsSync } from "node:fs";
import type { Exchange } from "#base/http/exchange.ts";
import { defaultAgentConfig, type AgentConfig } from "#base/language/agent-config/config.ts";
import { listenHttp, type HttpListener } from "#base/platform/http-listener.ts";
import type { SystemEnv } from "#base/platform/create-env.ts";
import { addressesOf } from "../../agent/addresses.ts";
import { apiTls } from "../../agent/api-tls.ts";
import { loadConfig } from "../../agent/load-config.ts";

/** A page for a few people, open to everybody. */
const LIMITS = {
  maxConnections: 64,
  maxConnectionsPerClient: 16,
  maxHeaderBytes: 8192,
  headersTimeoutMs: 5000,
  requestTimeoutMs: 10_000,
  keepAliveMs: 5000,
  writeStallMs: 10_000,
};
/** The agent wants the port. */
const CLOSE_MS = 500;
/** A member's configuration as `lares init` and `lares join` write it. */
const USUAL = { dataDir: "/var/lib/lares", bindAddress: "0.0.0.0", client: { enabled: true } };

/**
 * Listens where the agent's API will, with the agent's certificate where the configuration names one.
 * @param path the agent's configuration
 * @returns what ends it: the port is free then. Rejects where the port or the certificate cannot be had.
 */
export async function serveWaiting(env: SystemEnv, path: string, exchange: Exchange): Promise<() => Promise<void>> {
  const config = configOf(path);
  const listeners: HttpListener[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(listeners.splice(0).map((listener) => listener.close(CLOSE_MS)));
  };
  if (config.ports.http === 0) return close;
  const tls = await apiTls(env.disk, config, undefined);
  try {
    for (const host of addressesOf(config, env.net).http.split(/\s+/)) {
      const at = { host, port: config.ports.http };
      const more = tls === undefined ? {} : { tls };
      listeners.push(await listenHttp({ at, exchange, log: env.log.child("waiting"), limits: LIMITS, ...more }));
    }
  } catch (thrown) {
    await close();
    throw thrown;
  }
  return close;
}

/** What is wrong with it the agent tells, who may read it. */
function configOf(path: string): AgentConfig {
  const flags = {
    on: () => false,
    value: () => undefined,
    values: (name: string) => (name === "config" ? [path] : []),
  };
  try {
    if (existsSync(path)) return loadConfig(flags, USUAL);
  } catch {
    // As where there is none.
  }
  return { ...defaultAgentConfig(), bindAddress: USUAL.bindAddress };
}
