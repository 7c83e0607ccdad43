import type { AgentConfig } from "#base/language/agent-config/config.ts";
import type { SystemEnv } from "#base/platform/create-env.ts";

import type { OwnMember } from "./cluster/own-member.ts";

export interface AgentOptions {
  readonly config: AgentConfig;
  readonly env: SystemEnv;
  readonly version: string;
  /** What a stop does with running tasks: an agent that restarts leaves them, one that goes away for good ends them. */
  readonly tasksAtStop: "leave" | "stop";
  /** A token that lets this node in where the servers do not know it yet. */
  readonly introduction?: string | undefined;
  /** Reads the configuration again. */
  readonly reload: () => Promise<void>;
  /** Asks the program to stop this agent and start it again, with the same options. */
  readonly restart?: () => void;
  /** What outlives one of its starts: an etcd member that waited for a majority. */
  readonly carried?: { member: OwnMember | undefined };
  /** Asks the program to stop this agent and end. */
  readonly shutdown?: () => void;
}
