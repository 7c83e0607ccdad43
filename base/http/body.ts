import type * as v from "valibot";
import { parseWithBigints } from "#base/protocol/json-numbers.ts";
import { BodyTooLarge } from "./exchange.ts";
import { HttpError } from "./http-error.ts";
import { parseInput } from "./issues.ts";
import { findJsonProblem } from "./json-position.ts";

/** How a request's body is read. */
export interface BodySpec<B> {
  readonly kind: "json" | "bytes";
  /** For the API document. */
  readonly schema?: v.GenericSchema;
  /** `source` ends with a {@link BodyTooLarge} above the route's limit. Throws an {@link HttpError}. */
  read(source: AsyncIterable<Uint8Array>): Promise<B> | B;
}

export interface JsonBodyOptions {
  /** What an empty body stands for, before the schema. Without it an empty body is an error. */
  readonly whenEmpty?: unknown;
  /** Keys under which integers are read as bigint (unsigned 64-bit fields). */
  readonly bigintKeys?: readonly string[];
}

/** JSON, whatever its content type says: clients of these APIs send none, or a form's. */
export function jsonBody<B>(schema: v.GenericSchema<unknown, B>, options: JsonBodyOptions = {}): BodySpec<B> {
  return {
    kind: "json",
    schema,
    async read(source) {
      const text = new TextDecoder().decode(await collect(source));
      const raw = text.trim() === "" && "whenEmpty" in options ? options.whenEmpty : parseJson(text, options);
      return parseInput(schema, raw, "request body");
    },
  };
}

export function bytesBody(): BodySpec<Uint8Array> {
  return { kind: "bytes", read: collect };
}

/** Passes a body on, up to a limit. A body that says itself that it is larger is refused before a byte is read. */
export async function* limitBody(
  source: AsyncIterable<Uint8Array>,
  limit: { readonly maxBytes: number; readonly declared: string | undefined },
): AsyncGenerator<Uint8Array> {
  if (limit.declared !== undefined && Number(limit.declared) > limit.maxBytes) throw new BodyTooLarge(limit.maxBytes);
  let size = 0;
  for await (const part of source) {
    size += part.length;
    if (size > limit.maxBytes) throw new BodyTooLarge(limit.maxBytes);
    yield part;
  }
}

async function collect(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of source) parts.push(part);
  return parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts);
}

function parseJson(text: string, options: JsonBodyOptions): unknown {
  if (text.trim() === "") throw new HttpError(400, "request body is empty: expected JSON");
  try {
    const parsed: unknown =
      options.bigintKeys === undefined ? JSON.parse(text) : parseWithBigints(text, options.bigintKeys);
    return parsed;
  } catch {
    throw new HttpError(400, `request body is not JSON: ${describeJsonProblem(text)}`);
  }
}

/** Texts larger than this are not searched for their mistake. */
const MAX_SEARCHED_LENGTH = 1024 * 1024;

function describeJsonProblem(text: string): string {
  if (text.length > MAX_SEARCHED_LENGTH) return `the mistake is somewhere in its ${text.length} characters`;
  const { offset, expected } = findJsonProblem(text) ?? { offset: text.length, expected: "JSON" };
  const before = text.slice(0, offset).split("\n");
  const found =
    offset >= text.length ? "the end" : JSON.stringify(/^(?:\w+|.)/su.exec(text.slice(offset, offset + 20))?.[0]);
  return `line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}: expected ${expected}, found ${found}`;
}
