/** `dead` failed, `left` went by its own will. The order is that of the wire. */
export type MemberState = "alive" | "suspect" | "dead" | "left";

/** A member as this node sees it. Never changed once made: news makes a new one. */
export interface GossipMember {
  readonly name: string;
  /** As its owner announced it, 4 or 16 bytes. Passed on as it is, because peers compare it byte by byte. */
  readonly address: Uint8Array;
  /** `address` as text: `10.0.0.7`, `fd00::7`. */
  readonly host: string;
  readonly port: number;
  readonly meta: Uint8Array;
  readonly state: MemberState;
  /** Set by the member alone, rising. */
  readonly incarnation: number;
  /** Six bytes: lowest, highest and spoken version of the protocol, then the same of the delegate's. */
  readonly versions: Uint8Array;
}
