import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { truncateSync } from "node:fs";
import { partitionsOf } from "#os-image/firmware/build/disk.ts";
import { SECTOR } from "#os-image/firmware/build/gpt.ts";
import { shows, type Case, type Stage } from "../case.ts";
import { Machine, makeKey } from "../machine.ts";
import { SIZE } from "../power-cut-disk.ts";
import { seedText } from "../workbench.ts";

export const dataCases: readonly Case[] = [
  { name: "data partition with errors is repaired, and a worn disk can be looked at", run: damaged },
];

const MARK = "/var/lib/lares-os/mark";

async function damaged({ bench, say }: Stage): Promise<void> {
  const { key, line } = makeKey(bench.folder);
  const path = await bench.disk("worn.img", { "lares.hcl": seedText(line) });
  truncateSync(path, SIZE);
  const plain = { folder: bench.folder, name: "worn", disk: path, format: "raw", key } as const;
  const machine = new Machine(plain);
  const worn = new Machine({ ...plain, readOnly: true });
  try {
    await machine.start();
    await machine.settled("A");
    await machine.must(`echo kept > ${MARK}; sync`);
    await machine.run("systemctl poweroff");
    await machine.ended();
    spoil(path);
    await machine.start();
    await machine.settled("A");
    shows(await machine.osStatus(), /the data partition was repaired/, "the status");
    assert.equal((await machine.must(`cat ${MARK}`)).trim(), "kept");
    say("repaired");
    await machine.run("systemctl poweroff");
    await machine.ended();
    await worn.start();
    await worn.whenSsh();
    shows(await worn.osStatus(), /the disk can only be read: it is worn out/, "the status");
    assert.equal((await worn.must(`cat ${MARK}`)).trim(), "kept");
    shows((await worn.run("lares os wear")).stdout, /read-only: it is worn out/, "what is told of the disk");
    say("what can only be read is told, and can be looked at");
  } finally {
    await machine.cut();
    await worn.cut();
  }
}

/** Free blocks counted wrong, and the mark the kernel leaves when it finds such. */
function spoil(disk: string): void {
  const last = partitionsOf({ boot: 64, kernel: 48, slot: 512 }).at(-1)?.last ?? 0;
  const file = `${disk}?offset=${(last + 1) * SECTOR}`;
  for (const change of ["set_super_value free_blocks_count 7", "set_super_value state 3"])
    execFileSync("debugfs", ["-w", "-R", change, file], { stdio: "pipe" });
}
