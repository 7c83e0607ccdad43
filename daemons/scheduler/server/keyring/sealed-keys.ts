import type { Random } from "#base/env/random.ts";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import { decodeRow, encodeRow } from "#base/state/codec.ts";
import { rootKeys } from "#base/state/tables.ts";
import { rewrap } from "./key-material.ts";

export interface AdoptOptions {
  /** This cluster's. */
  readonly wrappingKey: Uint8Array;
  /** Of the cluster the record comes from; undefined: not known. */
  readonly theirs: Uint8Array | undefined;
  readonly random: Random;
}

/** The record of a root key, wrapped so that this cluster's servers open it. Fails with `sealed`. */
export function adoptRootKey(value: string, { wrappingKey, theirs, random }: AdoptOptions): Result<string> {
  const read = decodeRow(rootKeys, value);
  if (!read.ok) return read;
  const { KeyID: keyId, Wrapped } = read.value;
  if (rewrap(Wrapped, { wrappingKey, keyId }, { wrappingKey, random }) !== undefined) return succeed(value);
  const adopted =
    theirs === undefined ? undefined : rewrap(Wrapped, { wrappingKey: theirs, keyId }, { wrappingKey, random });
  if (adopted !== undefined) return succeed(encodeRow(rootKeys, { ...read.value, Wrapped: adopted }));
  return fail(
    "sealed",
    `the secrets in the snapshot are sealed with another cluster's key (${keyId})`,
    "stop this server, put that cluster's file keyring/root.key in place of its own, start it and restore again",
  );
}
