import { fail, succeed, type Result } from "#base/env/errors.ts";
import type { ConfigReader, ConfigShape } from "../config-shape.ts";
import { capabilitiesOf } from "./capabilities.ts";
import type { ExecOptions } from "./plugin-options.ts";

/** What every isolated process may say, whatever runs in it. https://developer.hashicorp.com/nomad/docs/job-declare/task-driver/exec */
export const ISOLATION_SHAPE: ConfigShape = {
  work_dir: { kind: "text" },
  pid_mode: { kind: "text" },
  ipc_mode: { kind: "text" },
  cap_add: { kind: "texts" },
  cap_drop: { kind: "texts" },
};

export interface Isolation {
  readonly cwd: string;
  readonly pidMode: string;
  readonly ipcMode: string;
  readonly capabilities: readonly string[];
}

export function readIsolation(config: ConfigReader, options: ExecOptions): Result<Isolation> {
  const pidMode = config.text("pid_mode") || options.defaultPidMode;
  const ipcMode = config.text("ipc_mode") || options.defaultIpcMode;
  for (const [name, mode] of [
    ["pid_mode", pidMode],
    ["ipc_mode", ipcMode],
  ]) {
    if (mode !== "private" && mode !== "host")
      return fail("BAD_VALUE", `${name} must be private or host, got ${JSON.stringify(mode)}`);
  }
  const cwd = config.text("work_dir") || "/";
  if (!cwd.startsWith("/")) return fail("BAD_VALUE", `work_dir must be absolute, got ${JSON.stringify(cwd)}`);
  const capabilities = capabilitiesOf(
    { add: config.texts("cap_add"), drop: config.texts("cap_drop") },
    options.allowCaps,
  );
  if (!capabilities.ok) return capabilities;
  return succeed({ cwd, pidMode, ipcMode, capabilities: capabilities.value });
}
