import { decodeDomains, encodeDomains } from "./domain-list.ts";

/** Option 81 (RFC 4702): the name a client wants, and who is to tell the DNS. */
export interface ClientFqdn {
  readonly flags: number;
  /** Without the dot at the end; may be one label. Empty where it does not read. */
  readonly name: string;
}

const FLAG_SERVER_UPDATES = 1;
const FLAG_OVERRIDE = 2;
const FLAG_CANONICAL = 4;
const FLAG_NO_UPDATES = 8;
const HEAD = 3;

export function decodeFqdn(bytes: Uint8Array): ClientFqdn | undefined {
  const flags = bytes[0];
  if (flags === undefined || bytes.length < HEAD) return undefined;
  const rest = bytes.subarray(HEAD);
  if ((flags & FLAG_CANONICAL) === 0)
    return {
      flags,
      name: Buffer.from(rest)
        .toString("latin1")
        .replace(/\.?\0*$/, ""),
    };
  // A partial name has no zero byte at its end (RFC 4702 §2.3.1).
  const names = decodeDomains(rest) ?? decodeDomains(Uint8Array.from([...rest, 0]));
  return { flags, name: names?.[0] ?? "" };
}

/** The answer: this server keeps forward and reverse names, whatever the client asked (RFC 4702 §4). */
export function encodeFqdnReply(asked: ClientFqdn, name: string): Uint8Array {
  const canonical = asked.flags & FLAG_CANONICAL;
  const isOverridden = (asked.flags & FLAG_SERVER_UPDATES) === 0;
  const flags = canonical | FLAG_SERVER_UPDATES | (isOverridden ? FLAG_OVERRIDE : 0);
  const encoded = canonical === 0 ? undefined : encodeDomains([name]);
  const wire = encoded?.ok === true ? encoded.value : Buffer.from(name, "latin1");
  return Uint8Array.from([flags & ~FLAG_NO_UPDATES, 255, 255, ...wire]);
}
