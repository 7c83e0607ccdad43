import { spawnSync } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import type { TestAgent } from "../agent.ts";

/** Ends an agent and what a failed check left of its tasks. */
export async function endTasks(of: TestAgent, environment: NodeJS.ProcessEnv = {}): Promise<void> {
  await of.kill();
  for (const line of processesOf(of.dir)) spawnSync("kill", ["-9", line.split(" ")[0] ?? ""]);
  const options = { encoding: "utf8", env: { ...process.env, ...environment } } as const;
  const listed = spawnSync(
    "docker",
    ["ps", "-aq", "--filter", `label=lares.allocs_root=${of.dir}/data/alloc`],
    options,
  );
  const containers = listed.stdout.split("\n").filter((id) => id !== "");
  if (containers.length > 0) spawnSync("docker", ["rm", "-f", ...containers], options);
}

/** Ends an agent for good, with tasks that a failed check left behind. */
export async function removeAgent(of: TestAgent): Promise<void> {
  await endTasks(of);
  await of.remove();
}

/** Command lines of processes whose environment names this agent's folder: its tasks. */
export function processesOf(dir: string): string[] {
  return readdirSync("/proc")
    .filter((pid) => /^\d+$/.test(pid) && environmentOf(Number(pid)).includes(`${dir}/data/alloc/`))
    .map((pid) => `${pid} ${cmdlineOf(Number(pid))}`);
}
/** The tasks' own processes, without the shells that wait for their exit codes. */
export const sleepers = (dir: string, seconds: number): string[] =>
  processesOf(dir).filter((line) => new RegExp(`^\\d+ sleep ${seconds} $`).test(line));
export const cmdlineOf = (pid: number): string => procText(`/proc/${pid}/cmdline`).replaceAll("\0", " ");
export const environmentOf = (pid: number): string => procText(`/proc/${pid}/environ`);
export function procText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // Processes end while they are looked at.
    return "";
  }
}
