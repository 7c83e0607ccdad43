import assert from "node:assert/strict";
import { setTimeout as wait } from "node:timers/promises";
import type { Case, Stage } from "../case.ts";
import type { Machine } from "../machine.ts";
import { seededMachine } from "../shared-machine.ts";

/** What is written in so many minutes stands for a day. */
const MINUTES = Number(process.env["IDLE_MINUTES"] ?? 15);
/** Until what follows a start is over: the first hour's log is kept after ten minutes. */
const SETTLE_MINUTES = Math.min(MINUTES, 4);
const DAY_MINUTES = 1440;
const SECTOR = 512;
/** Those that take most: KiB and name. */
const RESIDENT =
  "busybox awk '/^Name/ { name = $2 } /^VmRSS/ { print $2, name }' /proc/[0-9]*/status | sort -rn | head -n 8";

export const idleCases: readonly Case[] = [{ name: "an idle machine of 512 MB: memory and writes", run: idle }];

async function idle({ bench, say }: Stage): Promise<void> {
  const machine = await seededMachine(bench, "idle", { memoryMib: 512 });
  await machine.start();
  try {
    await machine.settled("A");
    await wait(SETTLE_MINUTES * 60_000);
    const [, total = 0, free = 0] =
      /MemTotal:\s+(\d+)[\s\S]*MemAvailable:\s+(\d+)/.exec(await machine.must("cat /proc/meminfo"))?.map(Number) ?? [];
    const used = (total - free) / 1024;
    say(`memory: ${used.toFixed(0)} MiB of ${(total / 1024).toFixed(0)} are not available`);
    const before = await written(machine);
    const began = performance.now();
    await wait(MINUTES * 60_000);
    const bytes = (await written(machine)) - before;
    const minutes = (performance.now() - began) / 60_000;
    const perDay = (bytes * DAY_MINUTES) / minutes / 1e6;
    say(`${(bytes / 1024).toFixed(0)} KiB written in ${minutes.toFixed(1)} minutes: ${perDay.toFixed(2)} MB a day`);
    say(`processes: ${(await machine.must(RESIDENT)).trim().replaceAll("\n", "; ")}`);
    assert.ok(used < 220, "memory of a machine with its agent");
    assert.ok(perDay < 5, "writes of a day");
  } finally {
    await machine.cut();
  }
}

async function written(machine: Machine): Promise<number> {
  await machine.must("sync");
  const disk = (await machine.must("cat /run/lares-os/disk-name")).trim();
  const stat = (await machine.must(`cat /sys/block/${disk}/stat`)).trim().split(/\s+/);
  return Number(stat[6]) * SECTOR;
}
