import { sign, verify, type KeyObject } from "node:crypto";
import * as v from "valibot";
import { textOf, utf8 } from "#base/env/bytes.ts";

/** Longest token that is looked at, in characters. */
export const MAX_JWT_LENGTH = 16 * 1024;

const HeaderSchema = v.object({ alg: v.string(), kid: v.nullish(v.string(), ""), crit: v.optional(v.unknown()) });
export type JwsHeader = v.InferOutput<typeof HeaderSchema>;

/** What this program itself signs with. */
export type JwsAlgorithm = "EdDSA" | "RS256";
const DIGESTS = { EdDSA: null, RS256: "RSA-SHA256" } as const;

export interface JwsKey {
  readonly kid: string;
  readonly alg: JwsAlgorithm;
  readonly key: KeyObject;
}

/** A JWT in compact form (RFC 7515 section 7.1). */
export function signJwt(claims: Readonly<Record<string, unknown>>, { kid, alg, key }: JwsKey): string {
  const head = `${encode({ alg, kid, typ: "JWT" })}.${encode(claims)}`;
  return `${head}.${Buffer.from(sign(DIGESTS[alg], utf8(head), key)).toString("base64url")}`;
}

export interface ParsedJwt {
  readonly header: JwsHeader;
  readonly claims: unknown;
  isSignedBy(key: JwsKey): boolean;
}

/** Undefined for whatever has not the form of one. Nothing in it can be trusted before `isSignedBy`. */
export function parseJwt(token: string): ParsedJwt | undefined {
  if (token.length > MAX_JWT_LENGTH) return undefined;
  const [head = "", body = "", signature = "", ...rest] = token.split(".");
  if (rest.length > 0 || !IS_BASE64URL.test(`${head}${body}${signature}`)) return undefined;
  const header = v.safeParse(HeaderSchema, decode(head));
  const claims = decode(body);
  // RFC 7515 section 4.1.11: what is critical and not understood makes it invalid.
  if (!header.success || header.output.crit !== undefined || claims === undefined) return undefined;
  return {
    header: header.output,
    claims,
    isSignedBy: ({ alg, key }) =>
      header.output.alg === alg &&
      verify(DIGESTS[alg], utf8(`${head}.${body}`), key, Buffer.from(signature, "base64url")),
  };
}

const IS_BASE64URL = /^[A-Za-z0-9_-]*$/;

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

function decode(part: string): unknown {
  try {
    const value: unknown = JSON.parse(textOf(Buffer.from(part, "base64url")));
    return value;
  } catch {
    return undefined;
  }
}
