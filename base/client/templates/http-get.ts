import * as v from "valibot";
import type { HttpClient } from "#base/env/http-client.ts";
import { ApiCaller } from "../api-caller.ts";
import type { BlockingGet } from "./watch.ts";

export interface HttpGetOptions {
  readonly http: HttpClient;
  /** `http://127.0.0.1:8500`; its host only fills the Host header when there is a socket. */
  readonly address: string;
  readonly socketPath: string | undefined;
  /** Empty: none is sent. */
  readonly token: string;
}

/** Beyond the query's own wait and its jitter, the answer is late: the connection is given up. */
const GRACE_MS = 10_000;

/** Blocking queries over Consul's HTTP API (https://developer.hashicorp.com/consul/api-docs/features/blocking). */
export function httpGet({ http, address, socketPath, token }: HttpGetOptions): BlockingGet {
  const api = new ApiCaller("consul", { http, address: { origin: address, socketPath }, token });
  return async ({ path, index, waitMs, signal }) => {
    const answer = await api.call({ path, block: { index, waitMs }, signal, timeoutMs: GRACE_MS, schema: v.unknown() });
    if (answer.ok) return answer.value;
    if (answer.error.code === "missing") return { index: answer.error.index, value: undefined };
    throw new Error(answer.error.message);
  };
}
