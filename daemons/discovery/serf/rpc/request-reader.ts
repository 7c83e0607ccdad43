import * as v from "valibot";
import { concatBytes } from "#base/env/bytes.ts";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import { decodeValue, type Decoded } from "../wire/decode-value.ts";
import { countField, textField } from "../wire/fields.ts";
import { checked } from "../wire/messages.ts";
import type { WireValue } from "../wire/value.ts";
import { MAX_REQUEST_BYTES } from "./limits.ts";

export interface Request {
  readonly command: string;
  readonly seq: number;
  /** Not looked at yet; null with commands that have none. */
  readonly body: WireValue;
}

const HeaderSchema = v.object({ Command: textField, Seq: countField(Number.MAX_SAFE_INTEGER) });

/** Cuts a stream of bytes into requests: a header, and a body for the commands that have one. */
export class RequestReader {
  readonly #hasBody: (command: string) => boolean;
  #bytes: Uint8Array = new Uint8Array();
  #at = 0;

  constructor(hasBody: (command: string) => boolean) {
    this.#hasBody = hasBody;
  }

  push(data: Uint8Array): void {
    this.#bytes = concatBytes([this.#bytes.subarray(this.#at), data]);
    this.#at = 0;
  }

  /** The next one; undefined when more bytes are needed. Failures end the connection: where the next begins is not known. */
  next(): Result<Request | undefined> {
    const header = this.#value(this.#at);
    if (!header.ok || header.value === undefined) return header.ok ? succeed(undefined) : header;
    const read = checked(HeaderSchema, header.value.value);
    if (!read.ok) return read;
    const { Command: command, Seq: seq } = read.value;
    if (!this.#hasBody(command)) {
      this.#at = header.value.end;
      return succeed({ command, seq, body: null });
    }
    const body = this.#value(header.value.end);
    if (!body.ok || body.value === undefined) return body.ok ? succeed(undefined) : body;
    this.#at = body.value.end;
    return succeed({ command, seq, body: body.value.value });
  }

  #value(at: number): Result<Decoded | undefined> {
    const decoded = decodeValue(this.#bytes, at);
    if (decoded.ok) return decoded;
    if (decoded.error.code !== "WIRE_SHORT") return decoded;
    if (this.#bytes.length - this.#at > MAX_REQUEST_BYTES) return fail("WIRE_BAD", "a request is too long");
    return succeed(undefined);
  }
}
