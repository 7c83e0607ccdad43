import { randomUUID } from "node:crypto";
import { mkdirSync, readFileSync } from "node:fs";
import type { ExecutionContext } from "ava";
import type { Driver, TaskDevice, TaskStart } from "#drivers/driver.ts";

/** A task of an allocation of its own below `root`, its folders made. */
export function taskIn(
  root: string,
  config: Readonly<Record<string, unknown>>,
  more: Partial<TaskStart> = {},
): TaskStart {
  const allocId = randomUUID();
  const alloc = `${root}/allocs/${allocId}`;
  for (const folder of ["alloc/logs", "t/local", "t/secrets", "t/tmp"])
    mkdirSync(`${alloc}/${folder}`, { recursive: true });
  return {
    id: `${allocId}/t/${allocId.slice(0, 8)}`,
    allocId,
    allocName: "j.g[0]",
    namespace: "default",
    jobId: "j",
    groupName: "g",
    taskName: "t",
    config,
    env: { GREETING: "hello" },
    user: "",
    resources: {
      Cpu: { CpuShares: 100, ReservedCores: [] },
      Memory: { MemoryMB: 32, MemoryMaxMB: 0 },
      Networks: [],
      Devices: [],
    },
    ports: [],
    networkMode: "",
    paths: {
      allocDir: `${alloc}/alloc`,
      taskDir: `${alloc}/t`,
      localDir: `${alloc}/t/local`,
      secretsDir: `${alloc}/t/secrets`,
      stdoutPath: `${alloc}/alloc/logs/t.stdout.0`,
      stderrPath: `${alloc}/alloc/logs/t.stderr.0`,
    },
    mounts: [],
    killTimeoutMs: 5000,
    onEvent: () => {},
    signal: new AbortController().signal,
    ...more,
  };
}

/** Runs a task to its end, and removes it; what it printed. */
export async function ranIn(t: ExecutionContext, driver: Driver, task: TaskStart): Promise<string> {
  const started = await driver.start(task);
  if (!started.ok) throw new Error(started.error.message);
  await driver.wait(started.value, new AbortController().signal);
  await driver.destroy(started.value);
  t.teardown(() => driver.close?.());
  return readFileSync(task.paths.stdoutPath, "utf8");
}

/** A device every machine has, under another name: what is written to it finds no space. */
export const FULL: TaskDevice = {
  type: "serial",
  vendor: "acme",
  name: "board",
  id: "1",
  nodes: [{ hostPath: "/dev/full", taskPath: "/dev/ttyBOARD", permissions: "rw" }],
  stablePath: "/dev/full",
  env: {},
};
/** Tells whether it has the device, and who may open it. */
export const ASK_FULL = "{ echo x >/dev/ttyBOARD; } 2>&1; [ -c /dev/ttyBOARD ] && [ -O /dev/ttyBOARD ] && echo mine";
