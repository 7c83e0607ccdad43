import { latin1 } from "#base/protocol/dns/name.ts";

/** What became of reading a packet. */
export const READ = {
  ok: 0,
  /** Not worth an answer: too short, or itself an answer (RFC 9267 §3, reflection). */
  drop: 1,
  formerr: 2,
  notimp: 3,
  badvers: 4,
} as const;

const HEADER = 12;
const MAX_NAME = 255;
const MAX_LABEL = 63;
const OPT = 41;
const OPTION_COOKIE = 10;
/** Client cookie alone, or with a server cookie (RFC 7873 §4). */
const CLIENT_COOKIE = 8;

/** Lower case of each byte, ASCII only (RFC 4343). */
const LOWER = Uint8Array.from({ length: 256 }, (_, byte) => (byte >= 65 && byte <= 90 ? byte + 32 : byte));

/**
 * A question as the hot path sees it: read once, in place, into memory that is used again for the next one. Names stay
 * bytes: every suffix of the name has its hash, and text is made only when somebody asks.
 */
export class Asked {
  id = 0;
  flags = 0;
  type = 0;
  class = 0;
  /** Behind type and class of the question. */
  questionEnd = HEADER;
  /** Lower-case wire form, the root's zero byte included; `nameLength` bytes count. */
  readonly name = Buffer.alloc(MAX_NAME + 1);
  nameLength = 0;
  labels = 0;
  /** Where label n starts in `name`. */
  readonly starts = new Uint8Array(128);
  /** Hash of the name from label n on; the root, at `labels`, hashes to the seed. */
  readonly hashes = new Int32Array(129);
  hasEdns = false;
  udpSize = 512;
  dnssecOk = false;
  /** Where the cookie option's data is in the packet; 0: none was sent. */
  cookieAt = 0;
  cookieLength = 0;
  readonly #text = Buffer.alloc(MAX_NAME + 1);
  readonly #seed: number;

  /** Everything that compares hashes has to know the seed. */
  constructor(seed: number) {
    this.#seed = seed;
  }

  /** One of {@link READ}. After anything but `ok`, `drop` excepted, id and flags are there. */
  read(packet: Uint8Array): number {
    const size = packet.length;
    if (size < HEADER) return READ.drop;
    this.id = word(packet, 0);
    const flags = word(packet, 2);
    this.flags = flags;
    this.hasEdns = false;
    this.dnssecOk = false;
    this.udpSize = 512;
    this.cookieAt = 0;
    this.questionEnd = HEADER;
    if ((flags & 0x8000) !== 0) return READ.drop;
    if ((flags & 0x7800) !== 0) return READ.notimp;
    // No question is so long that it is cut.
    if ((flags & 0x0200) !== 0) return READ.formerr;
    // RFC 9619: exactly one question; a query carries no records but OPT and a signature.
    if (packet[4] !== 0 || packet[5] !== 1 || word(packet, 6) !== 0 || word(packet, 8) !== 0) return READ.formerr;
    const nameEnd = this.#readName(packet);
    if (nameEnd === 0 || nameEnd + 4 > size) return READ.formerr;
    this.type = word(packet, nameEnd);
    this.class = word(packet, nameEnd + 2);
    this.questionEnd = nameEnd + 4;
    const extras = word(packet, 10);
    if (extras === 0) return this.questionEnd === size ? READ.ok : READ.formerr;
    return this.#readExtras(packet, extras);
  }

  /** The same for a name that came another way; false when it is none. */
  take(name: Uint8Array, type: number): boolean {
    const packet = new Uint8Array(HEADER + name.length);
    packet.set(name, HEADER);
    if (this.#readName(packet) !== packet.length) return false;
    this.type = type;
    return true;
  }

  /** Dotted, lower case; the root is ".". Bytes that are no text are escaped as in zone files. */
  text(): string {
    const { name, nameLength, starts, labels } = this;
    if (labels === 0) return ".";
    const text = this.#text;
    for (let n = 0; n < labels; n++) {
      const from = starts[n] ?? 0;
      const to = from + (name[from] ?? 0);
      text[from] = 46;
      for (let i = from + 1; i <= to; i++) {
        const byte = name[i] ?? 0;
        if (byte <= 32 || byte >= 127 || byte === 46 || byte === 92) return this.#escaped();
        text[i] = byte;
      }
    }
    return text.toString("latin1", 1, nameLength - 1);
  }

  #escaped(): string {
    const parts: string[] = [];
    for (let n = 0; n < this.labels; n++) {
      const from = this.starts[n] ?? 0;
      const label = latin1(this.name, from + 1, from + 1 + (this.name[from] ?? 0));
      parts.push(label.replaceAll(/[^!-~]|[\\.]/g, (c) => `\\${String(c.charCodeAt(0)).padStart(3, "0")}`));
    }
    return parts.join(".");
  }

  /** Where the name ends in the packet; 0 when it is none. A question's name has nothing before it to point at. */
  #readName(packet: Uint8Array): number {
    const { name, starts, hashes } = this;
    let at = HEADER;
    let labels = 0;
    for (;;) {
      const length = packet[at];
      if (length === undefined || length > MAX_LABEL) return 0;
      if (length === 0) break;
      if (at - HEADER + length + 2 > MAX_NAME) return 0;
      starts[labels++] = at - HEADER;
      at += length + 1;
    }
    this.labels = labels;
    this.nameLength = at + 1 - HEADER;
    name[at - HEADER] = 0;
    // From the last label to the first: each suffix's hash is a step on the way.
    let hash = this.#seed;
    hashes[labels] = hash;
    let end = at;
    for (let n = labels - 1; n >= 0; n--) {
      const from = (starts[n] ?? 0) + HEADER;
      for (let i = end - 1; i > from; i--) {
        const byte = LOWER[packet[i] ?? 0] ?? 0;
        name[i - HEADER] = byte;
        hash = Math.imul(hash ^ byte, 0x01000193);
      }
      const length = end - from - 1;
      name[from - HEADER] = length;
      hash = Math.imul(hash ^ length, 0x01000193);
      hashes[n] = hash;
      end = from;
    }
    return at + 1;
  }

  #readExtras(packet: Uint8Array, extras: number): number {
    const size = packet.length;
    let at = this.questionEnd;
    // OPT alone is what every client sends; TSIG may stand behind it (RFC 8945), and is not for us.
    if (extras > 2) return READ.formerr;
    let version = 0;
    for (let n = 0; n < extras; n++) {
      // Only the root's name is possible for OPT; a TSIG key has a name, uncompressed.
      const nameEnd = skipName(packet, at);
      if (nameEnd === 0 || nameEnd + 10 > size) return READ.formerr;
      const end = nameEnd + 10 + word(packet, nameEnd + 8);
      if (end > size) return READ.formerr;
      if (word(packet, nameEnd) === OPT) {
        if (this.hasEdns || nameEnd !== at + 1) return READ.formerr;
        this.hasEdns = true;
        const udpSize = word(packet, nameEnd + 2);
        this.udpSize = udpSize < 512 ? 512 : udpSize;
        version = packet[nameEnd + 5] ?? 0;
        this.dnssecOk = ((packet[nameEnd + 6] ?? 0) & 0x80) !== 0;
        if (end > nameEnd + 10 && !this.#readOptions(packet, nameEnd + 10, end)) return READ.formerr;
      }
      at = end;
    }
    if (at !== size) return READ.formerr;
    return version === 0 ? READ.ok : READ.badvers;
  }

  #readOptions(packet: Uint8Array, from: number, to: number): boolean {
    let at = from;
    while (at < to) {
      if (at + 4 > to) return false;
      const length = word(packet, at + 2);
      if (at + 4 + length > to) return false;
      if (word(packet, at) === OPTION_COOKIE) {
        // RFC 7873 §5.2.2: any other length is malformed.
        if (length !== CLIENT_COOKIE && (length < 16 || length > 40)) return false;
        this.cookieAt = at + 4;
        this.cookieLength = length;
      }
      at += 4 + length;
    }
    return true;
  }
}

/** Behind an uncompressed name; 0 when there is none. */
function skipName(packet: Uint8Array, from: number): number {
  let at = from;
  for (;;) {
    const length = packet[at];
    if (length === undefined || length > MAX_LABEL) return 0;
    if (length === 0) return at + 1;
    at += length + 1;
    if (at - from > MAX_NAME) return 0;
  }
}

function word(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}
