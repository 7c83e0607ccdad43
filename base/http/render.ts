import { createHash } from "node:crypto";
import type { Clock } from "#base/env/clock.ts";
import type { ExchangeResponse } from "./exchange.ts";
import { acceptsGzip, gzip, GZIP_FROM_BYTES } from "./gzip.ts";
import type { HttpError } from "./http-error.ts";

export type Headers = Record<string, string>;

export interface RenderOptions {
  readonly status: number;
  readonly headers: Headers;
  /** The request's `Accept-Encoding`. */
  readonly accepts: string | undefined;
  readonly clock: Clock;
}

/** Sixteen hex digits that differ when what would be sent does. */
export function contentHash(value: unknown): string {
  return createHash("sha256").update(jsonText(value, false)).digest("hex").slice(0, 16);
}

/** JSON, indented by four spaces and ended by a newline when `pretty`. */
export function jsonText(value: unknown, pretty: boolean): string {
  const text = JSON.stringify(value, undefined, pretty ? 4 : undefined) ?? "null";
  return pretty ? `${text}\n` : text;
}

/** A whole body, compressed when the client takes that and it is worth it. */
export function renderBody(body: string | Uint8Array, options: RenderOptions): ExchangeResponse {
  const { status, headers, accepts, clock } = options;
  // Two bytes a character is no bound for the UTF-8 size, but a good enough guess of whether to compress.
  if (body.length < GZIP_FROM_BYTES || headers["Content-Encoding"] !== undefined) return { status, headers, body };
  headers["Vary"] = "Accept-Encoding";
  if (!acceptsGzip(accepts)) return { status, headers, body };
  headers["Content-Encoding"] = "gzip";
  const bytes = typeof body === "string" ? Buffer.from(body, "utf8") : body;
  return { status, headers, body: gzip(bytes, () => new Promise((resolve) => clock.soon(resolve))) };
}

/** Plain text, as users of these APIs know it. */
export function renderError(error: HttpError): ExchangeResponse {
  return {
    status: error.status,
    headers: {
      "Content-Type": "text/plain; charset=utf-8",
      "X-Content-Type-Options": "nosniff",
      ...error.headers,
    },
    body: error.message,
  };
}
