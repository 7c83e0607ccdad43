import { HEADER_BYTES, opcodeOf, readHeader, readQuery, type Query } from "#base/protocol/dns/message.ts";
import { CLASS, FLAG, RCODE, TYPE } from "#base/protocol/dns/record.ts";
import { MAX_MESSAGE_BYTES, MessageWriter } from "#base/protocol/dns/writer.ts";
import type { DnsConfig } from "../config.ts";
import { AnswerCache } from "./answer-cache.ts";
import type { Zone, ZoneAnswer } from "./zone.ts";

export type Transport = "udp" | "tcp";

/** What happens to a packet: a reply, nothing at all, or a question for somebody else. */
export type Response =
  | { readonly kind: "reply"; readonly bytes: Uint8Array }
  | { readonly kind: "drop" }
  | { readonly kind: "forward"; readonly query: Query };

/** Without EDNS (RFC 1035 §4.2.1). */
const PLAIN_UDP_BYTES = 512;
/** The most a UDP reply holds whatever the client offers: larger ones make good weapons for reflection and fragment anyway. */
const MAX_UDP_BYTES = 4096;
const UDP_ANSWER_LIMIT = 3;
const MAX_UDP_ANSWER_LIMIT = 8;

/** Questions to answers, bytes to bytes, without any I/O. */
export class Responder {
  readonly #zone: Zone;
  readonly #dns: DnsConfig;
  readonly #forwards: boolean;
  readonly #cache: AnswerCache;
  readonly #writer = new MessageWriter();

  constructor(zone: Zone, dns: DnsConfig) {
    this.#zone = zone;
    this.#cache = new AnswerCache(() => zone.version);
    this.#dns = dns;
    this.#forwards = (dns.recursors ?? []).length > 0;
  }

  respond(packet: Uint8Array, transport: Transport): Response {
    if (transport === "udp") {
      const known = this.#cache.find(packet);
      if (known !== undefined) return { kind: "reply", bytes: known };
    }
    const header = readHeader(packet);
    // Answering answers would let two servers shout at each other for ever.
    if (header === undefined || (header.flags & FLAG.QR) !== 0) return { kind: "drop" };
    if (opcodeOf(header) !== 0) return this.#bare(header.id, header.flags, RCODE.NOTIMP);
    const query = readQuery(packet);
    if (query === undefined) return this.#bare(header.id, header.flags, RCODE.FORMERR);
    if (query.edns !== undefined && query.edns.version !== 0) return this.#error(packet, query, RCODE.BADVERS);
    const { type, class: klass } = query.question;
    if (type === TYPE.AXFR || type === TYPE.IXFR || type === TYPE.OPT) return this.#error(packet, query, RCODE.REFUSED);
    if (klass !== CLASS.IN && klass !== CLASS.ANY) return this.#error(packet, query, RCODE.REFUSED);
    const answer = this.#zone.answer(query.question);
    if (answer !== undefined) {
      const bytes = this.#fit(packet, query, { answer, transport });
      // The serial of an SOA is the time, and names that do not exist are without number.
      const isLasting = answer.authority === undefined && type !== TYPE.SOA && type !== TYPE.ANY;
      if (isLasting && transport === "udp") this.#cache.keep(packet, bytes, answer.answers.length);
      return { kind: "reply", bytes };
    }
    if (this.#forwards && (header.flags & FLAG.RD) !== 0) return { kind: "forward", query };
    return this.#error(packet, query, RCODE.REFUSED);
  }

  /** A reply without records to a question that was read. */
  failure(packet: Uint8Array, query: Query, rcode: number): Uint8Array {
    this.#head(packet, query, rcode);
    this.#edns(query, rcode);
    return copied(this.#writer.finish());
  }

  #error(packet: Uint8Array, query: Query, rcode: number): Response {
    return { kind: "reply", bytes: this.failure(packet, query, rcode) };
  }

  /** Not even the question could be read. */
  #bare(id: number, flags: number, rcode: number): Response {
    this.#writer.start({ id, flags: FLAG.QR | (flags & (0x7800 | FLAG.RD)) | rcode });
    return { kind: "reply", bytes: copied(this.#writer.finish()) };
  }

  #fit(
    packet: Uint8Array,
    query: Query,
    { answer, transport }: { answer: ZoneAnswer; transport: Transport },
  ): Uint8Array {
    const limit = transport === "tcp" ? MAX_MESSAGE_BYTES : udpLimit(query);
    const offered =
      transport === "udp" && query.edns === undefined ? this.#plainUdp(answer, query.question.type) : answer;
    const all = offered.answers.length;
    let count = all;
    if (!this.#write(packet, query, { answer: offered, count, limit })) {
      // The most answers that fit, by bisection: their additionals come and go with them.
      let [fits, tooMany] = [0, all];
      while (tooMany - fits > 1) {
        const middle = (fits + tooMany) >> 1;
        if (this.#write(packet, query, { answer: offered, count: middle, limit })) fits = middle;
        else tooMany = middle;
      }
      count = fits;
      this.#write(packet, query, { answer: offered, count, limit });
    }
    const cut = count < answer.answers.length;
    const tells = this.#dns.enableTruncate === true || count === 0;
    return copied(this.#writer.finish(cut && tells && transport === "udp" ? FLAG.TC : 0));
  }

  #plainUdp(answer: ZoneAnswer, type: number): ZoneAnswer {
    const limit = Math.min(this.#dns.udpAnswerLimit ?? UDP_ANSWER_LIMIT, MAX_UDP_ANSWER_LIMIT);
    const limited = type === TYPE.A || type === TYPE.AAAA || type === TYPE.ANY || type === TYPE.SRV;
    if (!limited || limit <= 0 || answer.answers.length <= limit) return answer;
    return { ...answer, answers: answer.answers.slice(0, limit) };
  }

  /** Whether the message with the first `count` answers fits; it is in the writer either way. */
  #write(
    packet: Uint8Array,
    query: Query,
    { answer, count, limit }: { readonly answer: ZoneAnswer; readonly count: number; readonly limit: number },
  ): boolean {
    const writer = this.#writer;
    this.#head(packet, query, RCODE[answer.rcode] | FLAG.AA);
    let fits = true;
    for (const record of answer.answers.slice(0, count)) fits = writer.record(1, record) && fits;
    if (answer.authority !== undefined) writer.record(2, answer.authority);
    const seen = new Set<string>();
    for (const records of answer.extras.slice(0, count)) {
      for (const record of records) {
        const key = `${record.name.join(".")} ${JSON.stringify(record.data)}`;
        if (seen.has(key)) continue;
        seen.add(key);
        fits = writer.record(3, record) && fits;
      }
    }
    this.#edns(query, 0);
    return fits && writer.size <= limit;
  }

  #head(packet: Uint8Array, query: Query, bits: number): void {
    const { id, flags } = query.header;
    const recursion = this.#forwards ? FLAG.RA : 0;
    this.#writer.start({ id, flags: FLAG.QR | (flags & (FLAG.RD | FLAG.CD)) | recursion | (bits & ~0xf0) });
    this.#writer.echoQuestion(packet.subarray(HEADER_BYTES, query.questionEnd), query.question.name);
  }

  #edns(query: Query, rcode: number): void {
    if (query.edns === undefined) return;
    const udpSize = Math.min(Math.max(query.edns.udpSize, PLAIN_UDP_BYTES), MAX_UDP_BYTES);
    this.#writer.edns({ udpSize, extendedRcode: rcode >> 4, dnssecOk: false });
  }
}

/** Into a slab that many small messages share: cheaper than memory of its own for each. */
function copied(bytes: Uint8Array): Uint8Array {
  return Buffer.from(bytes);
}

function udpLimit({ edns }: Query): number {
  if (edns === undefined) return PLAIN_UDP_BYTES;
  return Math.min(Math.max(edns.udpSize, PLAIN_UDP_BYTES), MAX_UDP_BYTES);
}
