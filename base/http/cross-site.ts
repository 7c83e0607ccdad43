import type { ExchangeRequest } from "./exchange.ts";

const SAFE_METHODS: readonly string[] = ["GET", "HEAD", "OPTIONS", "LIST"];

/**
 * True for a write that a page of another site makes through its visitor's browser: an agent on loopback needs no token,
 * so nothing else would stop it. Programs send no `Origin`; our own pages send one that equals `Host` (RFC 6454 section 7).
 */
export function isForeignWrite(
  request: Pick<ExchangeRequest, "method" | "headers">,
  allowed: readonly string[],
): boolean {
  if (SAFE_METHODS.includes(request.method)) return false;
  const origin = request.headers["origin"];
  if (origin === undefined) return request.headers["sec-fetch-site"] === "cross-site";
  if (allowed.includes(origin) || allowed.includes("*")) return false;
  return origin.replace(/^https?:\/\//i, "").toLowerCase() !== request.headers["host"]?.toLowerCase();
}
