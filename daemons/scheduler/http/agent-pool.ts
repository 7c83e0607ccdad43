import type { Failure, Result } from "#base/env/errors.ts";

/** A member of the gossip pool. */
export interface PoolMember {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly tags: Readonly<Record<string, string>>;
  readonly status: "none" | "alive" | "leaving" | "left" | "failed";
  /** Six bytes: lowest, highest, spoken version of the protocol, then of the delegate's. */
  readonly versions: Uint8Array;
}

export interface PoolKeys {
  readonly messages: Readonly<Record<string, string>>;
  /** How many members have each key. */
  readonly keys: Readonly<Record<string, number>>;
  readonly nodes: number;
  readonly responses: number;
  readonly errors: number;
}

/** This agent's part in gossip; the agent hands it in. */
export interface AgentPool {
  members(): readonly PoolMember[];
  /** `places`: `host`, `host:port`. */
  join(places: readonly string[]): Promise<{ readonly joined: number; readonly failures: readonly Failure[] }>;
  /** Makes a failed member one that left; `prune` forgets it at once. */
  forceLeave(name: string, prune?: boolean): Promise<Result<void>>;
  /** Of keys that encrypt gossip. Failures `KEY_FORMAT`, `KEYRING_NONE` and others. */
  keys(verb: "list" | "install" | "use" | "remove", key?: string): Promise<Result<PoolKeys>>;
}
