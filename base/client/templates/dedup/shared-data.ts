import { deflateSync, inflateSync } from "node:zlib";
import * as v from "valibot";
import { textOf, utf8 } from "#base/env/bytes.ts";

/** The answers of one template, as one instance had them. */
export interface SharedData {
  /** The session of whoever wrote it. */
  readonly leader: string;
  /** There is an answer to everything the template asked for. */
  readonly complete: boolean;
  /** There are more answers than a key can hold: every instance asks. */
  readonly tooLarge: boolean;
  /** Bodies by the keys of dependencies; null: nothing is there. */
  readonly answers: Readonly<Record<string, string | null>>;
}

/** Consul takes transactions of 512 KiB (`limits { txn_max_req_len }`), the value in base64 and the rest included. */
const MAX_BYTES = 380 * 1024;
const MAX_INFLATED_BYTES = 256 * 1024 * 1024;

const SharedSchema = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({
    leader: v.string(),
    complete: v.boolean(),
    tooLarge: v.nullish(v.boolean(), false),
    answers: v.record(v.string(), v.nullable(v.string())),
  }),
);
const PairSchema = v.pipe(v.string(), v.parseJson(), v.array(v.object({ Value: v.nullish(v.string(), "") })));

/** Every instance asks for itself. */
export function nothingShared(leader: string): SharedData {
  return { leader, complete: true, tooLarge: true, answers: {} };
}

export function packShared(data: SharedData): Uint8Array {
  const packed = deflateSync(utf8(JSON.stringify(data)));
  if (packed.length <= MAX_BYTES) return packed;
  return deflateSync(utf8(JSON.stringify(nothingShared(data.leader))));
}

/** Reads Consul's answer for the key. Undefined: it holds nothing yet. Throws when it holds something else. */
export function unpackShared(body: string): SharedData | undefined {
  const value = v.parse(PairSchema, body)[0]?.Value ?? "";
  if (value === "") return undefined;
  const inflated = inflateSync(Buffer.from(value, "base64"), { maxOutputLength: MAX_INFLATED_BYTES });
  return v.parse(SharedSchema, textOf(inflated));
}
