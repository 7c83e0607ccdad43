import type { Result } from "#base/env/errors.ts";
import type { Server } from "#base/protocol/server.ts";

/** The servers that share the state, as their APIs tell of them. */
export interface ServerPool {
  readonly selfId: string;
  /** Undefined: nobody leads, by what this server knows. */
  readonly leaderId: string | undefined;
  /** In order of their names. */
  list(): readonly Server[];
  /** Whether it is heard of. */
  isAlive(id: string): boolean;
  /** Lets another one lead: the one named, or any. */
  transferLeadership(id: string | undefined): Promise<Result<void>>;
  /** Takes a server out for good. */
  remove(id: string): Promise<Result<void>>;
}
