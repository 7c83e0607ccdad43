import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readdirSync, rmSync, statSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import * as v from "valibot";
import type { TestAgent } from "#test/scenario/agent.ts";
import { measureOf, type BenchContext, type Measure } from "../harness.ts";
import { jobOf, purge } from "../path/jobs.ts";

const MEGABYTE = 1024 * 1024;
const FILE_MB = 10;
const IMAGE = "lares-bench:1";
const GIVE_UP_MS = 180_000;
const AllocsSchema = v.array(v.object({ ID: v.string() }));

/** How fast a task's output gets into its rotated files, whole. */
export async function output(context: BenchContext, agent: TestAgent, withDocker: boolean): Promise<Measure[]> {
  const rounds = Math.min(context.rounds, 3);
  const base = { unit: "MB/s", better: "more" } as const;
  const target = { text: "≥ 200 MB/s", atLeast: 200 };
  const measures: Measure[] = [];
  for (const driver of ["raw_exec", "exec"]) {
    const samples: number[] = [];
    for (let round = 0; round < rounds; round++)
      samples.push(await throughput(agent, { driver, megabytes: 1000, config: {} }));
    measures.push(measureOf({ ...base, name: `${driver}: output to rotated files`, target }, ...samples));
  }
  if (!withDocker) return measures;
  const [ours, plain]: [number[], number[]] = [[], []];
  const folder = await context.tempDir();
  for (let round = 0; round < rounds; round++) {
    plain.push(await followed(`${folder}/log`, DOCKER_MB));
    ours.push(await throughput(agent, { driver: "docker", megabytes: DOCKER_MB, config: { image: IMAGE } }));
  }
  const peer = "docker logs -f to a file";
  const share = { text: "≥ 0.8× docker logs -f", ratioAtLeast: 0.8 };
  return [
    ...measures,
    measureOf({ ...base, name: peer, peer: true }, ...plain),
    measureOf({ ...base, name: "docker: output to rotated files", against: peer, target: share }, ...ours),
  ];
}

const DOCKER_MB = 100;

/** Lines of a hundred bytes, as programs write them. */
const LINE = "x".repeat(99);
function writing(megabytes: number): string {
  return `yes ${LINE} | head -c ${megabytes * MEGABYTE}`;
}

interface Writing {
  readonly driver: string;
  readonly megabytes: number;
  readonly config: object;
}

async function throughput(agent: TestAgent, { driver, megabytes, config }: Writing): Promise<number> {
  const id = `bench-output-${driver.replace("_", "-")}-${Math.round(performance.now())}`;
  const task = {
    Driver: driver,
    Config: { command: "/bin/sh", args: ["-c", `${writing(megabytes)}; exec sleep 1000`], ...config },
    Resources: { CPU: 10, MemoryMB: 256 },
    LogConfig: { MaxFiles: 10, MaxFileSizeMB: FILE_MB },
    KillSignal: "SIGKILL",
  };
  const body = JSON.stringify({ Job: jobOf(id, { task, group: { EphemeralDisk: { SizeMB: 500 } } }) });
  await fetch(`${agent.nomad}/v1/jobs`, { method: "PUT", body });
  let folder = "";
  const called = performance.now();
  while (folder === "") {
    if (performance.now() - called > GIVE_UP_MS)
      throw new Error(`${id}: ${JSON.stringify(await agent.get(`/v1/job/${id}/allocations`))}`);
    const [alloc] = v.parse(AllocsSchema, await agent.get(`/v1/job/${id}/allocations`));
    const logs = `${agent.dir}/data/alloc/${alloc?.ID ?? ""}/alloc/logs`;
    if (alloc !== undefined && written(logs) > 0) folder = logs;
    else await wait(5);
  }
  const began = performance.now();
  while (written(folder) < megabytes * MEGABYTE) {
    if (performance.now() - began > GIVE_UP_MS)
      throw new Error(`${driver}: ${written(folder)} bytes of its output arrived`);
    await wait(10);
  }
  const seconds = (performance.now() - began) / 1000;
  await purge(agent, id);
  return megabytes / seconds;
}

/** Files before the oldest that is left were full. */
function written(folder: string): number {
  let names: string[] = [];
  try {
    names = readdirSync(folder).filter((name) => /^t\.stdout\.\d+$/.test(name));
    const numbers = names.map((name) => Number(name.split(".").at(-1)));
    if (numbers.length === 0) return 0;
    const last = Math.max(...numbers);
    return last * FILE_MB * MEGABYTE + statSync(`${folder}/t.stdout.${last}`).size;
  } catch {
    return 0;
  }
}

/** What the engine's own client does with the same output. */
async function followed(file: string, megabytes: number): Promise<number> {
  const name = `lares-bench-log-${process.pid}`;
  await docker("run", "-d", "--name", name, IMAGE, "/bin/sh", "-c", writing(megabytes));
  const began = performance.now();
  const out = openSync(file, "w");
  const follow = spawn("docker", ["logs", "-f", name], { stdio: ["ignore", out, "inherit"] });
  await once(follow, "close");
  const seconds = (performance.now() - began) / 1000;
  closeSync(out);
  const size = statSync(file).size;
  rmSync(file);
  await docker("rm", "-f", name);
  if (size !== megabytes * MEGABYTE) throw new Error(`docker logs gave ${size} bytes`);
  return megabytes / seconds;
}

async function docker(...args: string[]): Promise<void> {
  const child = spawn("docker", args, { stdio: ["ignore", "ignore", "inherit"] });
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error(`docker ${args.join(" ")} ended with ${code}`);
}
