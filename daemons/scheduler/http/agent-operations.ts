import type { LogLevel } from "#base/env/log.ts";

/** What an agent lets its operators do to the process itself. */
export interface AgentOperations {
  /** Reads the configuration again. */
  reload(): Promise<void>;
  /** The agent's log from now on, line by line, until the signal aborts. */
  monitor(request: MonitorRequest): AsyncIterable<Uint8Array>;
  /** The newest lines of the agent's log, oldest first. */
  recentLog(request: { readonly level: LogLevel; readonly json: boolean }): string;
  /** What surrounds the process; secrets left out. */
  host(): Promise<HostFacts>;
  /** Undefined: debugging is off. */
  readonly profiles: AgentProfiles | undefined;
}

export interface MonitorRequest {
  readonly level: LogLevel;
  readonly json: boolean;
  readonly signal: AbortSignal;
}

/** Field names: https://developer.hashicorp.com/nomad/api-docs/agent#host */
export interface HostFacts {
  readonly OS: string;
  readonly Network: readonly Readonly<Record<string, string>>[];
  readonly ResolvConf: string;
  readonly Hosts: string;
  readonly Environment: Readonly<Record<string, string>>;
  readonly Disk: Readonly<Record<string, { readonly DiskMB: number; readonly UsedMB: number }>>;
}

/** Each in the format the runtime's own tools read. */
export interface AgentProfiles {
  commandLine(): string;
  /** A V8 CPU profile (`.cpuprofile`). */
  cpu(seconds: number, signal: AbortSignal): Promise<string>;
  /** A V8 sampling heap profile (`.heapprofile`). */
  heap(seconds: number, signal: AbortSignal): Promise<string>;
  /** What keeps the process alive: sockets, timers, one a line. */
  handles(): string;
}
