import assert from "node:assert/strict";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import type { Case, Stage } from "../case.ts";
import { Cluster } from "../cluster.ts";
import type { Machine } from "../machine.ts";
import { seededMachine } from "../shared-machine.ts";
import { built, Workbench } from "../workbench.ts";

/** What is written in so many minutes stands for a day, but for the log, which is kept once an hour. */
const MINUTES = Number(process.env["IDLE_MINUTES"] ?? 15);
/** Until what follows a start is over: the log is kept for the first time after ten minutes, and lies on the disk a minute later. */
const SETTLE_MINUTES = 13;
const DAY_MINUTES = 1440;
const DAY_HOURS = 24;
const SECTOR = 512;
const SERVERS = 3;
/** Those that take most: KiB and name. */
const RESIDENT =
  "busybox awk '/^Name/ { name = $2 } /^VmRSS/ { print $2, name }' /proc/[0-9]*/status | sort -rn | head -n 8";

/** MiB of an idle machine with everything that runs on one. */
const [ALONE_LIMIT, SERVER_LIMIT] = [220, 300];
const WRITES_LIMIT = 5;

export const idleCases: readonly Case[] = [
  { name: "an idle machine of 512 MB: memory and writes", run: idle },
  { name: "three idle servers of 512 MB, with etcd and Docker's engine: memory and writes", run: servers, needs },
];

function needs(): string | undefined {
  return existsSync(`${built("amd64", "docker")}/disk.img`) ? undefined : "npm run image -- -flavour docker -only raw";
}

async function idle({ bench, say }: Stage): Promise<void> {
  const machine = await seededMachine(bench, "idle", { memoryMib: 512 });
  await machine.start();
  try {
    await machine.settled("A");
    const { used, perDay } = await measured(machine, say);
    assert.ok(used < ALONE_LIMIT, "memory of a machine with its agent");
    assert.ok(perDay < WRITES_LIMIT, "writes of a day");
  } finally {
    await machine.cut();
  }
}

/** The one that leads has most to do. */
async function servers({ bench: { folder }, say }: Stage): Promise<void> {
  const own = join(folder, "idle-servers");
  mkdirSync(own, { recursive: true });
  const bench = await Workbench.open(own, "docker");
  const cluster = await Cluster.open({ bench, say, memoryMib: 512 });
  try {
    for (let i = 0; i < SERVERS; i++) await cluster.add();
    await Promise.all(cluster.machines.map((machine) => cluster.located(machine)));
    const founder = await cluster.founder();
    await cluster.whenFounded(founder);
    for (const machine of cluster.machines.filter((each) => each !== founder)) await cluster.approve(machine);
    await cluster.whenServers(SERVERS);
    await founder.settled("A");
    const { used, perDay } = await measured(founder, say);
    assert.ok(used < SERVER_LIMIT, "memory of a machine that is one of three servers");
    assert.ok(perDay < WRITES_LIMIT, "writes of a day");
  } finally {
    await cluster.discard();
    bench.close();
  }
}

/** @returns MiB that are not available, and MB that are written in a day */
async function measured(machine: Machine, say: Stage["say"]): Promise<{ used: number; perDay: number }> {
  await wait(SETTLE_MINUTES * 60_000);
  const [, total = 0, free = 0] =
    /MemTotal:\s+(\d+)[\s\S]*MemAvailable:\s+(\d+)/.exec(await machine.must("cat /proc/meminfo"))?.map(Number) ?? [];
  const used = (total - free) / 1024;
  say(`memory: ${used.toFixed(0)} MiB of ${(total / 1024).toFixed(0)} are not available`);
  const quiet = await during(machine, () => wait(MINUTES * 60_000));
  const hourly = await during(machine, () => machine.must("systemctl start lares-ring.service"));
  const perDay = ((quiet * DAY_MINUTES) / MINUTES + hourly * DAY_HOURS) / 1e6;
  say(
    `${(quiet / 1024).toFixed(0)} KiB written in ${MINUTES} minutes, ${(hourly / 1024).toFixed(0)} KiB when the log is kept: ` +
      `${perDay.toFixed(2)} MB a day`,
  );
  say(`processes: ${(await machine.must(RESIDENT)).trim().replaceAll("\n", "; ")}`);
  return { used, perDay };
}

/** Bytes that are written meanwhile. */
async function during(machine: Machine, work: () => Promise<unknown>): Promise<number> {
  const before = await written(machine);
  await work();
  return (await written(machine)) - before;
}

async function written(machine: Machine): Promise<number> {
  await machine.must("sync");
  const disk = (await machine.must("cat /run/lares-os/disk-name")).trim();
  const stat = (await machine.must(`cat /sys/block/${disk}/stat`)).trim().split(/\s+/);
  return Number(stat[6]) * SECTOR;
}
