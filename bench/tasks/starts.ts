import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import * as v from "valibot";
import type { Env } from "#base/env/env.ts";
import type { Driver, TaskHandle } from "#drivers/driver.ts";
import { createExecDriver } from "#drivers/exec/exec-driver.ts";
import { createRawExecDriver } from "#drivers/raw-exec/raw-exec-driver.ts";
import { taskIn } from "#test/drivers/task.ts";
import { measureOf, timeMs, type BenchContext, type Measure } from "../harness.ts";

const SLEEP = { command: "/bin/sleep", args: ["1000"] };
const BundleSchema = v.looseObject({ bundle: v.string() });
const SpecSchema = v.looseObject({ linux: v.looseObject({ cgroupsPath: v.string() }) });

/** Our own share of a start, beside what runc takes for the same container. */
export async function starts(context: BenchContext, env: Env): Promise<Measure[]> {
  const root = await context.tempDir();
  const [exec, rawExec] = [createExecDriver(env), createRawExecDriver(env)];
  context.defer(async () => {
    await exec.close?.();
    await rawExec.close?.();
  });
  const [ours, runc, raw]: [number[], number[], number[]] = [[], [], []];
  // Containers are cheap to sample, and one start says little.
  for (let round = -1; round < context.rounds * 3; round++) {
    const container = await started(exec, root);
    const alone = bareRunc(container.handle, `${root}/runc`);
    await end(exec, container.handle);
    const process = await started(rawExec, root);
    await end(rawExec, process.handle);
    if (round < 0) continue;
    ours.push(container.took);
    runc.push(alone);
    raw.push(process.took);
  }
  const base = { unit: "ms", better: "less" } as const;
  const over = ours.map((took, at) => took - (runc[at] ?? 0));
  return [
    measureOf({ ...base, name: "runc create + start", peer: true }, ...runc),
    measureOf({ ...base, name: "exec: start", against: "runc create + start" }, ...ours),
    measureOf({ ...base, name: "… above runc of the same round", target: { text: "≤ 15 ms", atMost: 15 } }, ...over),
    measureOf({ ...base, name: "raw_exec: start", target: { text: "≤ 10 ms", atMost: 10 } }, ...raw),
  ];
}

async function started(driver: Driver, root: string): Promise<{ took: number; handle: TaskHandle }> {
  const task = taskIn(root, SLEEP);
  let handle: TaskHandle | undefined;
  const took = await timeMs(async () => {
    const result = await driver.start(task);
    if (!result.ok) throw new Error(result.error.message);
    handle = result.value;
  });
  if (handle === undefined) throw new Error("no handle");
  return { took, handle };
}

async function end(driver: Driver, handle: TaskHandle): Promise<void> {
  await driver.stop(handle, { killSignal: "SIGKILL", killTimeoutMs: 5000 });
  await driver.destroy(handle);
}

/** The same bundle once more, under another name, by runc alone. */
function bareRunc(handle: TaskHandle, root: string): number {
  const { bundle } = v.parse(BundleSchema, handle.state);
  const spec = v.parse(SpecSchema, JSON.parse(readFileSync(`${bundle}/config.json`, "utf8")));
  const id = `bench-${process.pid}`;
  const copy = `${bundle}-bare`;
  mkdirSync(copy, { recursive: true });
  mkdirSync(root, { recursive: true });
  const linux = { ...spec.linux, cgroupsPath: `${spec.linux.cgroupsPath}-bare` };
  writeFileSync(`${copy}/config.json`, JSON.stringify({ ...spec, linux }));
  const runc = (...words: readonly string[]) => execFileSync("runc", ["--root", root, ...words], { stdio: "ignore" });
  const began = performance.now();
  runc("create", "--bundle", copy, id);
  runc("start", id);
  const took = performance.now() - began;
  runc("delete", "--force", id);
  return took;
}
