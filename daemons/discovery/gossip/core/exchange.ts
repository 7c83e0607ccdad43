import type { Result } from "#base/env/errors.ts";
import type { Address } from "#base/env/net.ts";
import type { RemoteMember, StreamMessage } from "../codec/message.ts";
import type { GossipTarget } from "../gossip.ts";

/** What may happen to a node. */
export type Input =
  /** `known`: members this node takes for alive without spreading word of them, as after it was there before. */
  | { readonly kind: "start"; readonly known?: readonly RemoteMember[] }
  /** A datagram came. */
  | { readonly kind: "packet"; readonly bytes: Uint8Array; readonly from: Address }
  /** Somebody opened a stream and this is its message; `stream` names it in the reply. */
  | { readonly kind: "stream"; readonly stream: number; readonly message: StreamMessage; readonly from: Address }
  /** A call of ours was answered, or sent where no answer was wanted. */
  | { readonly kind: "answer"; readonly call: number; readonly message: StreamMessage | undefined }
  | { readonly kind: "call-failed"; readonly call: number; readonly why: string }
  /** Something the outside saw and dropped: counted with the rest. */
  | { readonly kind: "dropped"; readonly why: string }
  /** Time has passed; what is due is done. */
  | { readonly kind: "due" }
  | ({ readonly kind: "command"; readonly command: number } & Command);

/** What the program may ask for. Every command is answered with one `done`, except `kick`. */
export type Command =
  | { readonly ask: "join"; readonly address: Address }
  | { readonly ask: "leave"; readonly timeoutMs: number }
  | { readonly ask: "update"; readonly timeoutMs: number }
  | { readonly ask: "send"; readonly to: GossipTarget; readonly body: Uint8Array }
  | { readonly ask: "send-stream"; readonly to: GossipTarget; readonly body: Uint8Array }
  | { readonly ask: "ping"; readonly to: GossipTarget }
  | { readonly ask: "kick" };

/** What a node wants done. */
export type Output =
  | { readonly kind: "datagram"; readonly to: Address; readonly bytes: Uint8Array }
  /** Open a stream, write, and wait for one message if `answer`. The outcome comes back as an input. */
  | {
      readonly kind: "call";
      readonly call: number;
      readonly to: Address;
      readonly bytes: Uint8Array;
      readonly answer: boolean;
      readonly timeoutMs: number;
    }
  /** Write to a stream that came in. */
  | { readonly kind: "reply"; readonly stream: number; readonly bytes: Uint8Array }
  | { readonly kind: "done"; readonly command: number; readonly result: Result<Pong | undefined> };

export interface Pong {
  readonly rttMs: number;
  readonly payload: Uint8Array;
}
