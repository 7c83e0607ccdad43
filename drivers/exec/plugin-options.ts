import type { Failure } from "#base/env/errors.ts";
import { checkConfig, readConfig, type ConfigShape } from "../config-shape.ts";
import { checkDeniedIds, DENIED_SHAPE, readDeniedIds, type DeniedIds } from "../process/denied-ids.ts";

/** https://developer.hashicorp.com/nomad/docs/deploy/task-driver/exec#plugin-options */
export interface ExecOptions {
  readonly noPivotRoot: boolean;
  /** `private` or `host`. */
  readonly defaultPidMode: string;
  readonly defaultIpcMode: string;
  /** Capabilities a task may have, in lower case. */
  readonly allowCaps: readonly string[];
  /** Processes of one task. */
  readonly pidsLimit: number;
  readonly denied: DeniedIds;
  /** Of the machine, path → path in the task's root; empty: {@link DEFAULT_ROOT}. */
  readonly root: Readonly<Record<string, string>>;
}

/** What a fork bomb may reach. */
const PIDS_LIMIT = 4096;

/** Docker's default set without net_raw. */
export const DEFAULT_CAPS: readonly string[] =
  "audit_write chown dac_override fowner fsetid kill mknod net_bind_service setfcap setgid setpcap setuid sys_chroot".split(
    " ",
  );

const SHAPE: ConfigShape = {
  no_pivot_root: { kind: "flag" },
  default_pid_mode: { kind: "text" },
  default_ipc_mode: { kind: "text" },
  allow_caps: { kind: "texts" },
  pids_limit: { kind: "number" },
  ...DENIED_SHAPE,
};

export function checkExecOptions(name: string): (config: Readonly<Record<string, unknown>>) => readonly Failure[] {
  return (config) => [...checkConfig(`${name} plugin`, SHAPE, config), ...checkDeniedIds(name, config)];
}

export function readExecOptions(
  config: Readonly<Record<string, unknown>>,
  root: Readonly<Record<string, string>> = {},
): ExecOptions {
  const read = readConfig(config);
  const caps = read.texts("allow_caps").map((cap) => cap.toLowerCase().replace(/^cap_/, ""));
  return {
    noPivotRoot: read.flag("no_pivot_root", false),
    defaultPidMode: read.text("default_pid_mode") || "private",
    defaultIpcMode: read.text("default_ipc_mode") || "private",
    allowCaps: caps.length === 0 ? DEFAULT_CAPS : caps,
    pidsLimit: read.number("pids_limit") ?? PIDS_LIMIT,
    denied: readDeniedIds(config),
    root,
  };
}
