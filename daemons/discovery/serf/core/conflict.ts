import { ConflictSchema, decodeBody, encodeMessage, MESSAGE } from "../wire/messages.ts";
import type { SerfMember } from "./member.ts";
import type { QueryAnswer } from "./open-query.ts";

export const CONFLICT_QUERY = "_serf_conflict";

/** Who this node thinks bears the name; undefined keeps silent (the asked one says nothing of itself). */
export function conflictAnswer(member: SerfMember): Uint8Array {
  const [ProtocolMin = 0, ProtocolMax = 0, ProtocolCur = 0, DelegateMin = 0, DelegateMax = 0, DelegateCur = 0] =
    member.versions;
  return encodeMessage("conflictResponse", {
    Name: member.name,
    Addr: member.address,
    Port: member.port,
    Tags: member.tags,
    Status: { none: 0, alive: 1, leaving: 2, left: 3, failed: 4 }[member.status],
    ProtocolMin,
    ProtocolMax,
    ProtocolCur,
    DelegateMin,
    DelegateMax,
    DelegateCur,
  });
}

/** Counts who of the members sides with this node, when another one claims its name. */
export class ConflictVote {
  readonly #self: SerfMember;
  #answers = 0;
  #forUs = 0;

  constructor(self: SerfMember) {
    this.#self = self;
  }

  add({ payload }: QueryAnswer): void {
    const answer = decodeBody(ConflictSchema, payload);
    if (payload[0] !== MESSAGE.conflictResponse || !answer.ok) return;
    this.#answers += 1;
    const { Addr, Port } = answer.value;
    if (Port === this.#self.port && sameAddress(Addr, this.#self.address)) this.#forUs += 1;
  }

  /** The minority has to go. Nobody answering is no majority either, but no reason to go: there is nobody to go from. */
  get lost(): boolean {
    return this.#answers > 0 && this.#forUs < Math.floor(this.#answers / 2) + 1;
  }
}

/** IPv4 comes in 4 bytes or mapped into 16 (RFC 4291 section 2.5.5.2). */
function sameAddress(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(short(a), short(b)) === 0;
}

function short(address: Uint8Array): Uint8Array {
  const mapped = address.length === 16 && address.subarray(0, 10).every((byte) => byte === 0) && address[10] === 0xff;
  return mapped ? address.subarray(12) : address;
}
