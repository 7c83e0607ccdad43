import * as v from "valibot";
import type { Result } from "#base/env/errors.ts";

/** Where the state can be kept: by one server alone, or by several together. */
export const ENGINES = ["sqlite", "etcd"] as const;
export const EngineSchema = v.picklist(ENGINES);
export type Engine = v.InferOutput<typeof EngineSchema>;

export interface StateMember {
  /** Of its server's node; empty: it has not started yet. */
  readonly ID: string;
  readonly Address: string;
  readonly Voter: boolean;
  /** It answers. */
  readonly Healthy: boolean;
  /** It leads among the members; that says nothing of which server leads. */
  readonly Leader: boolean;
  readonly Bytes: number;
}

export interface StateDescription {
  readonly Engine: Engine;
  /** An etcd that somebody else runs. */
  readonly External: boolean;
  readonly Revision: number;
  readonly Keys: number;
  readonly Bytes: number;
  /** Empty: nothing is being moved. */
  readonly Moving: string;
  /** Why the last move failed; empty: it did not. */
  readonly Failure: string;
  readonly Members: readonly StateMember[];
  /** What is wrong with its servers, and how to mend it. */
  readonly Problems: readonly string[];
}

/** Where this server keeps the state. */
export interface StateKeeper {
  describe(): Promise<StateDescription>;
  /** Resolves once all is copied and the agent begins to start anew on the other engine. */
  move(engine: Engine): Promise<Result<void>>;
}
