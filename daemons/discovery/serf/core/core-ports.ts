import type { Result } from "#base/env/errors.ts";
import type { Random } from "#base/env/random.ts";
import type { MemberChange, UserEvent } from "./member.ts";

/** A query of another member (or of this node), to be answered by `respond` before `deadlineMs`. */
export interface IncomingQuery {
  readonly kind: "query";
  readonly lTime: number;
  readonly id: number;
  readonly name: string;
  readonly payload: Uint8Array;
  /** Who asks; empty where the asker did not say. */
  readonly from: string;
  readonly deadlineMs: number;
  /** Failures: `QUERY_LATE`, `QUERY_ANSWERED`, `QUERY_SIZE`. */
  respond(payload: Uint8Array): Result<void>;
}

export type SerfEvent = MemberChange | UserEvent | IncomingQuery;

export interface MessageTarget {
  readonly address: Uint8Array;
  readonly port: number;
  /** Empty: not known. */
  readonly name: string;
}

/** What the core reaches the world through. */
export interface SerfPorts {
  readonly random: Random;
  /** Milliseconds that never go back. */
  readonly nowMs: () => number;
  /** One datagram; may be lost. */
  readonly send: (to: MessageTarget, message: Uint8Array) => void;
  /** There is something to spread. */
  readonly kick: () => void;
  readonly emit: (event: SerfEvent) => void;
  /** Bad input that was dropped, or what an operator should know. */
  readonly note: (reason: string, detail: string) => void;
  /** Another node has this node's name, and most members side with it. */
  readonly onNameLost: () => void;
}
