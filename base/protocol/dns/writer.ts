import { assert } from "#base/env/assert.ts";
import { ipv4Bytes, ipv6Bytes } from "./address.ts";
import { isName } from "./name.ts";
import { HEADER_BYTES } from "./message.ts";
import { TYPE, typeOf, type Question, type RecordData, type ResourceRecord } from "./record.ts";

/** The longest message TCP's length prefix can announce. */
export const MAX_MESSAGE_BYTES = 65_535;
/** Compression pointers hold 14 bits. */
const MAX_POINTER = 0x3fff;

export interface MessageHead {
  readonly id: number;
  readonly flags: number;
}

/**
 * Writes one message at a time into a buffer it keeps. Names are compressed, case preserved. `mark` and `rewind` go back to
 * a record boundary, which is how an answer is cut to size.
 */
export class MessageWriter {
  readonly #bytes = new Uint8Array(MAX_MESSAGE_BYTES + 1);
  /** Name suffixes in this message and where they begin. */
  readonly #suffixes = new Map<string, number>();
  /** The echoed question's name, at the message's first name. Most records have it too. */
  #asked: readonly string[] | undefined;
  #areAskedFiled = true;
  #at = HEADER_BYTES;
  #counts: [number, number, number, number] = [0, 0, 0, 0];

  /** Bytes so far. */
  get size(): number {
    return this.#at;
  }

  start(head: MessageHead): void {
    this.#suffixes.clear();
    this.#asked = undefined;
    this.#areAskedFiled = true;
    this.#counts = [0, 0, 0, 0];
    this.#at = 0;
    this.#word(head.id);
    this.#word(head.flags);
    this.#at = HEADER_BYTES;
  }

  /** The question exactly as it came (letter case is a nonce to some resolvers); `name` is what the bytes say. */
  echoQuestion(raw: Uint8Array, name: readonly string[]): void {
    this.#copy(raw);
    this.#counts[0] += 1;
    this.#asked = name;
    this.#areAskedFiled = name.length === 0;
  }

  question({ name, type, class: klass }: Question): void {
    this.#name(name);
    this.#word(type);
    this.#word(klass);
    this.#counts[0] += 1;
  }

  /**
   * Section 1: answers, 2: authorities, 3: additionals, in that order. False, and nothing written, when the message would
   * become longer than {@link MAX_MESSAGE_BYTES}.
   */
  record(section: 1 | 2 | 3, record: ResourceRecord): boolean {
    const before = this.mark();
    this.#name(record.name);
    this.#word(typeOf(record.data));
    this.#word(record.class);
    this.#long(record.ttl);
    const lengthAt = this.#at;
    this.#word(0);
    this.#data(record.data);
    const end = this.#at;
    this.#at = lengthAt;
    this.#word(end - lengthAt - 2);
    this.#at = end;
    if (end > MAX_MESSAGE_BYTES) {
      this.rewind(before);
      return false;
    }
    this.#counts[section] += 1;
    return true;
  }

  /** An OPT record that says how much we take over UDP (RFC 6891 §6.1.2). */
  edns(options: { readonly udpSize: number; readonly extendedRcode: number; readonly dnssecOk: boolean }): void {
    this.#byte(0);
    this.#word(TYPE.OPT);
    this.#word(options.udpSize);
    this.#long(options.extendedRcode * 0x1000000 + (options.dnssecOk ? 0x8000 : 0));
    this.#word(0);
    this.#counts[3] += 1;
  }

  mark(): Mark {
    return { at: this.#at, counts: [...this.#counts] };
  }

  rewind(mark: Mark): void {
    this.#at = mark.at;
    this.#counts = [...mark.counts];
    for (const [suffix, offset] of this.#suffixes) if (offset >= mark.at) this.#suffixes.delete(suffix);
  }

  /** The message, with these bits set in its flags. A view of the writer's own buffer: copy it before the next `start`. */
  finish(extraFlags = 0): Uint8Array {
    const end = this.#at;
    assert(end <= MAX_MESSAGE_BYTES, `a DNS message of ${end} bytes is too long`);
    this.#bytes[2] = (this.#bytes[2] ?? 0) | (extraFlags >> 8);
    this.#bytes[3] = (this.#bytes[3] ?? 0) | (extraFlags & 255);
    this.#at = 4;
    for (const count of this.#counts) this.#word(count);
    this.#at = end;
    return this.#bytes.subarray(0, end);
  }

  #data(data: RecordData): void {
    switch (data.kind) {
      case "A":
        return this.#copy(ipv4Bytes(data.address) ?? [0, 0, 0, 0]);
      case "AAAA":
        return this.#copy(ipv6Bytes(data.address) ?? Array.from({ length: 16 }, () => 0));
      case "NS":
      case "CNAME":
      case "PTR":
        return this.#name(data.target);
      case "TXT":
        for (const text of data.texts) this.#text(text);
        return;
      case "SRV":
        this.#word(data.priority);
        this.#word(data.weight);
        this.#word(data.port);
        // RFC 2782: the target is not compressed.
        return this.#plainName(data.target);
      case "MX":
        this.#word(data.preference);
        return this.#name(data.target);
      case "SOA":
        this.#name(data.primary);
        this.#name(data.mailbox);
        for (const value of [data.serial, data.refresh, data.retry, data.expire, data.minimum]) this.#long(value);
        return;
      case "raw":
        return this.#copy(data.bytes);
      default:
        data satisfies never;
    }
  }

  /** Only answers with other names than the question's need to find its parts. */
  #fileAsked(): void {
    const name = this.#asked ?? [];
    const suffixes = suffixesOf(name);
    let offset = HEADER_BYTES;
    for (const [i, label] of name.entries()) {
      this.#suffixes.set(suffixes[i] ?? "", offset);
      offset += label.length + 1;
    }
    this.#areAskedFiled = true;
  }

  #name(labels: readonly string[]): void {
    if (labels === this.#asked && labels.length > 0) return this.#word(0xc000 | HEADER_BYTES);
    if (!this.#areAskedFiled) this.#fileAsked();
    assert(isName(labels), `not a DNS name: ${labels.join(".")}`);
    const suffixes = suffixesOf(labels);
    for (let i = 0; i < labels.length; i++) {
      const suffix = suffixes[i] ?? "";
      const known = this.#suffixes.get(suffix);
      if (known !== undefined) return this.#word(0xc000 | known);
      if (this.#at <= MAX_POINTER) this.#suffixes.set(suffix, this.#at);
      this.#text(labels[i] ?? "");
    }
    this.#byte(0);
  }

  #plainName(labels: readonly string[]): void {
    assert(isName(labels), `not a DNS name: ${labels.join(".")}`);
    for (const label of labels) this.#text(label);
    this.#byte(0);
  }

  /** A length byte and at most 255 Latin-1 characters. */
  #text(text: string): void {
    const length = Math.min(text.length, 255);
    this.#byte(length);
    for (let i = 0; i < length; i++) this.#byte(text.charCodeAt(i));
  }

  #copy(bytes: ArrayLike<number>): void {
    for (let i = 0; i < bytes.length; i++) this.#byte(bytes[i] ?? 0);
  }

  #byte(value: number): void {
    // Past the end of the buffer nothing is kept; `record` then takes the whole record back.
    this.#bytes[this.#at] = value;
    this.#at += 1;
  }

  #word(value: number): void {
    this.#byte(value >> 8);
    this.#byte(value & 255);
  }

  #long(value: number): void {
    this.#word(Math.floor(value / 65_536) & 0xffff);
    this.#word(value & 0xffff);
  }
}

/** For each label, what identifies the name from there on: its wire form. */
function suffixesOf(labels: readonly string[]): readonly string[] {
  const suffixes: string[] = [];
  let rest = "";
  for (let i = labels.length - 1; i >= 0; i--) {
    const label = labels[i] ?? "";
    rest = String.fromCharCode(label.length) + label + rest;
    suffixes[i] = rest;
  }
  return suffixes;
}

export interface Mark {
  readonly at: number;
  readonly counts: readonly [number, number, number, number];
}
