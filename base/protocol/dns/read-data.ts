import { ipv4Text, ipv6Text } from "./address.ts";
import { latin1, readName } from "./name.ts";
import { TYPE, type RecordData } from "./record.ts";

/** A record's data between `from` and `to`. Undefined when it does not fill exactly that. */
export function readData(
  message: Uint8Array,
  type: number,
  { from, to }: { readonly from: number; readonly to: number },
): RecordData | undefined {
  switch (type) {
    case TYPE.A:
      return to - from === 4 ? { kind: "A", address: ipv4Text(message, from) } : undefined;
    case TYPE.AAAA:
      return to - from === 16 ? { kind: "AAAA", address: ipv6Text(message, from) } : undefined;
    case TYPE.NS:
    case TYPE.CNAME:
    case TYPE.PTR: {
      const target = nameUpTo(message, from, to);
      const kind = type === TYPE.NS ? "NS" : type === TYPE.CNAME ? "CNAME" : "PTR";
      return target === undefined ? undefined : { kind, target };
    }
    case TYPE.MX: {
      const target = nameUpTo(message, from + 2, to);
      return target === undefined ? undefined : { kind: "MX", preference: word(message, from), target };
    }
    case TYPE.TXT:
      return readTexts(message, from, to);
    case TYPE.SRV: {
      const target = nameUpTo(message, from + 6, to);
      if (target === undefined) return undefined;
      const [priority, weight, port] = [word(message, from), word(message, from + 2), word(message, from + 4)];
      return { kind: "SRV", priority, weight, port, target };
    }
    case TYPE.SOA:
      return readSoa(message, from, to);
    default:
      return { kind: "raw", type, bytes: message.slice(from, to) };
  }
}

function readTexts(message: Uint8Array, from: number, to: number): RecordData | undefined {
  const texts: string[] = [];
  let at = from;
  while (at < to) {
    const end = at + 1 + (message[at] ?? 0);
    if (end > to) return undefined;
    texts.push(latin1(message, at + 1, end));
    at = end;
  }
  return texts.length === 0 ? undefined : { kind: "TXT", texts };
}

function readSoa(message: Uint8Array, from: number, to: number): RecordData | undefined {
  const primary = readName(message, from);
  const mailbox = primary === undefined ? undefined : readName(message, primary.end);
  if (primary === undefined || mailbox === undefined || mailbox.end + 20 !== to) return undefined;
  const at = mailbox.end;
  return {
    kind: "SOA",
    primary: primary.labels,
    mailbox: mailbox.labels,
    serial: long(message, at),
    refresh: long(message, at + 4),
    retry: long(message, at + 8),
    expire: long(message, at + 12),
    minimum: long(message, at + 16),
  };
}

function nameUpTo(message: Uint8Array, from: number, to: number): readonly string[] | undefined {
  if (from >= to) return undefined;
  const name = readName(message, from);
  return name?.end === to ? name.labels : undefined;
}

function word(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}

function long(bytes: Uint8Array, at: number): number {
  return word(bytes, at) * 65_536 + word(bytes, at + 2);
}
