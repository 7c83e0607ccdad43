import { textHash } from "../packet/text-hash.ts";
import type { ReplyKind } from "../query-record.ts";

/** A whole reply without OPT, the question in lower case, ready to be copied. */
export interface ReplyBytes {
  readonly bytes: Uint8Array;
  /** Where the time to live of each record is; none where they do not run down. */
  readonly ttlAt: readonly number[];
  readonly rcode: number;
  readonly reply: ReplyKind;
}

/** One answer that is kept, chained to others of the same slot. */
export class StoredReply implements ReplyBytes {
  readonly hash: number;
  readonly type: number;
  readonly scope: number;
  /** Lower case, dotted. */
  readonly name: string;
  readonly nameHash: number;
  bytes: Uint8Array;
  ttlAt: readonly number[];
  rcode: number;
  reply: ReplyKind;
  nameLength: number;
  /** Monotonic ms. */
  storedMs = 0;
  /** End of its life; past it, it is stale. Infinity: until the epoch changes. */
  expiresMs = 0;
  /** Past its end it may serve until then when no server answers. */
  staleUntilMs = 0;
  /** Servers failed: they are not asked again before. */
  retryMs = 0;
  /** From then on it is asked for anew while it still serves. */
  refreshMs = 0;
  /** Of what was decided for whom: {@link allowedFor} holds while it is the pipeline's. */
  epoch = -1;
  /** One bit for each of the first 31 policies that may see it. */
  allowedFor = 0;
  upstream = "";
  authentic = false;
  isLocal = false;
  /** Why it is an error (RFC 8914); -1: nobody said. */
  ede = -1;
  /** Lower-case wire names the answer's aliases lead to. */
  aliases: readonly Uint8Array[] = [];
  /** Asked for since the clock's hand passed. */
  used = true;
  next: StoredReply | undefined;

  constructor(
    key: { readonly hash: number; readonly type: number; readonly scope: number; readonly name: string },
    reply: ReplyBytes,
  ) {
    this.hash = key.hash;
    this.type = key.type;
    this.scope = key.scope;
    this.name = key.name;
    this.nameHash = textHash(key.name);
    this.bytes = reply.bytes;
    this.ttlAt = reply.ttlAt;
    this.rcode = reply.rcode;
    this.reply = reply.reply;
    this.nameLength = 0;
  }
}
