import { messageOf, succeed, type Result } from "#base/env/errors.ts";
import { HttpTransportError, type HttpClient, type HttpResponse, type TlsOptions } from "#base/env/http-client.ts";
import type { ApiAddress } from "../../address.ts";
import type { Query } from "../../api-caller.ts";

export interface HttpApiOptions {
  readonly http: HttpClient;
  readonly address: ApiAddress;
  readonly tls?: TlsOptions | undefined;
  /** Sent with every request: tokens, namespaces, basic authentication. Asked each time, for tokens change. A rejection is a failed request. */
  readonly headers: () => Readonly<Record<string, string>> | Promise<Readonly<Record<string, string>>>;
  /** What people call the server in messages. */
  readonly name: string;
}

export interface ApiRequest {
  readonly method?: "GET" | "PUT" | "POST" | "LIST";
  /** `/v1/…`, encoded. */
  readonly path: string;
  readonly query?: Query;
  readonly body?: unknown;
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
}

export interface ApiAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

export const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
/** A standby sends to the active node; more hops than this are a circle. */
const MAX_REDIRECTS = 3;

/** A server's API: requests in, whatever it answers out. Fails only when no answer came. */
export class HttpApi {
  readonly #options: HttpApiOptions;

  constructor(options: HttpApiOptions) {
    this.#options = options;
  }

  async send(request: ApiRequest): Promise<Result<ApiAnswer>> {
    const { address, name } = this.#options;
    let url = `${address.origin}${request.path}${queryText(request.query ?? {})}`;
    try {
      for (let hop = 0; ; hop++) {
        const response = await this.#once(url, request);
        const { location } = response.headers;
        if (![301, 302, 307, 308].includes(response.status) || location === undefined || hop >= MAX_REDIRECTS)
          return succeed({
            status: response.status,
            headers: response.headers,
            text: await response.text(MAX_ANSWER_BYTES),
          });
        response.abandon();
        url = new URL(location, url).href;
      }
    } catch (thrown) {
      const code = thrown instanceof HttpTransportError ? thrown.code : "unreadable";
      return { ok: false, error: { code, message: `${name} cannot be asked: ${messageOf(thrown)}` } };
    }
  }

  async #once(url: string, { method = "GET", body, signal, timeoutMs }: ApiRequest): Promise<HttpResponse> {
    const { http, address, tls, headers } = this.#options;
    return http.request({
      url,
      method,
      headers: {
        ...(await headers()),
        "accept-encoding": "identity",
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      timeoutMs,
      signal,
      ...(body === undefined
        ? {}
        : { body: typeof body === "string" || body instanceof Uint8Array ? body : JSON.stringify(body) }),
      ...(address.socketPath === undefined ? {} : { socketPath: address.socketPath }),
      ...(tls === undefined ? {} : { tls }),
    });
  }
}

/** `?a=1&b=2`; what is undefined, false or empty is left out. */
function queryText(query: Query): string {
  const pairs = Object.entries(query).flatMap(([name, value]) => {
    if (value === undefined || value === false || value === "") return [];
    const values = typeof value === "object" ? value : [String(value)];
    return values.map((one) => `${encodeURIComponent(name)}=${encodeURIComponent(one)}`);
  });
  return pairs.length === 0 ? "" : `?${pairs.join("&")}`;
}

/** The first lines of an answer that is no success, for people. */
export function refusalOf(name: string, { status, text }: ApiAnswer): string {
  const said = text.trim().slice(0, 500);
  return `${name} answered ${status}${said === "" ? "" : `: ${said}`}`;
}
