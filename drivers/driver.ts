import type { Failure, Result } from "#base/env/errors.ts";
import type { Exit } from "#base/env/exec.ts";
import type { AllocatedTaskResources, PortMapping } from "#base/protocol/resources.ts";
import type { DriverInfo } from "#base/protocol/node.ts";

/**
 * What runs tasks of one kind. A driver keeps nothing that a restart could lose: everything it needs to find a task
 * again is in the {@link TaskHandle}, which the caller stores. `drivers/conformance.ts` holds every driver to this.
 */
export interface Driver {
  readonly name: string;
  readonly capabilities: DriverCapabilities;
  /** What this machine offers; cheap enough to ask every 30 s. Attributes go under `driver.<name>`. */
  fingerprint(): Promise<DriverInfo>;
  /** Checks `config` without touching anything. Unknown keys are errors that name the nearest known one. */
  validate(config: Readonly<Record<string, unknown>>): readonly Failure[];
  /** Starts the task and returns when it runs. Leaves nothing behind when it fails. */
  start(task: TaskStart): Promise<Result<TaskHandle, StartFailure>>;
  /** Finds a running or ended task after a restart. `gone`: it does not exist any more. */
  recover(handle: TaskHandle): Promise<Result<TaskHandle>>;
  /** Resolves when the task ended, also if it had ended before. Can be called again after `recover`. */
  wait(handle: TaskHandle, signal: AbortSignal): Promise<TaskExit>;
  /** Sends `killSignal`, then kills what is left after `killTimeoutMs`. Resolves when nothing of the task runs. */
  stop(handle: TaskHandle, options: StopOptions): Promise<void>;
  /** Removes what is left of an ended task (container, cgroup, overlay). Idempotent. */
  destroy(handle: TaskHandle): Promise<void>;
  signal(handle: TaskHandle, signalName: string): Promise<Result<void>>;
  stats(handle: TaskHandle): Promise<Result<TaskStats>>;
  exec(handle: TaskHandle, request: ExecRequest): Promise<Result<ExecSession>>;
  /** Ends and removes what earlier attempts under this allocation root left running and nobody knows any more. */
  sweep?(request: SweepRequest): Promise<void>;
  /** Gives back what the driver itself holds (connections, timers); tasks run on. */
  close?(): void | Promise<void>;
}

/** `recoverable`: another attempt may succeed, so the task's restart policy decides. */
export interface StartFailure extends Failure {
  readonly recoverable: boolean;
}

export interface SweepRequest {
  /** The folder above all allocations of this agent: what was started for another agent is not ours to end. */
  readonly allocsRoot: string;
  /** Task ids that are known: running, or about to start. */
  readonly keep: ReadonlySet<string>;
}

export interface DriverCapabilities {
  readonly sendSignals: boolean;
  readonly exec: boolean;
  /** `image`: the task brings its own root; `chroot`: one is built; `none`: it sees the host's files. */
  readonly fsIsolation: "none" | "chroot" | "image";
  readonly networkModes: readonly ("host" | "bridge" | "none")[];
  /** `files`: the task writes `stdoutPath` itself; `driver`: this driver copies its output there. */
  readonly logs: "files" | "driver";
}

export interface TaskStart {
  /** Unique per attempt: `<allocId>/<task>/<8 hex digits>`. */
  readonly id: string;
  readonly allocId: string;
  readonly allocName: string;
  readonly namespace: string;
  readonly jobId: string;
  readonly groupName: string;
  readonly taskName: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly env: Readonly<Record<string, string>>;
  /** Empty: the driver's default. */
  readonly user: string;
  readonly resources: AllocatedTaskResources;
  readonly ports: readonly PortMapping[];
  /** The group's network mode: '' and `host` are the host's. */
  readonly networkMode: string;
  readonly paths: TaskPaths;
  readonly mounts: readonly TaskMount[];
  readonly killTimeoutMs: number;
  /** Progress a user would like to see as a task event ("Downloading image"). */
  readonly onEvent: (message: string, details: Readonly<Record<string, string>>) => void;
  readonly signal: AbortSignal;
}

export interface TaskPaths {
  /** `<alloc>/alloc`, shared by the group's tasks; NOMAD_ALLOC_DIR. */
  readonly allocDir: string;
  /** `<alloc>/<task>`; holds local, secrets, tmp. */
  readonly taskDir: string;
  readonly localDir: string;
  readonly secretsDir: string;
  /** Output goes to the end of these files; the caller rotates them by punching holes in what it has copied. */
  readonly stdoutPath: string;
  readonly stderrPath: string;
}

export interface TaskMount {
  readonly hostPath: string;
  readonly taskPath: string;
  readonly readOnly: boolean;
}

/** Versioned JSON. `state` belongs to the driver. */
export interface TaskHandle {
  readonly driver: string;
  readonly version: number;
  readonly taskId: string;
  readonly state: Readonly<Record<string, unknown>>;
  /** Where other programs reach the task, when the driver gave it an address of its own. */
  readonly network?: { readonly ip: string; readonly portMap: Readonly<Record<string, number>> };
}

export type TaskExit =
  | (Exit & { readonly kind: "exited"; readonly oomKilled: boolean; readonly message: string })
  /** The task vanished and its result cannot be learnt. */
  | { readonly kind: "lost"; readonly message: string }
  /** The `signal` passed to wait was aborted. */
  | { readonly kind: "aborted" };

export interface StopOptions {
  /** `SIGTERM` form; empty: the driver's default. */
  readonly killSignal: string;
  readonly killTimeoutMs: number;
}

/** https://developer.hashicorp.com/nomad/api-docs/client#read-allocation-statistics */
export interface TaskStats {
  readonly timestampNs: number;
  readonly memoryRssBytes: number;
  readonly memoryUsageBytes: number;
  readonly cpuPercent: number;
  readonly cpuTotalTicks: number;
  readonly pids: number;
}

export interface ExecRequest {
  readonly command: readonly string[];
  /** In a terminal of its own, which shows standard error as standard output. */
  readonly tty: boolean;
  /** Its abort ends the command. */
  readonly signal: AbortSignal;
  /** While the promise it returned is pending nothing more is read of that stream. */
  readonly onOutput: (stream: "stdout" | "stderr", data: Uint8Array) => void | Promise<void>;
}

export interface ExecSession {
  /** Resolves when it was taken, or there is nobody left to. */
  write(data: Uint8Array): Promise<void>;
  endInput(): void;
  resize(size: { readonly height: number; readonly width: number }): void;
  readonly exited: Promise<Exit>;
}
