import type { TaskMount, TaskStart } from "../driver.ts";
import type { DeviceFile } from "./device-files.ts";
import type { RootMount } from "./root.ts";

/** What a container is made from: the parts of an OCI runtime specification (https://github.com/opencontainers/runtime-spec) that are ours. */
export interface BundleWish {
  readonly task: TaskStart;
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly user: BundleUser;
  readonly capabilities: readonly string[];
  readonly pidMode: string;
  readonly ipcMode: string;
  readonly pidsLimit: number;
  /** Below every controller's hierarchy. */
  readonly cgroupsPath: string;
  readonly root: readonly RootMount[];
  readonly devices: readonly DeviceFile[];
}

export interface BundleUser {
  readonly uid: number;
  readonly gid: number;
  readonly additionalGids: readonly number[];
}

const SPEC_VERSION = "1.0.2";
const MIB = 1024 * 1024;

export function bundle(wish: BundleWish): object {
  const { task } = wish;
  return {
    ociVersion: SPEC_VERSION,
    root: { path: task.paths.taskDir, readonly: false },
    hostname: "",
    process: processSpec(wish, { argv: wish.argv, terminal: false }),
    mounts: [
      ...SYSTEM_MOUNTS,
      ...rootOf(wish).map(({ host, inside }) => bind({ hostPath: host, taskPath: inside, readOnly: true })),
      bind({ hostPath: task.paths.allocDir, taskPath: "/alloc", readOnly: false }),
      ...task.mounts.map(bind),
      ...wish.devices.filter(({ isTerminal }) => isTerminal).map(bindDevice),
    ],
    linux: {
      namespaces: namespaces(wish),
      cgroupsPath: wish.cgroupsPath,
      resources: resources(wish),
      devices: wish.devices.filter(({ isTerminal }) => !isTerminal).map((file) => ownDevice(file, wish.user)),
      maskedPaths: MASKED,
      readonlyPaths: READ_ONLY,
    },
  };
}

/** The first process of a container, or one that joins it. */
export function processSpec(
  { task, cwd, user, capabilities }: Pick<BundleWish, "task" | "cwd" | "user" | "capabilities">,
  { argv, terminal }: { readonly argv: readonly string[]; readonly terminal: boolean },
): object {
  return {
    terminal,
    user,
    args: argv,
    env: Object.entries(task.env).map(([name, value]) => `${name}=${value}`),
    cwd,
    // A user other than root has them only through a program that carries them.
    capabilities: {
      bounding: capabilities,
      effective: user.uid === 0 ? capabilities : [],
      permitted: user.uid === 0 ? capabilities : [],
      inheritable: [],
      ambient: [],
    },
    rlimits: [],
    noNewPrivileges: false,
  };
}

/** In a network of its own a task sees that network's names. */
function rootOf({ root, task: { network } }: BundleWish): readonly RootMount[] {
  if (network === undefined) return root;
  const own = [
    { host: network.resolvConf, inside: "/etc/resolv.conf" },
    { host: network.hosts, inside: "/etc/hosts" },
  ];
  return [...root.filter(({ inside }) => !own.some((each) => each.inside === inside)), ...own];
}

function namespaces({ pidMode, ipcMode, task }: BundleWish): readonly object[] {
  return [
    { type: "mount" },
    ...(pidMode === "host" ? [] : [{ type: "pid" }]),
    ...(ipcMode === "host" ? [] : [{ type: "ipc" }]),
    ...(task.networkMode === "none" ? [{ type: "network" }] : []),
    ...(task.network === undefined ? [] : [{ type: "network", path: task.network.namespace }]),
  ];
}

/** The task's alone: its user opens it whatever the machine's own file allows. */
function ownDevice({ taskPath, kind, major, minor }: DeviceFile, { uid, gid }: BundleUser): object {
  return { path: taskPath, type: kind, major, minor, fileMode: 0o600, uid, gid };
}

function bindDevice({ hostPath, taskPath }: DeviceFile): object {
  return { type: "bind", source: hostPath, destination: taskPath, options: ["bind", "rw", "nosuid", "noexec"] };
}

function resources({ task, pidsLimit, devices }: BundleWish): object {
  const { Cpu, Memory } = task.resources;
  const hard = Memory.MemoryMaxMB > 0 ? Memory.MemoryMaxMB : Memory.MemoryMB;
  return {
    devices: [
      { allow: false, access: "rwm" },
      ...devices.map(({ kind, major, minor, permissions }) => ({
        allow: true,
        type: kind,
        major,
        minor,
        access: permissions,
      })),
    ],
    pids: { limit: pidsLimit },
    ...(hard > 0
      ? {
          memory: {
            limit: hard * MIB,
            ...(Memory.MemoryMaxMB > 0 && Memory.MemoryMB > 0 ? { reservation: Memory.MemoryMB * MIB } : {}),
          },
        }
      : {}),
    cpu: {
      ...(Cpu.CpuShares > 0 ? { shares: Math.max(2, Cpu.CpuShares) } : {}),
      ...(Cpu.ReservedCores.length > 0 ? { cpus: Cpu.ReservedCores.join(",") } : {}),
    },
  };
}

function bind({ hostPath, taskPath, readOnly }: TaskMount): object {
  return {
    type: "bind",
    source: hostPath,
    destination: taskPath,
    options: ["rbind", "rprivate", readOnly ? "ro" : "rw", ...(readOnly ? ["nosuid"] : [])],
  };
}

const SYSTEM_MOUNTS: readonly object[] = [
  { destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "noexec", "nodev"] },
  {
    destination: "/dev",
    type: "tmpfs",
    source: "tmpfs",
    options: ["nosuid", "strictatime", "mode=755", "size=65536k"],
  },
  {
    destination: "/dev/pts",
    type: "devpts",
    source: "devpts",
    options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
  },
  {
    destination: "/dev/shm",
    type: "tmpfs",
    source: "shm",
    options: ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"],
  },
  { destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: ["nosuid", "noexec", "nodev"] },
  {
    destination: "/sys",
    type: "bind",
    source: "/sys",
    options: ["rbind", "rprivate", "nosuid", "noexec", "nodev", "ro"],
  },
];

/** As Docker hides them: https://docs.docker.com/engine/security/ */
const MASKED = [
  "/proc/kcore",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/timer_list",
  "/proc/sched_debug",
  "/sys/firmware",
];
const READ_ONLY = ["/proc/asound", "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];
