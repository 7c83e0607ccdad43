import * as v from "valibot";
import type { GoKey, GoValue } from "#base/language/go-template/value.ts";
import { flag, int, struct, text, textList, textMap, texts, time } from "./answer-structs.ts";

/** What Vault answers to a read or a write (https://developer.hashicorp.com/vault/api-docs); `data` keeps whatever shape its engine gives it. */
const SecretSchema = v.object({
  request_id: text,
  lease_id: text,
  /** Seconds. */
  lease_duration: v.nullish(v.number(), 0),
  renewable: flag,
  data: v.nullish(v.record(v.string(), v.unknown())),
  warnings: texts,
  auth: v.nullish(
    v.object({
      client_token: text,
      accessor: text,
      policies: texts,
      metadata: textMap,
      lease_duration: int,
      renewable: flag,
    }),
  ),
  wrap_info: v.nullish(v.object({ token: text, ttl: int, creation_time: time, wrapped_accessor: text })),
});
type Secret = v.InferOutput<typeof SecretSchema>;

/** A secret as templates see it: `.Data`, `.LeaseID`, `.LeaseDuration`, `.Renewable`, `.Warnings`, `.Auth`, `.WrapInfo`. */
function secretValue(secret: Secret): GoValue {
  const { auth, wrap_info: wrap } = secret;
  return struct("*dependency.Secret", {
    RequestID: secret.request_id,
    LeaseID: secret.lease_id,
    LeaseDuration: BigInt(Math.trunc(secret.lease_duration)),
    Renewable: secret.renewable,
    Data: jsonValue(secret.data ?? {}),
    Warnings: textList(secret.warnings),
    Auth: auth
      ? struct("*dependency.SecretAuth", {
          ClientToken: auth.client_token,
          Accessor: auth.accessor,
          Policies: textList(auth.policies),
          Metadata: auth.metadata,
          LeaseDuration: auth.lease_duration,
          Renewable: auth.renewable,
        })
      : null,
    WrapInfo: wrap
      ? struct("*dependency.SecretWrapInfo", {
          Token: wrap.token,
          TTL: wrap.ttl,
          CreationTime: wrap.creation_time,
          WrappedAccessor: wrap.wrapped_accessor,
        })
      : null,
  });
}

/** A certificate with its key and the authorities that vouch for it, all PEM. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
  readonly caChain: readonly string[];
}

export function certificateValue({ cert, key, ca, caChain }: Certificate): GoValue {
  return struct("dependency.PemEncoded", { Cert: cert, Key: key, CA: ca, CAChain: textList(caChain) });
}

/** The keys of a listed path; null when there is nothing there. */
export function readSecretList(body: unknown): GoValue {
  const read = v.parse(v.nullish(v.object({ data: v.nullish(v.object({ keys: texts })) })), body);
  return textList(read?.data?.keys.toSorted() ?? []);
}

/** Numbers of Vault's answers are printed as they were written: whole ones without an exponent. */
function jsonValue(value: unknown): GoValue {
  if (value === null || typeof value === "boolean" || typeof value === "string" || typeof value === "bigint")
    return value;
  if (typeof value === "number") return Number.isSafeInteger(value) ? BigInt(value) : value;
  if (Array.isArray(value)) return value.map(jsonValue);
  if (typeof value !== "object") return null;
  const map = new Map<GoKey, GoValue>();
  for (const [key, item] of Object.entries(value)) map.set(key, jsonValue(item));
  return map;
}

/** An answer to a read or a write, as templates see it. Throws when it has another shape. */
export function readSecret(body: unknown): GoValue {
  return secretValue(v.parse(SecretSchema, body));
}
