import { crc32 } from "node:zlib";
import { concatBytes, utf8 } from "#base/env/bytes.ts";
import type { Random } from "#base/env/random.ts";
import { NONCE_BYTES, seal, SEAL_OVERHEAD, unseal } from "../security/seal.ts";
import type { Keyring } from "../security/keyring.ts";
import { splitCompound } from "./compound.ts";
import { compressMessage, inflateMessage } from "./compressed.ts";
import { decodeMessage } from "./decode.ts";
import { labelHead, readLabel } from "./label.ts";
import { MAX_DATAGRAM_BYTES, MAX_INFLATED_DATAGRAM, MAX_NESTING } from "./limits.ts";
import { MessageType, NO_BYTES, type Message } from "./message.ts";

export interface WireOptions {
  readonly label: string;
  readonly keyring: Keyring | undefined;
  readonly compress: boolean;
  readonly verifyIncoming: boolean;
  readonly verifyOutgoing: boolean;
  /** Of nonces. */
  readonly random: Random;
}

/** What messages are wrapped in on their way: label( encrypted( CRC( compressed( compound or message )))). */
export class Wire {
  readonly options: WireOptions;
  readonly #head: Uint8Array;
  readonly #bound: Uint8Array;

  constructor(options: WireOptions) {
    this.options = options;
    this.#head = labelHead(options.label);
    this.#bound = utf8(options.label);
  }

  /** Bytes that {@link wrapDatagram} adds at most. */
  get overhead(): number {
    return this.#head.length + (this.#sealingKey() === undefined ? 0 : SEAL_OVERHEAD);
  }

  /** `withCrc`: only peers of protocol 5 and later understand one. */
  wrapDatagram(packet: Uint8Array, withCrc: boolean): Uint8Array {
    let body = this.options.compress ? compressMessage(packet) : packet;
    if (withCrc) body = addCrc(body);
    const key = this.#sealingKey();
    if (key !== undefined) {
      body = seal(body, { key, nonce: this.options.random.bytes(NONCE_BYTES), bound: this.#bound });
    }
    return this.#head.length === 0 ? body : concatBytes([this.#head, body]);
  }

  /** Calls `visit` with every message of a datagram and `drop` with the reason for every one that is none. */
  openDatagram(bytes: Uint8Array, visit: (message: Message) => void, drop: (why: string) => void): void {
    if (bytes.length > MAX_DATAGRAM_BYTES) return drop("datagram too long");
    const labelled = readLabel(bytes);
    if (labelled === undefined) return drop("bad label");
    if (labelled.label !== this.options.label) return drop("foreign label");
    const plain = this.#open(bytes.subarray(labelled.end));
    if (plain === undefined) return drop("cannot be decrypted");
    const body = plain[0] === MessageType.crc ? checkCrc(plain) : plain;
    if (body === undefined) return drop("bad CRC");
    const budget = { bytes: MAX_INFLATED_DATAGRAM, visit, drop };
    unpack(body, budget, 0);
  }

  /** A whole message for a stream, ready to be sent. Only who opened the stream puts the label before it. */
  wrapStream(message: Uint8Array, way: "call" | "reply"): Uint8Array {
    const label = way === "call" ? this.#head : NO_BYTES;
    const body = this.options.compress ? compressMessage(message) : message;
    const key = this.#sealingKey();
    if (key === undefined) return concatBytes([label, body]);
    const head = new Uint8Array(5);
    head[0] = MessageType.encrypt;
    new DataView(head.buffer).setUint32(1, body.length + SEAL_OVERHEAD);
    const bound = concatBytes([head, this.#bound]);
    const sealed = seal(body, { key, nonce: this.options.random.bytes(NONCE_BYTES), bound });
    return concatBytes([label, head, sealed]);
  }

  /** `sealed` follows `head` (type byte and length) on a stream. */
  unsealStream(head: Uint8Array, sealed: Uint8Array): Uint8Array | undefined {
    const keys = this.options.keyring?.keys ?? [];
    return unseal(sealed, { keys, bound: concatBytes([head, this.#bound]) });
  }

  #sealingKey(): Uint8Array | undefined {
    return this.options.verifyOutgoing ? this.options.keyring?.primary : undefined;
  }

  #open(body: Uint8Array): Uint8Array | undefined {
    const { keyring, verifyIncoming } = this.options;
    if (keyring === undefined) return body;
    const plain = unseal(body, { keys: keyring.keys, bound: this.#bound });
    return plain ?? (verifyIncoming ? undefined : body);
  }
}

interface Budget {
  /** Left for what is unpacked from this datagram. */
  bytes: number;
  readonly visit: (message: Message) => void;
  readonly drop: (why: string) => void;
}

function unpack(body: Uint8Array, budget: Budget, depth: number): void {
  if (body.length === 0) return budget.drop("empty message");
  const type = body[0];
  if (type !== MessageType.compound && type !== MessageType.compress) {
    const message = decodeMessage(body);
    if (message.kind === "bad") budget.drop(message.why);
    else budget.visit(message);
    return;
  }
  if (depth >= MAX_NESTING) return budget.drop("nested too deep");
  if (type === MessageType.compound) {
    if (!splitCompound(body, (part) => unpack(part, budget, depth + 1))) budget.drop("compound cut short");
    return;
  }
  const inflated = inflateMessage(body, budget.bytes);
  if (typeof inflated === "string") return budget.drop(inflated);
  budget.bytes -= inflated.length;
  unpack(inflated, budget, depth + 1);
}

const CRC_HEAD_BYTES = 5;

function addCrc(body: Uint8Array): Uint8Array {
  const whole = new Uint8Array(CRC_HEAD_BYTES + body.length);
  whole[0] = MessageType.crc;
  new DataView(whole.buffer).setUint32(1, crc32(body));
  whole.set(body, CRC_HEAD_BYTES);
  return whole;
}

function checkCrc(whole: Uint8Array): Uint8Array | undefined {
  if (whole.length < CRC_HEAD_BYTES) return undefined;
  const body = whole.subarray(CRC_HEAD_BYTES);
  const view = new DataView(whole.buffer, whole.byteOffset, whole.byteLength);
  return view.getUint32(1) === crc32(body) ? body : undefined;
}
