import { lowerCase } from "#base/protocol/dns/name.ts";
import { CLASS, TYPE, typeOf, type Question, type ResourceRecord } from "#base/protocol/dns/record.ts";
import type { Message } from "#base/protocol/dns/message.ts";

/** What a machine says of itself. */
export interface Announcement {
  /** Without `.local`; gets `-2` and so on when another machine of the link has it. */
  readonly host: string;
  /** Of what it offers; 0: nothing but its name. */
  readonly port: number;
  /** `key=value` (RFC 6763, section 6); no secrets. */
  readonly text: Readonly<Record<string, string>>;
  /** For how long others believe it; RFC 6762 section 10 says 120 for what hangs on a name. */
  readonly ttlS: number;
}

/** A machine that was heard. */
export interface Neighbour {
  readonly host: string;
  readonly addresses: readonly string[];
  readonly port: number;
  readonly text: Readonly<Record<string, string>>;
}

/** Section 10.2: the records are all there are of their kind. */
const FLUSH = 0x8000;
export const SERVICE = ["_lares", "_tcp", "local"] as const;
const CATALOG = ["_services", "_dns-sd", "_udp", "local"] as const;
const MAX_TEXTS = 16;

export function hostName(host: string): readonly string[] {
  return [host, "local"];
}

/** All records of a machine on one link. */
export function recordsOf(own: Announcement, addresses: readonly string[]): readonly ResourceRecord[] {
  const instance = [own.host, ...SERVICE];
  const ttl = own.ttlS;
  const name = hostName(own.host);
  const unique = CLASS.IN | FLUSH;
  const hosts = addresses.map((address): ResourceRecord => {
    const data = address.includes(":") ? { kind: "AAAA" as const, address } : { kind: "A" as const, address };
    return { name, class: unique, ttl, data };
  });
  if (own.port === 0) return hosts;
  const texts = Object.entries(own.text).map(([key, value]) => `${key}=${value}`.slice(0, 255));
  return [
    { name: CATALOG, class: CLASS.IN, ttl, data: { kind: "PTR", target: SERVICE } },
    { name: SERVICE, class: CLASS.IN, ttl, data: { kind: "PTR", target: instance } },
    {
      name: instance,
      class: unique,
      ttl,
      data: { kind: "SRV", priority: 0, weight: 0, port: own.port, target: name },
    },
    { name: instance, class: unique, ttl, data: { kind: "TXT", texts: texts.length === 0 ? [""] : texts } },
    ...hosts,
  ];
}

/** Those of the records that answer a question, and those that whoever asks wants next (RFC 6763, section 12). */
export function answersTo(
  question: Question,
  records: readonly ResourceRecord[],
): { readonly answers: readonly ResourceRecord[]; readonly additionals: readonly ResourceRecord[] } {
  const asked = key(question.name);
  const isAsked = ({ name, data }: ResourceRecord): boolean =>
    key(name) === asked && (question.type === TYPE.ANY || question.type === typeOf(data));
  const answers = records.filter(isAsked);
  const wantsMore = answers.some(({ data }) => data.kind === "PTR" || data.kind === "SRV");
  const additionals = wantsMore
    ? records.filter((record) => !isAsked(record) && key(record.name) !== key(CATALOG))
    : [];
  return { answers, additionals };
}

export interface Heard extends Neighbour {
  /** 0: it goes. */
  readonly ttlS: number;
}

/** The machines an announcement or an answer tells of, where it tells all of them. */
export function readHeard(message: Message): readonly Heard[] {
  const records = [...message.answers, ...message.additionals];
  return records.flatMap((record) => {
    const { data, name, ttl } = record;
    if (data.kind !== "SRV" || key(name.slice(1)) !== key(SERVICE)) return [];
    const text = records.find((each) => each.data.kind === "TXT" && key(each.name) === key(name));
    const addresses = records.flatMap((each) =>
      (each.data.kind === "A" || each.data.kind === "AAAA") && key(each.name) === key(data.target)
        ? [each.data.address]
        : [],
    );
    const texts = text?.data.kind === "TXT" ? text.data.texts.slice(0, MAX_TEXTS) : [];
    const pairs = texts.map((each) => [each.split("=", 1)[0] ?? "", each.slice(each.indexOf("=") + 1)] as const);
    return [{ host: name[0] ?? "", addresses, port: data.port, text: Object.fromEntries(pairs), ttlS: ttl }];
  });
}

/** Addresses that a message gives to this name. */
export function addressesFor(host: string, records: readonly ResourceRecord[]): readonly string[] {
  const wanted = key(hostName(host));
  return records.flatMap(({ name, data }) =>
    (data.kind === "A" || data.kind === "AAAA") && key(name) === wanted ? [data.address] : [],
  );
}

export function key(name: readonly string[]): string {
  return name.map(lowerCase).join(".");
}
