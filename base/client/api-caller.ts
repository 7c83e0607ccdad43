import * as v from "valibot";
import { messageOf, type Result } from "#base/env/errors.ts";
import { HttpTransportError, type HttpClient, type HttpResponse, type TlsOptions } from "#base/env/http-client.ts";
import { parseWithBigints } from "#base/protocol/json-numbers.ts";
import type { ApiAddress } from "./address.ts";
import { failureCodeOf, type ApiFailure } from "./api-failure.ts";

export interface ApiTarget {
  readonly http: HttpClient;
  readonly address: ApiAddress;
  /** Empty: none is sent. */
  readonly token: string;
  readonly tls?: TlsOptions | undefined;
  /** Sent with every request unless the call names its own, e.g. `namespace`, `region`, `dc`. */
  readonly query?: Query | undefined;
}

export type Query = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

export interface Call<T> {
  readonly method?: "GET" | "PUT" | "POST" | "DELETE";
  /** `/v1/…`, encoded; may hold a query of its own. */
  readonly path: string;
  readonly query?: Query;
  /** Bytes and text are sent as they are, everything else as JSON. */
  readonly body?: unknown;
  readonly schema: v.GenericSchema<unknown, T>;
  /** Keys under which integers are read as bigint. */
  readonly bigintKeys?: readonly string[];
  readonly signal?: AbortSignal | undefined;
  /** Default 60 000. A blocking query adds its own wait. */
  readonly timeoutMs?: number;
  /** Makes a read wait until its index is higher (`index`), for `waitMs`. */
  readonly block?: { readonly index: number; readonly waitMs: number };
}

export interface Answer<T> {
  readonly value: T;
  /** 0 where the endpoint has none. */
  readonly index: number;
  /** Empty on the last page. */
  readonly nextToken: string;
}

export type ApiResult<T> = Result<Answer<T>, ApiFailure>;

export const MAX_ANSWER_BYTES = 256 * 1024 * 1024;
const TIMEOUT_MS = 60_000;
const MAX_ERROR_BYTES = 64 * 1024;

/** One API of an agent, Nomad's or Consul's: requests in, typed answers or failures out. Never throws, never rejects. */
export class ApiCaller {
  readonly #target: ApiTarget;
  readonly #headers: { readonly token: string; readonly index: string; readonly nextToken: string };

  constructor(api: "nomad" | "consul", target: ApiTarget) {
    this.#target = target;
    this.#headers = { token: `x-${api}-token`, index: `x-${api}-index`, nextToken: `x-${api}-nexttoken` };
  }

  async call<T>(call: Call<T>): Promise<ApiResult<T>> {
    const response = await this.#send(call);
    if (!response.ok) return response;
    const index = this.#indexOf(response.value);
    const fail = (message: string): ApiResult<T> => failed("unexpected", message, { status: 200, index });
    try {
      const text = await response.value.text(MAX_ANSWER_BYTES);
      const raw: unknown =
        text === ""
          ? undefined
          : call.bigintKeys === undefined
            ? JSON.parse(text)
            : parseWithBigints(text, call.bigintKeys);
      const parsed = v.safeParse(call.schema, raw);
      if (!parsed.success) return fail(`${call.path} was answered with another shape: ${problemOf(parsed.issues)}`);
      const nextToken = response.value.headers[this.#headers.nextToken] ?? "";
      return { ok: true, value: { value: parsed.output, index, nextToken } };
    } catch (thrown) {
      return fail(`${call.path} was answered with something else than JSON: ${messageOf(thrown)}`);
    }
  }

  /** The body as it comes, for logs and other streams. Reading it rejects when the connection breaks. */
  stream(call: Omit<Call<unknown>, "schema">): Promise<Result<HttpResponse, ApiFailure>> {
    return this.#send({ timeoutMs: 0, ...call, schema: v.unknown() });
  }

  async #send(call: Call<unknown>): Promise<Result<HttpResponse, ApiFailure>> {
    const { http, address, token, tls } = this.#target;
    const { block, body } = call;
    const query = { ...this.#target.query, ...call.query, ...(block === undefined ? {} : blockingQuery(block)) };
    // The server may take its jitter of a sixteenth of the wait.
    const timeoutMs = (call.timeoutMs ?? TIMEOUT_MS) + (block === undefined ? 0 : block.waitMs * (17 / 16));
    const isRaw = typeof body === "string" || body instanceof Uint8Array;
    try {
      const response = await http.request({
        url: `${address.origin}${call.path}${queryText(query, call.path.includes("?"))}`,
        method: call.method ?? "GET",
        headers: {
          ...(token === "" ? {} : { [this.#headers.token]: token }),
          ...(body === undefined || isRaw ? {} : { "content-type": "application/json" }),
          "accept-encoding": "identity",
        },
        timeoutMs: call.timeoutMs === 0 ? 0 : timeoutMs,
        ...(body === undefined ? {} : { body: isRaw ? body : JSON.stringify(body) }),
        ...(address.socketPath === undefined ? {} : { socketPath: address.socketPath }),
        ...(call.signal === undefined ? {} : { signal: call.signal }),
        ...(tls === undefined ? {} : { tls }),
      });
      if (response.status >= 200 && response.status < 300) return { ok: true, value: response };
      return await this.#refusal(call, response);
    } catch (thrown) {
      return transportFailure(thrown, address);
    }
  }

  async #refusal(call: Call<unknown>, response: HttpResponse): Promise<{ ok: false; error: ApiFailure }> {
    const text = (await response.text(MAX_ERROR_BYTES).catch(() => "")).trim();
    const message = text === "" ? `${call.method ?? "GET"} ${call.path} was answered with ${response.status}` : text;
    return failed(failureCodeOf(response.status), message, { status: response.status, index: this.#indexOf(response) });
  }

  #indexOf(response: HttpResponse): number {
    const index = Number(response.headers[this.#headers.index] ?? "0");
    return Number.isFinite(index) ? index : 0;
  }
}

/** Percent-encodes a name for one segment of a path. */
export function segment(name: string): string {
  return encodeURIComponent(name);
}

function blockingQuery({ index, waitMs }: { readonly index: number; readonly waitMs: number }): Query {
  return index <= 0 ? {} : { index, wait: `${Math.round(waitMs)}ms` };
}

/** `?a=1&b=2`, or `&a=1…` behind a query; empty where there is nothing. */
export function queryText(query: Query, isBegun: boolean): string {
  const pairs = Object.entries(query).flatMap(([name, value]) => {
    if (value === undefined || value === false || value === "") return [];
    const values = typeof value === "object" ? value : [String(value)];
    return values.map((one) => `${encodeURIComponent(name)}=${encodeURIComponent(one)}`);
  });
  return pairs.length === 0 ? "" : `${isBegun ? "&" : "?"}${pairs.join("&")}`;
}

function transportFailure(thrown: unknown, address: ApiAddress): { ok: false; error: ApiFailure } {
  const where = address.socketPath ?? address.origin;
  const nothing = { status: 0, index: 0 };
  const code = thrown instanceof HttpTransportError ? thrown.code : "";
  if (code === "ABORTED") return failed("aborted", `the request to ${where} was given up`, nothing);
  if (code === "ETIMEDOUT") return failed("timeout", `no answer from ${where} in time`, nothing);
  return failed("unreachable", `cannot reach an agent at ${where}: ${messageOf(thrown)}`, nothing);
}

function failed(
  code: ApiFailure["code"],
  message: string,
  seen: { readonly status: number; readonly index: number },
): { ok: false; error: ApiFailure } {
  return { ok: false, error: { code, message, ...seen } };
}

function problemOf(issues: readonly v.BaseIssue<unknown>[]): string {
  const [first] = issues;
  return first === undefined ? "unknown" : `${v.getDotPath(first) ?? "the whole"}: ${first.message}`;
}
