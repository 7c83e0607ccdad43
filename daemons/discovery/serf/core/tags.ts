import * as v from "valibot";
import { concatBytes, textOf } from "#base/env/bytes.ts";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import { decodeValue } from "../wire/decode-value.ts";
import { encodeValue } from "../wire/encode-value.ts";
import { textMapField } from "../wire/fields.ts";
import { MAX_TAG_BYTES } from "./limits.ts";

export type Tags = Readonly<Record<string, string>>;

/** Marks a map of tags; metadata without it is the role alone, as protocol 2 had it. */
const TAGS_FOLLOW = 0xff;

/** Tags as a member's metadata. Failure `TAGS_LENGTH`: they are longer than members take. */
export function encodeTags(tags: Tags): Result<Uint8Array> {
  const meta = concatBytes([Uint8Array.of(TAGS_FOLLOW), encodeValue(tags)]);
  if (meta.length <= MAX_TAG_BYTES) return succeed(meta);
  return fail("TAGS_LENGTH", `the tags take ${meta.length} bytes, at most ${MAX_TAG_BYTES} may be`, "use shorter tags");
}

/** Never fails: metadata that cannot be read is no tags. */
export function decodeTags(meta: Uint8Array): Tags {
  if (meta.length === 0) return {};
  if (meta[0] !== TAGS_FOLLOW) return { role: textOf(meta) };
  const decoded = decodeValue(meta, 1);
  if (!decoded.ok) return {};
  const parsed = v.safeParse(textMapField, decoded.value.value);
  return parsed.success ? parsed.output : {};
}
