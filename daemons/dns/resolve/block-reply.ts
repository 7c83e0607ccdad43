import { ipv4Bytes, ipv6Bytes } from "#base/protocol/dns/address.ts";
import type { BlockReply } from "../filter/regex-rule.ts";
import type { Asked } from "../packet/asked.ts";
import { EDE, type ReplyTo, type ReplyWriter } from "../packet/reply.ts";
import { REPLY_KIND, type ReplyKind } from "../query-record.ts";
import type { Settings } from "../settings/settings.ts";

const TYPE_A = 1;
const TYPE_AAAA = 28;
const NXDOMAIN = 3;
const REFUSED = 5;

/** Answers to what is blocked, as the settings have it. */
export class BlockReplies {
  /** Of the last one written. */
  kind: ReplyKind = REPLY_KIND.none;
  rcode = 0;
  readonly #writer: ReplyWriter;
  readonly #v4: readonly number[];
  readonly #v6: readonly number[];
  readonly #mode: Settings["blocking"]["mode"];
  readonly #ttl: number;

  constructor(writer: ReplyWriter, blocking: Settings["blocking"]) {
    const isIp = blocking.mode === "ip";
    this.#writer = writer;
    this.#mode = blocking.mode;
    this.#ttl = blocking.ttl;
    this.#v4 = (isIp ? ipv4Bytes(blocking.ipv4) : undefined) ?? [0, 0, 0, 0];
    this.#v6 = (isIp ? ipv6Bytes(blocking.ipv6) : undefined) ?? new Array<number>(16).fill(0);
  }

  /** The message's length; 0: nothing is answered at all. */
  write(
    packet: Uint8Array,
    asked: Asked,
    { out, to, reply }: { readonly out: Uint8Array; readonly to: ReplyTo; readonly reply: BlockReply | undefined },
  ): number {
    const kind = reply?.kind ?? (this.#mode === "ip" ? "null" : this.#mode);
    const at = this.#writer.head(packet, asked, out);
    switch (kind) {
      case "none":
        this.kind = REPLY_KIND.none;
        return 0;
      case "nxdomain":
        return this.#empty(packet, asked, { out, at, to, rcode: NXDOMAIN });
      case "refused":
        return this.#empty(packet, asked, { out, at, to, rcode: REFUSED });
      case "nodata":
        return this.#empty(packet, asked, { out, at, to, rcode: 0 });
      case "null":
      case "ip": {
        const address = this.#address(asked.type, reply);
        if (address === undefined) return this.#empty(packet, asked, { out, at, to, rcode: 0 });
        this.kind = REPLY_KIND.ip;
        this.rcode = 0;
        const end = this.#record(out, at, { type: asked.type, data: address });
        return this.#writer.edns(packet, asked, { out, at: end, extended: 0, ede: EDE.blocked, to });
      }
      default:
        return kind satisfies never;
    }
  }

  #address(type: number, reply: BlockReply | undefined): readonly number[] | undefined {
    if (reply?.kind !== "ip") return type === TYPE_A ? this.#v4 : type === TYPE_AAAA ? this.#v6 : undefined;
    if (type === TYPE_A) return ipv4Bytes(reply.address);
    return type === TYPE_AAAA ? ipv6Bytes(reply.address) : undefined;
  }

  #record(
    out: Uint8Array,
    at: number,
    { type, data }: { readonly type: number; readonly data: readonly number[] },
  ): number {
    const ttl = this.#ttl;
    out[at] = 0xc0;
    out[at + 1] = 12;
    out[at + 2] = type >> 8;
    out[at + 3] = type & 255;
    out[at + 4] = 0;
    out[at + 5] = 1;
    out[at + 6] = ttl >>> 24;
    out[at + 7] = (ttl >> 16) & 255;
    out[at + 8] = (ttl >> 8) & 255;
    out[at + 9] = ttl & 255;
    out[at + 10] = 0;
    out[at + 11] = data.length;
    for (let i = 0; i < data.length; i++) out[at + 12 + i] = data[i] ?? 0;
    out[7] = 1;
    return at + 12 + data.length;
  }

  #empty(
    packet: Uint8Array,
    asked: Asked,
    {
      out,
      at,
      to,
      rcode,
    }: { readonly out: Uint8Array; readonly at: number; readonly to: ReplyTo; readonly rcode: number },
  ): number {
    this.kind = rcode === NXDOMAIN ? REPLY_KIND.nxdomain : rcode === REFUSED ? REPLY_KIND.refused : REPLY_KIND.nodata;
    this.rcode = rcode;
    out[3] = ((out[3] ?? 0) & 0xf0) | rcode;
    return this.#writer.edns(packet, asked, { out, at, extended: 0, ede: EDE.blocked, to });
  }
}
