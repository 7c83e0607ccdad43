import { existsSync, statSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import type { Env } from "#base/env/env.ts";
import { readQemuOptions } from "#drivers/qemu/plugin-options.ts";
import { createQemuDriver } from "#drivers/qemu/qemu-driver.ts";
import { append, testGuest } from "#test/drivers/qemu/test-guest.ts";
import { taskIn } from "#test/drivers/task.ts";
import { measureOf, type BenchContext, type Measure } from "../harness.ts";

const MEMORY = {
  Cpu: { CpuShares: 100, ReservedCores: [] },
  Memory: { MemoryMB: 128, MemoryMaxMB: 0 },
  Networks: [],
  Devices: [],
};

const TICK_MS = 10;

/**
 * From the call to start a guest to its first line in the task's log; what of that is the driver's, until the guest is let
 * go; and the processor time QEMU took, which tells on a busy machine what an idle one would show.
 */
export async function guests(context: BenchContext, env: Env): Promise<Measure[]> {
  const root = await context.tempDir();
  const guest = testGuest();
  const driver = createQemuDriver(env, readQemuOptions({ image_paths: [guest.folder] }), root);
  context.defer(() => driver.close?.());
  const config = { kernel: guest.kernel, initrd: guest.initrd, append: append("stubborn"), accelerator: "tcg" };
  const [samples, starts, computed]: [number[], number[], number[]] = [[], [], []];
  for (let round = -1; round < context.rounds; round++) {
    const task = taskIn(root, config, { resources: MEMORY });
    const began = performance.now();
    const result = await driver.start(task);
    if (!result.ok) throw new Error(result.error.message);
    const started = performance.now() - began;
    context.defer(() => driver.destroy(result.value));
    while (!existsSync(task.paths.stdoutPath) || statSync(task.paths.stdoutPath).size === 0) await wait(5);
    const took = performance.now() - began;
    const stats = await driver.stats(result.value);
    await driver.stop(result.value, { killSignal: "SIGKILL", killTimeoutMs: 1000 });
    if (round < 0) continue;
    samples.push(took);
    starts.push(started);
    if (stats.ok) computed.push(stats.value.cpuTotalTicks * TICK_MS);
  }
  const target = { text: "≤ 3 s", atMost: 3000 };
  return [
    measureOf({ name: "qemu: guest's first line", unit: "ms", better: "less", target }, ...samples),
    measureOf({ name: "qemu: until it is let go", unit: "ms", better: "less" }, ...starts),
    measureOf({ name: "qemu: processor time until its first line", unit: "ms", better: "less" }, ...computed),
  ];
}
