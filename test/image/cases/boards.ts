import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, truncateSync } from "node:fs";
import { basename, join } from "node:path";
import { partitionsOf } from "#os-image/firmware/build/disk.ts";
import { SECTOR } from "#os-image/firmware/build/gpt.ts";
import { grubEnvironment, NEW_ENVIRONMENT } from "#os-image/firmware/build/grub.ts";
import { BUNDLES } from "../bundles.ts";
import { seriousWarnings, shows, type Case, type Stage } from "../case.ts";
import { Machine, makeKey, overlay } from "../machine.ts";
import { serve } from "../serve.ts";
import { built, seedText, Workbench } from "../workbench.ts";

/** An emulated processor of another kind takes twice as long. */
const BOARD_MS = 2_400_000;
/** MiB, as the recipe says. */
const RASPBERRY_DISK = { boot: 64, kernel: 96, slot: 512 };

export const boardCases: readonly Case[] = [
  { name: "boot arm64 by UEFI, update it, and go back", run: arm64, needs: needs("arm64") },
  { name: "boot a Raspberry Pi 3 from its card", run: pi3, needs: needs("rpi") },
  { name: "a Raspberry Pi 3 leaves a slot that never was confirmed", run: pi3Counts, needs: needs("rpi") },
];

/** These images are built apart: what has to be done first, where it was not. */
function needs(target: string): () => string | undefined {
  return () => (existsSync(`${built(target)}/disk.img`) ? undefined : `npm run image -- -target ${target} -only raw`);
}

async function arm64(stage: Stage): Promise<void> {
  const folder = join(stage.bench.folder, "arm64");
  const bench = await Workbench.open(folder, "minimal", "arm64");
  const { server, port } = await serve(folder);
  const { key, line } = makeKey(folder);
  try {
    const good = await BUNDLES.good(bench);
    const base = await bench.disk("arm64.img", { "lares.hcl": seedText(line, 'hostname = "arm"\r\n') });
    const disk = overlay(`${folder}/arm64.qcow2`, base, "raw", "4G");
    const machine = new Machine({ folder, name: "arm64", disk, board: "arm64", key });
    await machine.start();
    try {
      await toHealth(stage, machine);
      await machine.must(`lares os update http://10.0.2.2:${port}/${basename(good)}`, BOARD_MS);
      await machine.restarted("systemctl reboot");
      await machine.settled("B");
      shows(await machine.osStatus(), /"version": "9\.9\.9"[\s\S]*"state": "confirmed"/, "the status");
      stage.say("updated");
      await machine.restarted("lares os rollback -reboot");
      await machine.settled("A");
      stage.say("and back");
    } finally {
      await machine.cut();
    }
  } finally {
    server.close();
    bench.close();
  }
}

/**
 * The firmware of the board itself is not run by QEMU: what it would start is handed over, and all else is on the card. Its
 * network card on USB does not outlive U-Boot's look at the bus.
 */
async function pi3({ bench, say }: Stage): Promise<void> {
  const machine = await raspberry(bench, "pi3", {});
  await machine.start();
  try {
    await machine.whenShown(/Lares: slot A, start 1 of 3/, BOARD_MS);
    say(`a slot was chosen after ${machine.sinceStart().toFixed(1)} s`);
    await machine.whenShown(/Lares [\d.+]+ on arm, slot A[^]*healthy/, BOARD_MS);
    say(`healthy after ${machine.sinceStart().toFixed(1)} s`);
  } finally {
    await machine.cut();
  }
}

/** Slot B was written, and the power is lost at each of its starts. */
async function pi3Counts({ bench, say }: Stage): Promise<void> {
  const environment = grubEnvironment({ ...NEW_ENVIRONMENT, ORDER: "B A", B_OK: "1" });
  const { options } = await raspberry(bench, "pi3-counts", { "grub/grubenv": environment });
  const [, , kernelA, kernelB] = partitionsOf(RASPBERRY_DISK).map(({ first }) => first * SECTOR);
  const image = join(bench.folder, "pi3-counts.img");
  // What was written there is not lost with QEMU, as it would be from a disk with a table of its own.
  const machine = new Machine({ ...options, disk: image, format: "raw" });
  const bytes = `bs=${RASPBERRY_DISK.kernel}M count=1 iflag=skip_bytes oflag=seek_bytes conv=notrunc`;
  execFileSync("dd", [`if=${image}`, `of=${image}`, `skip=${kernelA}`, `seek=${kernelB}`, ...bytes.split(" ")], {
    stdio: "ignore",
  });
  truncateSync(image, 4 * 1024 ** 3);
  try {
    for (const start of ["slot B, start 1", "slot B, start 2", "slot B, start 3", "slot A, start 1"]) {
      await machine.start();
      await machine.whenShown(/Lares: slot \w, start \d of 3/, BOARD_MS);
      shows(machine.transcript(), new RegExp(`Lares: ${start} of 3`), "the serial line");
      say(start);
      if (!start.startsWith("slot A")) await machine.cut();
    }
    await machine.whenShown(/lares: slot A, [\d.+]+, data on disk/, BOARD_MS);
  } finally {
    await machine.cut();
  }
}

/** What it is started with is of its own firmware, which QEMU has not. */
async function raspberry(bench: Workbench, name: string, more: Readonly<Record<string, string>>): Promise<Machine> {
  // QEMU 7 takes the watchdog's first word for its bite.
  const files = {
    "lares.hcl": '\uFEFFhostname = "arm"\r\n',
    "kernel.txt": "extra=module_blacklist=bcm2835_wdt console=ttyS1,115200n8\r\n",
    ...more,
  };
  const base = await bench.disk(`${name}.img`, files, built("rpi"));
  const disk = overlay(`${bench.folder}/${name}.qcow2`, base, "raw", "4G");
  const esp = `${built("rpi")}/esp`;
  const started = { program: `${esp}/u-boot.bin`, tree: `${esp}/bcm2837-rpi-3-b.dtb` };
  return new Machine({ folder: bench.folder, name, disk, board: "pi3", started, networkless: true });
}

async function toHealth({ say }: Stage, machine: Machine): Promise<void> {
  say(`API after ${(await machine.whenApi(BOARD_MS)).toFixed(1)} s`);
  await machine.whenShown(/Lares [\d.]+ on arm, slot A/, BOARD_MS);
  shows(machine.transcript(), /healthy/, "the console");
  await machine.whenSsh(BOARD_MS);
  assert.equal((await machine.must("uname -m")).trim(), "aarch64");
  assert.equal((await machine.must("systemctl --failed --plain --no-legend")).trim(), "");
  assert.deepEqual(seriousWarnings(await machine.must("dmesg -l warn,err,crit,alert,emerg || dmesg -r")), []);
  shows(await machine.must("grub-editenv /boot/grub/grubenv list"), /^A_TRY=0$/m, "the environment");
  shows(await machine.must("cat /boot/lares.hcl.applied.txt"), /Applied, and wiped/, "the seed file");
  say(`memory: ${(await machine.must("free -m | sed -n 2p")).trim()}`);
}
