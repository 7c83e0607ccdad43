import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { shows, type Case, type Stage } from "../case.ts";
import { Machine, makeKey, overlay } from "../machine.ts";
import { built, seedText } from "../workbench.ts";

/** An emulated processor of another kind takes twice as long. */
const BOARD_MS = 2_400_000;

export const boardCases: readonly Case[] = [
  { name: "boot arm64 by UEFI", run: arm64, needs: needs("arm64") },
  { name: "boot a Raspberry Pi 3 from its card", run: pi3, needs: needs("rpi") },
];

/** These images are built apart: what has to be done first, where it was not. */
function needs(target: string): () => string | undefined {
  return () => (existsSync(`${built(target)}/disk.img`) ? undefined : `npm run image -- -target ${target} -only raw`);
}

async function arm64(stage: Stage): Promise<void> {
  const { bench } = stage;
  const { key, line } = makeKey(bench.folder);
  const base = await bench.disk("arm64.img", { "lares.hcl": seedText(line, 'hostname = "arm"\r\n') }, built("arm64"));
  const disk = overlay(`${bench.folder}/arm64.qcow2`, base, "raw", "4G");
  await toHealth(stage, new Machine({ folder: bench.folder, name: "arm64", disk, board: "arm64", key }));
}

/**
 * The firmware of the board itself is not run by QEMU: what it would start is handed over, and all else is on the card. Its
 * network card on USB does not outlive U-Boot's look at the bus.
 */
async function pi3({ bench, say }: Stage): Promise<void> {
  // QEMU 7 takes the watchdog's first word for its bite.
  const files = {
    "lares.hcl": '\uFEFFhostname = "arm"\r\n',
    "kernel.txt": "extra=module_blacklist=bcm2835_wdt console=ttyS1,115200n8\r\n",
  };
  const base = await bench.disk("pi3.img", files, built("rpi"));
  const disk = overlay(`${bench.folder}/pi3.qcow2`, base, "raw", "4G");
  const esp = `${built("rpi")}/esp`;
  const started = { program: `${esp}/u-boot.bin`, tree: `${esp}/bcm2837-rpi-3-b.dtb` };
  const machine = new Machine({ folder: bench.folder, name: "pi3", disk, board: "pi3", started, networkless: true });
  await machine.start();
  try {
    await machine.whenShown(/Lares: slot A, start 1 of 3/, BOARD_MS);
    say(`a slot was chosen after ${machine.sinceStart().toFixed(1)} s`);
    await machine.whenShown(/Lares [\d.]+ on arm, slot A[^]*healthy/, BOARD_MS);
    say(`healthy after ${machine.sinceStart().toFixed(1)} s`);
  } finally {
    await machine.cut();
  }
}

async function toHealth({ say }: Stage, machine: Machine): Promise<void> {
  await machine.start();
  try {
    say(`API after ${(await machine.whenApi(BOARD_MS)).toFixed(1)} s`);
    await machine.whenShown(/Lares [\d.]+ on arm, slot A/, BOARD_MS);
    shows(machine.transcript(), /healthy/, "the console");
    await machine.whenSsh(BOARD_MS);
    assert.equal((await machine.must("uname -m")).trim(), "aarch64");
    assert.equal((await machine.must("systemctl --failed --plain --no-legend")).trim(), "");
    shows(await machine.must("grub-editenv /boot/grub/grubenv list"), /^A_TRY=0$/m, "the environment");
    shows(await machine.must("cat /boot/lares.hcl.applied.txt"), /Applied, and wiped/, "the seed file");
    say(`memory: ${(await machine.must("free -m | sed -n 2p")).trim()}`);
  } finally {
    await machine.cut();
  }
}
