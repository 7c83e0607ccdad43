import type { Env } from "#base/env/env.ts";
import type { RunResult } from "#base/env/exec.ts";

/** Inside the sandbox the folder that was given is here. */
export const INSIDE = "/work";

export interface SandboxRun {
  readonly argv: readonly string[];
  /** All it can write to. */
  readonly folder: string;
  /** Whether it may speak to the network. */
  readonly network: boolean;
  /** More it may read: host path → path inside. */
  readonly readable?: ReadonlyMap<string, string>;
  readonly input?: string;
  readonly variables?: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  /** The largest file it may write, in bytes. */
  readonly maxFileBytes: number;
  readonly signal: AbortSignal;
  /** Off: it sees the whole machine. */
  readonly isolated: boolean;
}

const SYSTEM = [
  "/etc/resolv.conf",
  "/etc/hosts",
  "/etc/nsswitch.conf",
  "/etc/ssl",
  "/etc/ca-certificates",
  "/etc/passwd",
];

/**
 * Runs a program that handles foreign bytes: with no rights, no devices and no view of the machine but its programs
 * (bwrap(1)), and a limit on every file it writes (prlimit(1)). Secrets go in through `input`: arguments are seen by all.
 */
export function runSandboxed(env: Env, run: SandboxRun): Promise<RunResult> {
  const limited = ["prlimit", `--fsize=${run.maxFileBytes}`, "--core=0", "--nofile=1024", "--", ...run.argv];
  return env.exec.run(run.isolated ? [...bubble(run), ...limited] : limited, {
    timeoutMs: run.timeoutMs,
    signal: run.signal,
    ...(run.input === undefined ? {} : { input: run.input }),
    ...(run.isolated
      ? { env: { PATH } }
      : { cwd: run.folder, env: { PATH, HOME: run.folder, LANG: "C.UTF-8", ...run.variables } }),
  });
}

/** Where a path in the folder is for the program. */
export function seen(run: Pick<SandboxRun, "isolated" | "folder">, name: string): string {
  return `${run.isolated ? INSIDE : run.folder}/${name}`;
}

const PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin";

function bubble({ folder, network, readable = new Map(), variables = {} }: SandboxRun): readonly string[] {
  return [
    ..."bwrap --unshare-all --die-with-parent --new-session --clearenv --ro-bind /usr /usr".split(" "),
    ...(network ? ["--share-net"] : []),
    ...["bin", "sbin", "lib", "lib64"].flatMap((name) => ["--symlink", `usr/${name}`, `/${name}`]),
    ...SYSTEM.flatMap((path) => ["--ro-bind-try", path, path]),
    ..."--proc /proc --dev /dev --tmpfs /tmp".split(" "),
    ...[...readable].flatMap(([host, inside]) => ["--ro-bind", host, inside]),
    "--bind",
    folder,
    INSIDE,
    "--chdir",
    INSIDE,
    ...Object.entries({ PATH, HOME: "/tmp", LANG: "C.UTF-8", ...variables }).flatMap(([name, value]) => [
      "--setenv",
      name,
      value,
    ]),
    "--",
  ];
}
