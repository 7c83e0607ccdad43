import type { HttpClient } from "#base/env/http-client.ts";
import { fail, messageOf, succeed, type Result } from "#base/env/errors.ts";

/** Largest answer of an identity provider. */
const MAX_BYTES = 1 << 20;
const TIMEOUT_MS = 10_000;

export interface FetchOptions {
  /** PEM; empty: the system's. */
  readonly ca: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as a form; absent: a GET. */
  readonly form?: Readonly<Record<string, string>>;
}

/** Asks an identity provider. Fails with `provider`. */
export async function fetchJson(
  http: HttpClient,
  url: string,
  { ca, headers, form }: FetchOptions,
): Promise<Result<unknown>> {
  if (!/^https?:\/\//.test(url)) return fail("provider", `${JSON.stringify(url)} is no http or https address`);
  try {
    const response = await http.request({
      url,
      timeoutMs: TIMEOUT_MS,
      headers: {
        accept: "application/json",
        ...(form === undefined ? {} : { "content-type": "application/x-www-form-urlencoded" }),
        ...headers,
      },
      ...(form === undefined ? {} : { method: "POST", body: new URLSearchParams(form).toString() }),
      ...(ca === "" ? {} : { tls: { ca } }),
    });
    const text = await response.text(MAX_BYTES);
    if (response.status !== 200) return fail("provider", `${url} answered ${response.status}`);
    const value: unknown = JSON.parse(text);
    return succeed(value);
  } catch (thrown) {
    return fail("provider", `cannot ask ${url}: ${messageOf(thrown)}`);
  }
}
