import { createDecipheriv, timingSafeEqual } from "node:crypto";
import { gunzipSync } from "node:zlib";
import * as v from "valibot";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import { ROOT } from "#base/protocol/keys.ts";
import {
  FORMAT,
  HASH_BYTES,
  MAGIC,
  MAX_UNPACKED_BYTES,
  newHash,
  NONCE_BYTES,
  SALT_BYTES,
  SnapshotHeaderSchema,
  snapshotKey,
  TAG_BYTES,
  type SnapshotHeader,
} from "./format.ts";

export interface Snapshot {
  readonly header: SnapshotHeader;
  /** Value by key. */
  readonly records: ReadonlyMap<string, string>;
}

const LINE_FEED = 10;
const MAX_HEADER_BYTES = 4096;
const LineSchema = v.union([v.tuple([v.string(), v.string()]), v.object({ records: v.number() })]);

/**
 * Fails with `no_snapshot` (something else), `newer` (of a later format), `cut` (damaged or incomplete), `encrypted` (a passphrase is needed) or
 * `wrong_key`; believes nothing before all of it is authenticated.
 */
export function readSnapshot(bytes: Uint8Array, passphrase: string): Result<Snapshot> {
  const head = readHead(bytes);
  if (!head.ok) return head;
  const payload = open(bytes, { ...head.value, passphrase });
  if (!payload.ok) return payload;
  const text = unpack(payload.value);
  if (!text.ok) return text;
  const records = readRecords(text.value);
  return records.ok ? succeed({ header: head.value.header, records: records.value }) : records;
}

interface Head {
  readonly header: SnapshotHeader;
  /** Where the payload begins. */
  readonly end: number;
}

function readHead(bytes: Uint8Array): Result<Head> {
  const magic = new TextDecoder().decode(bytes.subarray(0, MAGIC.length));
  const newer = /^lares snapshot (\d+)\n/.exec(magic)?.[1];
  if (magic !== MAGIC && newer !== undefined) {
    const hint = "restore it with the version of lares that made it";
    return fail("newer", `the snapshot is of format ${newer}, this program reads format ${FORMAT}`, hint);
  }
  if (magic !== MAGIC) {
    const hint = "give a file that GET /v1/operator/snapshot wrote, of this version of the format";
    return fail("no_snapshot", "this is not a snapshot of Lares", hint);
  }
  const end = bytes.subarray(0, MAX_HEADER_BYTES).indexOf(LINE_FEED, MAGIC.length) + 1;
  if (end === 0) return fail("cut", "the snapshot ends in its header");
  try {
    const text = new TextDecoder().decode(bytes.subarray(MAGIC.length, end));
    return succeed({ header: v.parse(SnapshotHeaderSchema, JSON.parse(text)), end });
  } catch {
    return fail("cut", "the snapshot's header is damaged");
  }
}

/** The payload, once it is known to be what was written. */
function open(
  bytes: Uint8Array,
  { header, end, passphrase }: Head & { readonly passphrase: string },
): Result<Uint8Array> {
  const { encryption } = header;
  const trailer = encryption === null ? HASH_BYTES : TAG_BYTES;
  if (bytes.length < end + trailer) return fail("cut", "the snapshot is cut short");
  const payload = bytes.subarray(end, bytes.length - trailer);
  const sum = bytes.subarray(bytes.length - trailer);
  if (encryption === null) {
    const wanted = newHash()
      .update(bytes.subarray(0, bytes.length - trailer))
      .digest();
    return timingSafeEqual(wanted, sum) ? succeed(payload) : fail("cut", "the snapshot is damaged or cut short");
  }
  if (passphrase === "") {
    return fail("encrypted", "the snapshot is encrypted", "set server { snapshot_key } to what it was made with");
  }
  const salt = Buffer.from(encryption.salt, "base64");
  const nonce = Buffer.from(encryption.nonce, "base64");
  if (salt.length !== SALT_BYTES || nonce.length !== NONCE_BYTES)
    return fail("cut", "the snapshot's header is damaged");
  try {
    const decipher = createDecipheriv("aes-256-gcm", snapshotKey(passphrase, salt), nonce);
    decipher.setAAD(bytes.subarray(0, end));
    decipher.setAuthTag(sum);
    return succeed(Buffer.concat([decipher.update(payload), decipher.final()]));
  } catch {
    return fail("wrong_key", "the snapshot was made with another key, or is damaged or cut short");
  }
}

function unpack(payload: Uint8Array): Result<string> {
  try {
    return succeed(new TextDecoder().decode(gunzipSync(payload, { maxOutputLength: MAX_UNPACKED_BYTES })));
  } catch {
    return fail("cut", `the snapshot cannot be unpacked, or to more than ${MAX_UNPACKED_BYTES} bytes`);
  }
}

function readRecords(text: string): Result<ReadonlyMap<string, string>> {
  const records = new Map<string, string>();
  let counted: number | undefined;
  try {
    for (const line of text.split("\n")) {
      if (line === "") continue;
      if (counted !== undefined) return fail("cut", "the snapshot goes on behind its end");
      const read = v.parse(LineSchema, JSON.parse(line));
      if (!Array.isArray(read)) {
        counted = read.records;
        continue;
      }
      if (!read[0].startsWith(ROOT))
        return fail("cut", `the snapshot holds the foreign key ${JSON.stringify(read[0])}`);
      records.set(read[0], read[1]);
    }
  } catch {
    return fail("cut", "a record of the snapshot cannot be read");
  }
  if (counted === records.size) return succeed(records);
  return fail("cut", `the snapshot holds ${records.size} records of ${counted ?? "an unknown number"}`);
}
