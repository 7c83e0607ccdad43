import type { HttpClient } from "#base/env/http-client.ts";
import type { BlockingGet } from "./watch.ts";

export interface HttpGetOptions {
  readonly http: HttpClient;
  /** `http://127.0.0.1:8500`; its host only fills the Host header when there is a socket. */
  readonly address: string;
  readonly socketPath: string | undefined;
  /** Empty: none is sent. */
  readonly token: string;
}

/** Beyond the query's own wait and its jitter (a sixteenth), the answer is late: the connection is given up. */
const GRACE_MS = 10_000;

/** Blocking queries over Consul's HTTP API (https://developer.hashicorp.com/consul/api-docs/features/blocking). */
export function httpGet(options: HttpGetOptions): BlockingGet {
  return async ({ path, index, waitMs, signal }) => {
    const query = index === 0 ? "" : `${path.includes("?") ? "&" : "?"}index=${index}&wait=${waitMs}ms`;
    const response = await options.http.request({
      url: `${options.address}${path}${query}`,
      headers: options.token === "" ? {} : { "x-consul-token": options.token },
      timeoutMs: waitMs + waitMs / 16 + GRACE_MS,
      signal,
      ...(options.socketPath === undefined ? {} : { socketPath: options.socketPath }),
    });
    const text = await response.text();
    const seen = Number(response.headers["x-consul-index"] ?? "0");
    if (response.status === 404) return { index: seen, value: undefined };
    if (response.status !== 200)
      throw new Error(`GET ${path} was answered with ${response.status}: ${text.slice(0, 200)}`);
    const value: unknown = JSON.parse(text);
    return { index: seen, value };
  };
}
