import { labelsOf } from "#base/protocol/dns/name.ts";
import { CLASS, FLAG, RCODE, type ResourceRecord } from "#base/protocol/dns/record.ts";
import type { MessageWriter } from "#base/protocol/dns/writer.ts";
import type { ReplyBytes } from "../cache/stored-reply.ts";
import type { Asked } from "../packet/asked.ts";
import { REPLY_KIND, type ReplyKind } from "../query-record.ts";
import type { LocalRecord } from "./name-table.ts";

const NO_TTLS: readonly number[] = [];

export interface AnswerParts {
  readonly rcode: "NOERROR" | "NXDOMAIN";
  readonly records: readonly { readonly name: string; readonly record: LocalRecord }[];
  /** Foreign records behind them. */
  readonly more?: readonly ResourceRecord[];
  /** Owner of the SOA where there are no records. */
  readonly zone: string;
  readonly ttl: number;
  readonly isOurs: boolean;
}

/** A whole reply to be kept and copied: the question in lower case, no OPT. */
export function writeAnswer(writer: MessageWriter, asked: Asked, parts: AnswerParts): ReplyBytes {
  const name = wireLabels(asked);
  writer.start({ id: 0, flags: FLAG.QR | FLAG.RA | (parts.isOurs ? FLAG.AA : 0) | RCODE[parts.rcode] });
  const question = Buffer.alloc(asked.nameLength + 4);
  question.set(asked.name.subarray(0, asked.nameLength));
  question.writeUInt16BE(asked.type, asked.nameLength);
  question.writeUInt16BE(asked.class, asked.nameLength + 2);
  writer.echoQuestion(question, name);
  const text = asked.text();
  for (const { name: owner, record } of parts.records)
    writer.record(1, {
      name: owner === text ? name : (labelsOf(owner) ?? []),
      class: CLASS.IN,
      ttl: record.ttl,
      data: record.data,
    });
  for (const record of parts.more ?? []) writer.record(1, record);
  const isEmpty = parts.records.length === 0 && (parts.more ?? []).length === 0;
  if (isEmpty) writer.record(2, soa(parts));
  const reply = kindOf(parts);
  return { bytes: Buffer.from(writer.finish()), ttlAt: NO_TTLS, rcode: RCODE[parts.rcode], reply };
}

/** Its minimum is how long the answer "nothing" holds (RFC 2308 §3). */
function soa({ zone, ttl }: AnswerParts): ResourceRecord {
  const name = labelsOf(zone) ?? [];
  const data = {
    kind: "SOA",
    primary: ["localhost"],
    mailbox: ["nobody", "invalid"],
    serial: 1,
    refresh: 3600,
    retry: 1200,
    expire: 604_800,
    minimum: ttl,
  } as const;
  return { name, class: CLASS.IN, ttl, data };
}

function kindOf({ rcode, records, more = [] }: AnswerParts): ReplyKind {
  if (rcode === "NXDOMAIN") return REPLY_KIND.nxdomain;
  const kinds = [...records.map(({ record }) => record.data.kind), ...more.map(({ data }) => data.kind)];
  if (kinds.length === 0) return REPLY_KIND.nodata;
  if (kinds.includes("A") || kinds.includes("AAAA")) return REPLY_KIND.ip;
  return kinds.includes("CNAME") ? REPLY_KIND.cname : REPLY_KIND.other;
}

function wireLabels(asked: Asked): readonly string[] {
  const labels: string[] = [];
  for (let n = 0; n < asked.labels; n++) {
    const from = asked.starts[n] ?? 0;
    labels.push(asked.name.toString("latin1", from + 1, from + 1 + (asked.name[from] ?? 0)));
  }
  return labels;
}
