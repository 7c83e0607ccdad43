import { readName } from "./name.ts";
import { readData } from "./read-data.ts";
import { TYPE, type Question, type ResourceRecord } from "./record.ts";

export const HEADER_BYTES = 12;

export interface Header {
  readonly id: number;
  /** The header's second word: {@link FLAG} bits, opcode, response code. */
  readonly flags: number;
  readonly questions: number;
  readonly answers: number;
  readonly authorities: number;
  readonly additionals: number;
}

/** What an EDNS client says of itself (RFC 6891). */
export interface Edns {
  readonly udpSize: number;
  readonly version: number;
  readonly extendedRcode: number;
  readonly dnssecOk: boolean;
  /** Options, undecoded. */
  readonly options: Uint8Array;
}

export interface Query {
  readonly header: Header;
  readonly question: Question;
  /** Where the question section ends: bytes 12 up to here are echoed as they came. */
  readonly questionEnd: number;
  readonly edns: Edns | undefined;
}

export interface Message {
  readonly header: Header;
  readonly questions: readonly Question[];
  readonly answers: readonly ResourceRecord[];
  readonly authorities: readonly ResourceRecord[];
  readonly additionals: readonly ResourceRecord[];
}

/** Undefined when there are fewer than twelve bytes. */
export function readHeader(bytes: Uint8Array): Header | undefined {
  if (bytes.length < HEADER_BYTES) return undefined;
  return {
    id: word(bytes, 0),
    flags: word(bytes, 2),
    questions: word(bytes, 4),
    answers: word(bytes, 6),
    authorities: word(bytes, 8),
    additionals: word(bytes, 10),
  };
}

export function opcodeOf(header: Header): number {
  return (header.flags >> 11) & 15;
}

/** Records behind the question that a query is searched for its OPT; more is malformed. */
const MAX_QUERY_RECORDS = 16;

/**
 * A query with its one question, and OPT if there is one. Undefined when it is malformed: no or several questions, names or
 * records that leave the message, two OPT records, bytes left over (RFC 9619 for the number of questions).
 */
export function readQuery(bytes: Uint8Array): Query | undefined {
  const header = readHeader(bytes);
  if (header === undefined || header.questions !== 1) return undefined;
  const asked = readQuestion(bytes, HEADER_BYTES);
  if (asked === undefined) return undefined;
  const records = header.answers + header.authorities + header.additionals;
  if (records > MAX_QUERY_RECORDS) return undefined;
  let at = asked.end;
  let edns: Edns | undefined;
  for (let i = 0; i < records; i++) {
    const name = readName(bytes, at);
    if (name === undefined || name.end + 10 > bytes.length) return undefined;
    const end = name.end + 10 + word(bytes, name.end + 8);
    if (end > bytes.length) return undefined;
    if (word(bytes, name.end) === TYPE.OPT) {
      if (edns !== undefined || name.labels.length > 0) return undefined;
      edns = readEdns(bytes, name.end, end);
    }
    at = end;
  }
  return at === bytes.length ? { header, question: asked.question, questionEnd: asked.end, edns } : undefined;
}

/** A whole message, every record read. Undefined when any part of it is malformed. */
export function readMessage(bytes: Uint8Array): Message | undefined {
  const header = readHeader(bytes);
  if (header === undefined) return undefined;
  let at = HEADER_BYTES;
  const questions: Question[] = [];
  for (let i = 0; i < header.questions; i++) {
    const asked = readQuestion(bytes, at);
    if (asked === undefined) return undefined;
    questions.push(asked.question);
    at = asked.end;
  }
  const sections: ResourceRecord[][] = [];
  for (const count of [header.answers, header.authorities, header.additionals]) {
    const section: ResourceRecord[] = [];
    for (let i = 0; i < count; i++) {
      const read = readRecord(bytes, at);
      if (read === undefined) return undefined;
      section.push(read.record);
      at = read.end;
    }
    sections.push(section);
  }
  const [answers = [], authorities = [], additionals = []] = sections;
  return { header, questions, answers, authorities, additionals };
}

function readQuestion(
  bytes: Uint8Array,
  at: number,
): { readonly question: Question; readonly end: number } | undefined {
  const name = readName(bytes, at);
  if (name === undefined || name.end + 4 > bytes.length) return undefined;
  const question = { name: name.labels, type: word(bytes, name.end), class: word(bytes, name.end + 2) };
  return { question, end: name.end + 4 };
}

function readRecord(
  bytes: Uint8Array,
  at: number,
): { readonly record: ResourceRecord; readonly end: number } | undefined {
  const name = readName(bytes, at);
  if (name === undefined || name.end + 10 > bytes.length) return undefined;
  const from = name.end + 10;
  const to = from + word(bytes, name.end + 8);
  if (to > bytes.length) return undefined;
  const data = readData(bytes, word(bytes, name.end), { from, to });
  if (data === undefined) return undefined;
  const ttl = word(bytes, name.end + 4) * 65_536 + word(bytes, name.end + 6);
  return { record: { name: name.labels, class: word(bytes, name.end + 2), ttl, data }, end: to };
}

function readEdns(bytes: Uint8Array, at: number, end: number): Edns {
  return {
    udpSize: word(bytes, at + 2),
    extendedRcode: bytes[at + 4] ?? 0,
    version: bytes[at + 5] ?? 0,
    dnssecOk: ((bytes[at + 6] ?? 0) & 0x80) !== 0,
    options: bytes.subarray(at + 10, end),
  };
}

function word(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}
