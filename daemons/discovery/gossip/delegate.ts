import type { GossipMember } from "./member.ts";

/**
 * What the layer above gossip (Serf) gives and gets. Every call is synchronous, made between two packets, and may call
 * back into {@link Gossip}; one that throws is logged and counted, never fatal.
 */
export interface GossipDelegate {
  /** What this node tells the others about itself. At most `limit` (512) bytes. */
  nodeMeta(limit: number): Uint8Array;
  /** A message sent by a member's `sendBestEffort`, `sendReliable` or broadcast. The bytes are the callee's to keep. */
  onUserMessage(message: Uint8Array): void;
  /**
   * Messages to send along to some members. Each costs its length and `overhead`; together at most `limit` bytes.
   * Asked again at every round until it answers with none, so how often one is repeated is the callee's affair.
   */
  nextBroadcasts(overhead: number, limit: number): readonly Uint8Array[];
  /** State for a full exchange with one member; `join` at the first contact. Empty sends none. */
  localState(join: boolean): Uint8Array;
  /** The other side's state of a full exchange. */
  mergeRemoteState(state: Uint8Array, join: boolean): void;
  /** Sent along with every answer to a probe. A few dozen bytes at most. */
  ackPayload(): Uint8Array;
  /** A direct probe by datagram was answered after `rttMs`. */
  onPing(member: GossipMember, rttMs: number, payload: Uint8Array): void;
  onMember(event: MemberEvent): void;
  /** Two nodes claim one name: `existing` is the one that is kept, `other` the newcomer that is not let in. */
  onConflict(existing: GossipMember, other: GossipMember): void;
  /** A reason not to let a member in (or be updated), or undefined. Asked for every alive message that is news. */
  refuseMember?(member: GossipMember): string | undefined;
  /** A reason not to merge with another cluster when joining, or undefined. Asked with all members of the other side. */
  refuseMerge?(members: readonly GossipMember[]): string | undefined;
}

export type MemberEvent =
  | { readonly kind: "join"; readonly member: GossipMember }
  /** `member.state` says whether it left by its own will (`left`) or failed (`dead`). */
  | { readonly kind: "leave"; readonly member: GossipMember }
  /** Its metadata changed. */
  | { readonly kind: "update"; readonly member: GossipMember };
