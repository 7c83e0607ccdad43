import type { Env } from "#base/env/env.ts";
import { peerOf } from "#daemons/cluster/names.ts";
import type { Exchange, ExchangeRequest, ExchangeResponse } from "#base/http/exchange.ts";
import { listenHttp } from "#base/platform/http-listener.ts";
import { INTERNAL } from "#daemons/cluster/calls.ts";
import { FIRMWARE_PATH, type serveFirmware } from "../firmware/firmware-calls.ts";
import { DISK_PATH, type serveDisks } from "./alloc-disks.ts";
import type { Lifecycle } from "../lifecycle.ts";
import { nameListener } from "../taken-address.ts";
import type { CertificateKeeper } from "./certificate-keeper.ts";

export interface InternalListening {
  readonly env: Env;
  readonly keeper: CertificateKeeper;
  /** One address, or several separated by spaces. */
  readonly addresses: string;
  readonly port: number;
  readonly maxConnectionsPerClient: number;
  readonly handshakeTimeoutMs: number;
  readonly maxBodyBytes: number;
  /** Undefined on nodes that are no servers. */
  readonly internal: Exchange | undefined;
  /** The public APIs, for what other nodes pass on. */
  readonly nomad: Exchange;
  readonly consul: Exchange;
  readonly disks: ReturnType<typeof serveDisks>;
  readonly firmware: ReturnType<typeof serveFirmware>;
}

/** Serves the internal API until the lifecycle ends. Rejects, naming address and setting, when it cannot be had. */
export async function listenInternal(listening: InternalListening, lifecycle: Lifecycle): Promise<void> {
  const { env, keeper, port, maxConnectionsPerClient, maxBodyBytes, handshakeTimeoutMs } = listening;
  for (const host of listening.addresses.split(/\s+/)) {
    const listener = await listenHttp({
      at: { host, port },
      exchange: (request) => answer(listening, request),
      log: env.log.child("internal"),
      limits: { maxConnectionsPerClient, maxBodyBytes, handshakeTimeoutMs },
      tls: keeper.listenerTls(),
    }).catch((thrown: unknown) => {
      throw nameListener(thrown, { name: "internal API", port: "rpc" });
    });
    keeper.onChange(() => listener.renew(keeper.listenerTls()));
    lifecycle.add("the internal API", () => listener.close(INTERNAL_GRACE_MS));
  }
}

/** Long polls end at once, and are asked of another server. */
const INTERNAL_GRACE_MS = 1000;

function answer(
  { internal, nomad, consul, disks, firmware }: InternalListening,
  request: ExchangeRequest,
): Promise<ExchangeResponse> {
  if (request.url.startsWith(`${INTERNAL}/`)) return internal === undefined ? NO_SERVER : internal(request);
  if (peerOf(request.peer) === undefined) return FOREIGN;
  if (request.url.startsWith("/nomad/")) return nomad(below(request, "/nomad"));
  if (request.url.startsWith("/consul/")) return consul(below(request, "/consul"));
  if (request.url.startsWith(DISK_PATH)) return disks(request.url, request.peer);
  if (request.url.startsWith(FIRMWARE_PATH)) return firmware(request);
  return NOTHING;
}

/** A view of it, because requests make what they hold only when asked. */
function below(request: ExchangeRequest, prefix: string): ExchangeRequest {
  return {
    method: request.method,
    url: request.url.slice(prefix.length),
    get headers() {
      return request.headers;
    },
    get body() {
      return request.body;
    },
    get remote() {
      return request.remote;
    },
    get signal() {
      return request.signal;
    },
  };
}

function refusal(status: number, body: string): Promise<ExchangeResponse> {
  return Promise.resolve({ status, headers: { "content-type": "text/plain; charset=utf-8" }, body: `${body}\n` });
}

const NO_SERVER = refusal(404, "this node is no server: join at the address of one");
const FOREIGN = refusal(403, "only nodes of this cluster are answered here");
const NOTHING = refusal(404, "no such thing: the internal API is for nodes of the same version, or the next");
