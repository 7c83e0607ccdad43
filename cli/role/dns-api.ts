import { textOf } from "#base/env/bytes.ts";
import { messageOf } from "#base/env/errors.ts";
import type { Address } from "#base/env/net.ts";
import type { SystemEnv } from "#base/platform/create-env.ts";
import { deriveKey } from "#base/platform/derive-key.ts";
import { listenHttp, type HttpListener } from "#base/platform/http-listener.ts";
import type { ListenerTls } from "#base/platform/listener-tls.ts";
import { openSqlFile } from "#base/platform/sql-file.ts";
import type { HouseLeases } from "#daemons/dns/http/api-deps.ts";
import type { Dns } from "#daemons/dns/create-dns.ts";
import { Gate } from "#daemons/dns/http/gate.ts";
import { createPiholeExchange } from "#daemons/dns/http/pihole-exchange.ts";
import { piholeRoutes } from "#daemons/dns/http/pihole-routes.ts";
import { Sessions } from "#daemons/dns/http/sessions.ts";
import type { SettingsStore } from "#daemons/dns/settings/settings-store.ts";
import { readPlace } from "#daemons/dns/upstream/server-address.ts";
import { VERSION } from "../version.ts";
import type { Queries } from "./dns-queries.ts";
import { machineFacts } from "./machine-facts.ts";

const DEFAULT_PORT = 8053;

export interface DnsApiOptions {
  readonly settings: SettingsStore;
  readonly queries: Queries;
  readonly dns: Dns;
  /** Undefined: there is no cluster. */
  readonly leases: HouseLeases | undefined;
  readonly folder: string;
  /** `host:port`, besides those in the settings. */
  readonly addresses: readonly string[];
}

async function readTls(
  { disk }: Pick<SystemEnv, "disk">,
  { certFile, keyFile }: { readonly certFile: string; readonly keyFile: string },
): Promise<ListenerTls> {
  const read = (path: string): Promise<Uint8Array | undefined> =>
    path === "" ? Promise.resolve(undefined) : disk.read(path);
  const [cert, key] = [await read(certFile), await read(keyFile)];
  if (cert === undefined || key === undefined)
    throw new Error("listen.certFile and listen.keyFile name no readable files");
  return { cert: textOf(cert), key: textOf(key) };
}

export interface DnsApi {
  readonly addresses: readonly Address[];
  close(): Promise<void>;
}

/** The HTTP API. An address that cannot be listened on costs the API there, never the DNS server. */
export async function openDnsApi(env: SystemEnv, options: DnsApiOptions): Promise<DnsApi> {
  const { settings, queries, dns, leases, folder, addresses } = options;
  const sessions = new Sessions(env.clock, env.random);
  const routes = piholeRoutes({
    env,
    settings,
    log: queries.log,
    statistics: queries.statistics,
    counts: () => queries.counts(),
    dns,
    leases,
    sessions,
    deriveKey,
    openSql: openSqlFile,
    folder,
    version: VERSION,
    machine: () => machineFacts(env),
    logLines: () => env.logHub.recent().map(({ timeMs, level, message }) => ({ timeMs, level, message })),
  });
  const exchange = createPiholeExchange({ env, routes, gate: new Gate(settings, sessions) });
  const { api, listen } = settings.current;
  const listeners: HttpListener[] = [];
  const open = async (text: string, tls: () => Promise<ListenerTls | undefined>): Promise<void> => {
    const at = readPlace(text, DEFAULT_PORT);
    try {
      if (at === undefined) throw new Error("expected HOST:PORT");
      const secured = await tls();
      listeners.push(
        await listenHttp({ at, exchange, log: env.log, ...(secured === undefined ? {} : { tls: secured }) }),
      );
    } catch (thrown) {
      env.log.error(`the DNS API is not served at ${text}: ${messageOf(thrown)}`);
    }
  };
  for (const text of new Set([...api.addresses, ...addresses])) await open(text, () => Promise.resolve(undefined));
  for (const text of new Set(api.https)) await open(text, () => readTls(env, listen));
  return {
    addresses: listeners.map((listener) => listener.address),
    close: async () => {
      await Promise.all(listeners.map((listener) => listener.close()));
    },
  };
}
