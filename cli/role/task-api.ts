import type { ApiAddress } from "#base/client/address.ts";
import { createConsulClient, type ConsulClient } from "#base/client/consul-client.ts";
import { httpGet } from "#base/client/templates/http-get.ts";
import type { BlockingGet } from "#base/client/templates/watch.ts";
import type { Env } from "#base/env/env.ts";

/** The cluster, as a task reaches it: over the socket in its secrets folder, or, started by hand, at this machine's agent. */
export function taskApi(
  env: Env,
  task: Readonly<Record<string, string>>,
): {
  readonly get: BlockingGet;
  readonly consul: ConsulClient;
  readonly address: ApiAddress;
  readonly token: string;
} {
  const secrets = task["NOMAD_SECRETS_DIR"];
  const socketPath = secrets === undefined ? undefined : `${secrets}/api.sock`;
  const address = secrets === undefined ? (task["CONSUL_HTTP_ADDR"] ?? "http://127.0.0.1:8500") : "http://localhost";
  const token = task["NOMAD_TOKEN"] ?? "";
  return {
    address: { origin: address, socketPath },
    token,
    get: httpGet({ http: env.http, address, socketPath, token }),
    consul: createConsulClient({ http: env.http, address: { origin: address, socketPath }, token }),
  };
}
