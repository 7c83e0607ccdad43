import type { Failure, Result } from "#base/env/errors.ts";
import type { Exit } from "#base/env/exec.ts";
import type { AllocatedTaskResources, NetworkResource, PortMapping } from "#base/protocol/resources.ts";
import type { DriverInfo, NodeDevice } from "#base/protocol/node.ts";

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
  /** For drivers whose tasks cannot join any namespace: they make the one that all tasks of an allocation share. */
  readonly sandbox?: SandboxMaker;
  /** Gives back what the driver itself holds (connections, timers); tasks run on. */
  close?(): void | Promise<void>;
}

/** `recoverable`: another attempt may succeed, so the task's restart policy decides. */
export interface StartFailure extends Failure {
  readonly recoverable: boolean;
}

export interface SandboxWish {
  readonly allocId: string;
  readonly allocsRoot: string;
  readonly hostname: string;
  /** Null: the host's. */
  readonly dns: NetworkResource["DNS"];
}

export interface Sandbox {
  readonly id: string;
  /** Path of its network namespace. */
  readonly namespace: string;
}

/** Makes and removes empty network namespaces. */
export interface SandboxMaker {
  create(wish: SandboxWish): Promise<Result<Sandbox>>;
  /** Whether it is still there. */
  stands(id: string): Promise<boolean>;
  remove(id: string): Promise<void>;
  /** The id by which `sweep` is told to keep it. */
  taskId(allocId: string): string;
}

/** The network that the tasks of an allocation share. */
export interface TaskNetwork {
  /** Path of its namespace. */
  readonly namespace: string;
  /** Its name for the driver that made it; empty: the system did. */
  readonly sandbox: string;
  /** The interface inside, and its address. */
  readonly device: string;
  readonly address: string;
  /** Empty: it has none, or `address` is one. */
  readonly addressIpv6: string;
  /** Files to be seen as /etc/resolv.conf and /etc/hosts. */
  readonly resolvConf: string;
  readonly hosts: string;
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
  /** Undefined: not known. */
  readonly node?: { readonly id: string; readonly name: string } | undefined;
  readonly config: Readonly<Record<string, unknown>>;
  readonly env: Readonly<Record<string, string>>;
  /** Empty: the driver's default. */
  readonly user: string;
  readonly resources: AllocatedTaskResources;
  readonly ports: readonly PortMapping[];
  /** The group's network mode: '' and `host` are the host's. */
  readonly networkMode: string;
  /** Undefined: the host's, or none. */
  readonly network?: TaskNetwork | undefined;
  readonly paths: TaskPaths;
  readonly mounts: readonly TaskMount[];
  /** Undefined: none. */
  readonly devices?: readonly TaskDevice[] | undefined;
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

/**
 * A device of this machine that the plan gave to this task alone. A driver with a root of its own shows `nodes` in it and
 * lets the task use them; one for machines may attach `usb` instead.
 */
export interface TaskDevice {
  /** `serial`, `gpu`, `sound`, `video` … */
  readonly type: string;
  readonly vendor: string;
  readonly name: string;
  /** The instance's id in the plan. */
  readonly id: string;
  /** The first is the one programs open: a terminal, a camera, a render node. */
  readonly nodes: readonly DeviceNode[];
  /** A name of the first node that stays the same wherever the device is plugged in; else its path. */
  readonly stablePath: string;
  readonly usb?: UsbAddress | undefined;
  /** What its programs look for in their environment. */
  readonly env: Readonly<Record<string, string>>;
}

/** A file below /dev; where it is shown in the task's own root. */
export interface DeviceNode {
  readonly hostPath: string;
  readonly taskPath: string;
  /** `r`, `w`, `m` (make it anew), as control groups have them. */
  readonly permissions: string;
}

/** Where a device sits now: /dev/bus/usb/BUS/DEVICE. */
export interface UsbAddress {
  readonly bus: number;
  readonly device: number;
  /** Four hex digits each. */
  readonly vendorId: string;
  readonly productId: string;
}

/** Finds devices of one kind on this machine. */
export interface DeviceSource {
  readonly name: string;
  /** Another text whenever `find` might answer otherwise; cheap enough to ask every few seconds. */
  pulse(): Promise<string>;
  find(): Promise<readonly FoundDevice[]>;
  /** What the kernel measures of one, the most telling figure first. */
  measure?(device: TaskDevice): Promise<readonly DeviceFigure[]>;
}

export interface DeviceFigure {
  readonly name: string;
  /** `%`, `B`, `°C` …; empty: a count. */
  readonly unit: string;
  readonly value: number;
}

export interface FoundDevice extends TaskDevice {
  readonly attributes: NodeDevice["Attributes"];
  /** Another text once it was unplugged and came back. */
  readonly incarnation: string;
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
  readonly network?: {
    readonly ip: string;
    readonly ipv6?: string;
    readonly portMap: Readonly<Record<string, number>>;
  };
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
