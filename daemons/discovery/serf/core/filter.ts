import { RE2JS } from "re2js";
import * as v from "valibot";
import { concatBytes } from "#base/env/bytes.ts";
import { decodeBody } from "../wire/messages.ts";
import { encodeValue } from "../wire/encode-value.ts";
import { listField, textField } from "../wire/fields.ts";
import type { Tags } from "./tags.ts";

const BY_NODE = 0;
const BY_TAG = 1;
const NodesSchema = listField(textField);
const TagSchema = v.object({ Tag: textField, Expr: textField });

/** Whom a query is for: all that are named (none named: everyone) and whose tags match every expression. */
export interface QueryFilter {
  readonly nodes?: readonly string[];
  /** Tag → regular expression (RE2), found anywhere in the value. */
  readonly tags?: Tags;
}

export function encodeFilters({ nodes = [], tags = {} }: QueryFilter): Uint8Array[] {
  const named = nodes.length === 0 ? [] : [concatBytes([Uint8Array.of(BY_NODE), encodeValue(nodes)])];
  const tagged = Object.entries(tags).map(([Tag, Expr]) =>
    concatBytes([Uint8Array.of(BY_TAG), encodeValue({ Tag, Expr })]),
  );
  return [...named, ...tagged];
}

/** A filter that cannot be read lets nobody pass. */
export function passes(filters: readonly Uint8Array[], me: { readonly name: string; readonly tags: Tags }): boolean {
  return filters.every((filter) => passesOne(filter, me));
}

function passesOne(filter: Uint8Array, { name, tags }: { readonly name: string; readonly tags: Tags }): boolean {
  if (filter[0] === BY_NODE) {
    const nodes = decodeBody(NodesSchema, filter);
    return nodes.ok && nodes.value.includes(name);
  }
  if (filter[0] !== BY_TAG) return false;
  const wanted = decodeBody(TagSchema, filter);
  return (
    wanted.ok && found(wanted.value.Expr, Object.hasOwn(tags, wanted.value.Tag) ? (tags[wanted.value.Tag] ?? "") : "")
  );
}

/** Whether a regular expression of a user is found in `text`; one that is none is found nowhere. */
export function found(expression: string, text: string): boolean {
  try {
    return RE2JS.compile(expression).matcher(text).find();
  } catch {
    return false;
  }
}
