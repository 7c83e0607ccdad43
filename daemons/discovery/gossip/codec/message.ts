/** First byte of every message (memberlist's `net.go`). */
export const MessageType = {
  ping: 0,
  indirectPing: 1,
  ack: 2,
  suspect: 3,
  alive: 4,
  dead: 5,
  pushPull: 6,
  compound: 7,
  user: 8,
  compress: 9,
  encrypt: 10,
  nack: 11,
  crc: 12,
  error: 13,
  label: 244,
} as const;

/** Where to answer a ping, when that is not where it came from. Empty and 0 when not told. */
export interface Source {
  readonly sourceAddress: Uint8Array;
  readonly sourcePort: number;
  readonly sourceNode: string;
}

export interface Ping extends Source {
  readonly kind: "ping";
  readonly sequence: number;
  /** Who is meant: an address may have changed hands. */
  readonly node: string;
}

export interface IndirectPing extends Source {
  readonly kind: "indirect-ping";
  readonly sequence: number;
  readonly target: Uint8Array;
  readonly port: number;
  readonly node: string;
  /** Whether the asker wants to hear that there was no answer. */
  readonly nack: boolean;
}

export interface Ack {
  readonly kind: "ack";
  readonly sequence: number;
  readonly payload: Uint8Array;
}

export interface Nack {
  readonly kind: "nack";
  readonly sequence: number;
}

/** `from` says that it got no answer from `node`. */
export interface Suspect {
  readonly kind: "suspect";
  readonly incarnation: number;
  readonly node: string;
  readonly from: string;
}

/** What a node says of itself. */
export interface Alive {
  readonly kind: "alive";
  readonly incarnation: number;
  readonly node: string;
  readonly address: Uint8Array;
  readonly port: number;
  readonly meta: Uint8Array;
  readonly versions: Uint8Array;
}

/** `node` failed, by word of `from`; it left when it says so itself. */
export interface Dead {
  readonly kind: "dead";
  readonly incarnation: number;
  readonly node: string;
  readonly from: string;
}

export interface User {
  readonly kind: "user";
  readonly body: Uint8Array;
}

/** What a datagram may hold once it is unwrapped. */
export type Message = Ping | IndirectPing | Ack | Nack | Suspect | Alive | Dead | User;

/** One member in an exchange of state. `state` is the index in alive, suspect, dead, left. */
export interface RemoteMember {
  readonly name: string;
  readonly address: Uint8Array;
  readonly port: number;
  readonly meta: Uint8Array;
  readonly incarnation: number;
  readonly state: number;
  readonly versions: Uint8Array;
}

/** What a stream may carry. */
export type StreamMessage =
  | {
      readonly kind: "push-pull";
      readonly join: boolean;
      readonly members: readonly RemoteMember[];
      readonly userState: Uint8Array;
    }
  | { readonly kind: "error"; readonly text: string }
  | User
  | Ping
  | Ack;

export const NO_BYTES = new Uint8Array(0);
