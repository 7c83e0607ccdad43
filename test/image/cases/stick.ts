import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { statSync } from "node:fs";
import { basename, join } from "node:path";
import { BUNDLES } from "../bundles.ts";
import { shows, type Case, type Stage } from "../case.ts";
import { seededMachine } from "../shared-machine.ts";

const MIB = 1024 ** 2;

export const stickCases: readonly Case[] = [{ name: "update from a stick, without a network", run: fromStick }];

/** It is in the machine from its first start on, and still is when the new version runs. */
async function fromStick({ bench, say }: Stage): Promise<void> {
  const bundle = await BUNDLES.good(bench);
  const stick = join(bench.folder, "usb.img");
  const size = Math.ceil(statSync(bundle).size / MIB) + 16;
  await bench.tool(
    `cd /making; rm -f usb.img; truncate -s ${size}M usb.img; mkfs.fat -F 32 usb.img >/dev/null; mmd -i usb.img ::lares; mcopy -i usb.img ${basename(bundle)} ::lares/`,
  );
  execFileSync("sync", ["-f", stick]);
  const usb = `-device qemu-xhci -drive if=none,id=stick,format=raw,readonly=on,file=${stick} -device usb-storage,drive=stick`;
  const machine = await seededMachine(bench, "stick", { more: usb.split(" ") });
  await machine.start();
  try {
    await machine.whenShown(/the update 9\.9\.9 of the stick is written/);
    say("it was found");
    await machine.whenShown(/Lares 9\.9\.9 on .*, slot B/);
    say("the new version runs");
    await machine.settled("B");
    shows(await machine.osStatus(), /"version": "9\.9\.9"[\s\S]*"state": "confirmed"/, "the status");
    await machine.whenShown(/the stick's update is not taken: 9\.9\.9 is no newer than 9\.9\.9/);
    assert.equal((await machine.must("systemctl --failed --plain --no-legend")).trim(), "");
  } finally {
    await machine.cut();
  }
}
