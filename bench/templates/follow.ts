import { readFileSync, statSync, watch } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import * as v from "valibot";
import type { TestAgent } from "#test/scenario/agent.ts";
import { jobOf, untilAllRunning } from "../path/jobs.ts";

const GIVE_UP_MS = 60_000;
/** Nobody gathers changes: each is acted on at once. */
export const AT_ONCE = { Min: 0, Max: 0 };

export interface TemplateShape {
  readonly text: string;
  readonly wait: { readonly Min: number; readonly Max: number };
}

/** Jobs that run nothing and have templates. */
export function templateJob(id: string, templates: readonly TemplateShape[], count = 1): ReturnType<typeof jobOf> {
  const task = {
    Driver: "mock_driver",
    Config: { run_for: "1h" },
    Resources: { CPU: 1, MemoryMB: 10 },
    LogConfig: { MaxFiles: 1, MaxFileSizeMB: 1 },
    Templates: templates.map(({ text, wait: gathered }, at) => ({
      EmbeddedTmpl: text,
      DestPath: `local/out-${at}`,
      ChangeMode: "noop",
      Splay: 0,
      Wait: gathered,
    })),
  };
  return jobOf(id, { task, group: { Count: count, EphemeralDisk: { SizeMB: 10 } } });
}

const AllocsSchema = v.array(v.object({ ID: v.string() }));

/** The folder of the files of a job's only allocation, once it runs. */
export async function startFollowing(agent: TestAgent, id: string, template: TemplateShape): Promise<string> {
  await untilAllRunning(agent, templateJob(id, [template]), 1);
  const [alloc] = v.parse(AllocsSchema, await agent.get(`/v1/job/${id}/allocations`));
  if (alloc === undefined) throw new Error(`${id} has no allocation`);
  return join(agent.dir, "data/alloc", alloc.ID, "t/local");
}

export async function put(agent: TestAgent, path: string, body: string): Promise<void> {
  const response = await fetch(`${agent.consul}${path}`, { method: "PUT", body });
  if (response.status !== 200) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  await response.arrayBuffer();
}

/** Milliseconds from sending a change until the file holds it. */
export async function untilWritten(file: string, text: string, change: () => Promise<void>): Promise<number> {
  const written = Promise.withResolvers<number>();
  const watcher = watch(join(file, ".."), () => {
    if (readFileSync(file, "utf8").includes(text)) written.resolve(performance.now());
  });
  const late = setTimeout(() => written.reject(new Error(`${file} never held ${text}`)), GIVE_UP_MS);
  try {
    const began = performance.now();
    await change();
    return (await written.promise) - began;
  } finally {
    clearTimeout(late);
    watcher.close();
  }
}

/** How often a file is another one while something goes on. */
export async function countWrites(file: string, during: () => Promise<void>): Promise<number> {
  let writes = 0;
  let last = statSync(file).ino;
  let isOver = false;
  const looking = (async () => {
    while (!isOver) {
      const { ino } = statSync(file);
      if (ino !== last) writes++;
      last = ino;
      await wait(20);
    }
  })();
  await during().finally(() => (isOver = true));
  await looking;
  return writes;
}

export function anonymousMb(pid: number): number {
  return Number(/^Anonymous:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1] ?? 0) / 1024;
}

/** Seconds of processor time a process has used. proc(5): utime and stime, in hundredths. */
export function processorSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /, "")
    .split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
