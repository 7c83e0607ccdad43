import type { Tags } from "./tags.ts";

export const MEMBER_STATUSES = ["none", "alive", "leaving", "left", "failed"] as const;
export type MemberStatus = (typeof MEMBER_STATUSES)[number];

/** A member as Serf's users see it. Never changed once made. */
export interface SerfMember {
  readonly name: string;
  /** As announced: 4 or 16 bytes. */
  readonly address: Uint8Array;
  /** `address` as text. */
  readonly host: string;
  readonly port: number;
  readonly tags: Tags;
  readonly status: MemberStatus;
  /** Six bytes: lowest, highest, spoken version of the protocol, then of the delegate's. */
  readonly versions: Uint8Array;
}

export type MemberEventKind = "member-join" | "member-leave" | "member-failed" | "member-update" | "member-reap";

export interface MemberChange {
  readonly kind: MemberEventKind;
  readonly members: readonly SerfMember[];
}

export interface UserEvent {
  readonly kind: "user";
  readonly lTime: number;
  readonly name: string;
  readonly payload: Uint8Array;
  /** Of several of one name, the last one is enough. */
  readonly coalesce: boolean;
}
