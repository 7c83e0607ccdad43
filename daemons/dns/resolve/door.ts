import type { QueryTransport } from "../query-record.ts";

/** A way in. */
export interface Door {
  readonly transport: QueryTransport;
  /** Takes messages of 64 KiB, and its peers are who they say. */
  readonly isStream: boolean;
}

export const UDP: Door = { transport: "udp", isStream: false };
export const TCP: Door = { transport: "tcp", isStream: true };
export const DOT: Door = { transport: "dot", isStream: true };
export const DOH: Door = { transport: "doh", isStream: true };

/** What {@link Pipeline.answer} says instead of a length. */
export const DROPPED = 0;
/** Somebody else has to be asked: `later` takes it on. */
export const PENDING = -1;
