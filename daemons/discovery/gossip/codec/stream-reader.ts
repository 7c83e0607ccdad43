import { inflateMessage } from "./compressed.ts";
import { decodeStreamHead, decodeStreamMessage } from "./decode.ts";
import { ItemScanner } from "./item-scanner.ts";
import { readLabel } from "./label.ts";
import { MAX_STREAM_BYTES } from "./limits.ts";
import { MessageType, type StreamMessage } from "./message.ts";
import type { Wire } from "./wire.ts";

/** What has become of the bytes so far. */
export type StreamProgress =
  | { readonly kind: "more" }
  | { readonly kind: "message"; readonly message: StreamMessage }
  | { readonly kind: "bad"; readonly why: string };

const MORE = { kind: "more" } as const;
const ENCRYPT_HEAD_BYTES = 5;

/** Puts the one message of a stream together: label, then encrypted, compressed or as it is. */
export class StreamReader {
  readonly #wire: Wire;
  /** Room that doubles; `#length` of it is filled. */
  #room = new Uint8Array(1024);
  #length = 0;
  /** Where the message begins, after a label; undefined before that is known. */
  #start: number | undefined;
  #scan: { readonly scanner: ItemScanner; stage: "first" | "members"; tail: number } | undefined;

  /** `way`: a reply comes without the label. */
  constructor(wire: Wire, way: "call" | "reply") {
    this.#wire = wire;
    if (way === "reply") this.#start = 0;
  }

  /** Bytes held. */
  get size(): number {
    return this.#length;
  }

  push(chunk: Uint8Array): StreamProgress {
    if (this.#length + chunk.length > MAX_STREAM_BYTES) return bad("stream too long");
    this.#append(chunk);
    const bytes = this.#room.subarray(0, this.#length);
    if (this.#start === undefined) {
      if (bytes[0] === MessageType.label && bytes.length < 2 + (bytes[1] ?? 255)) return MORE;
      const labelled = readLabel(bytes);
      if (labelled === undefined) return bad("bad label");
      if (labelled.label !== this.#wire.options.label) return bad("foreign label");
      this.#start = labelled.end;
    }
    return this.#readMessage(bytes.subarray(this.#start));
  }

  #readMessage(body: Uint8Array): StreamProgress {
    const { keyring, verifyIncoming } = this.#wire.options;
    if (body.length === 0) return MORE;
    if (body[0] !== MessageType.encrypt) {
      if (keyring !== undefined && verifyIncoming) return bad("not encrypted");
      return this.#readPlain(body);
    }
    if (keyring === undefined) return bad("encrypted, and there is no key");
    if (body.length < ENCRYPT_HEAD_BYTES) return MORE;
    const length = new DataView(body.buffer, body.byteOffset).getUint32(1);
    if (length > MAX_STREAM_BYTES) return bad("stream too long");
    if (body.length < ENCRYPT_HEAD_BYTES + length) return MORE;
    const sealed = body.subarray(ENCRYPT_HEAD_BYTES, ENCRYPT_HEAD_BYTES + length);
    const plain = this.#wire.unsealStream(body.subarray(0, ENCRYPT_HEAD_BYTES), sealed);
    if (plain === undefined) return bad("cannot be decrypted");
    return whole(plain[0] === MessageType.compress ? inflateMessage(plain, MAX_STREAM_BYTES) : plain);
  }

  #readPlain(body: Uint8Array): StreamProgress {
    const scan = (this.#scan ??= { scanner: new ItemScanner(1, 1), stage: "first", tail: 0 });
    const found = scan.scanner.scan(body);
    if (found === "bad") return bad("unknown kind of value");
    if (found === "more") return MORE;
    if (body[0] === MessageType.compress) return whole(inflateMessage(body, MAX_STREAM_BYTES));
    if (scan.stage === "first" && (body[0] === MessageType.pushPull || body[0] === MessageType.user)) {
      const head = decodeStreamHead(body);
      if (head.kind === "bad") return head;
      scan.stage = "members";
      scan.scanner.pending = head.members;
      scan.tail = head.tail;
      return this.#readPlain(body);
    }
    return body.length < scan.scanner.at + scan.tail ? MORE : whole(body);
  }

  #append(chunk: Uint8Array): void {
    const size = this.#length + chunk.length;
    if (size > this.#room.length) {
      const larger = new Uint8Array(Math.min(MAX_STREAM_BYTES, Math.max(size, this.#room.length * 2)));
      larger.set(this.#room.subarray(0, this.#length));
      this.#room = larger;
    }
    this.#room.set(chunk, this.#length);
    this.#length = size;
  }
}

/** A message of which nothing is missing. */
function whole(bytes: Uint8Array | string): StreamProgress {
  if (typeof bytes === "string") return bad(bytes);
  const message = decodeStreamMessage(bytes);
  return message.kind === "bad" ? message : { kind: "message", message };
}

function bad(why: string): { readonly kind: "bad"; readonly why: string } {
  return { kind: "bad", why };
}
