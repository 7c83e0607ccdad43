import assert from "node:assert/strict";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { shows, type Case, type Stage } from "../case.ts";
import type { Drive } from "../hardware.ts";
import { BOOT_MS, Machine, makeKey } from "../machine.ts";
import { Person, typeInto } from "../person.ts";
import { BOOT_OFFSET, needsOutput, output, seedText } from "../workbench.ts";

const needs = needsOutput("iso");
/** An emulated card takes what is written block by block, a megabyte a second where others are at work. */
const CARD_MS = 3 * BOOT_MS;

export const installerCases: readonly Case[] = [
  { name: "installer by BIOS, with screen and keyboard, onto SATA with data on NVMe", run: byHand, needs },
  { name: "installer by UEFI from a stick, over the serial line, onto NVMe", run: bySerialLine, needs },
  { name: "installer without a question", run: unattended, needs },
  { name: "installer onto a card", run: ontoCard, needs },
];

/** On LARES-BOOT of a disk that was written: it lets us in. */
async function addSeed({ bench }: Stage, disk: string): Promise<string> {
  const { key, line } = makeKey(bench.folder);
  writeFileSync(join(bench.folder, "seed.tmp"), seedText(line));
  await bench.tool(`mcopy -o -i /making/${disk}@@${BOOT_OFFSET} /making/seed.tmp ::lares.hcl; rm /making/seed.tmp`);
  return key;
}

async function byHand(stage: Stage): Promise<void> {
  const { bench, say } = stage;
  const { folder } = bench;
  const system: Drive = { file: bench.emptyDisk("sata.img", "4G"), format: "raw", by: "sata" };
  const data: Drive = { file: bench.emptyDisk("nvme.img", "2G"), format: "raw", by: "nvme" };
  const disc: Drive = { file: output("iso"), format: "raw", by: "disc" };
  const person = new Person(join(folder, "person"));
  const more = [...person.arguments, "-no-reboot"];
  const installer = new Machine({ folder, name: "by-hand", drives: [system, data, disc], more });
  await installer.start();
  try {
    const sees = (what: RegExp): Promise<void> =>
      installer.until(`the screen shows ${String(what)}`, async () => what.test(await person.sees()));
    await sees(/Name of the disk \(Enter: look again\)/);
    shows(await person.sees(), /ALL THAT IS ON[^]*nvme0n1 +2048 MiB[^]*sda +4096 MiB/, "the screen");
    // Its driver comes a little later than the question.
    await installer.until("the keyboard is heard", async () => {
      await person.types("\n");
      await wait(5000);
      return (await person.sees()).split("Name of the disk").length > 2;
    });
    await person.types("sdz\n");
    await sees(/there is no disk sdz/);
    await person.types("sda\n");
    await sees(/Name of the disk for the data \(Enter: data stay on sda\)/);
    await person.types("nvme0n1\n");
    await installer.ended(BOOT_MS);
    shows(installer.transcript(), /Done\. Take the installer's medium out/, "the console");
    say("it is written");
  } finally {
    person.leaves();
    await installer.cut();
  }
  const key = await addSeed(stage, "sata.img");
  await keepsDataApart(stage, { system, data, key });
}

interface Installed {
  readonly system: Drive;
  readonly data: Drive;
  readonly key: string;
}

/** Data lie on the second disk, outlive the plug, and without that disk the machine comes up all the same. */
async function keepsDataApart({ bench: { folder }, say }: Stage, { system, data, key }: Installed): Promise<void> {
  const machine = new Machine({ folder, name: "apart", drives: [system, data], key });
  const where = "sed -n 's/^\\([^ ]*\\) \\/var ext4 .*/\\1/p' /proc/mounts";
  try {
    await machine.start();
    say(`API after ${(await machine.whenApi()).toFixed(1)} s`);
    await machine.settled("A");
    assert.equal((await machine.must(where)).trim(), "/dev/nvme0n1p1");
    assert.equal((await machine.must("systemctl --failed --plain --no-legend")).trim(), "");
    shows(await machine.must("lares os wear"), /data partition: [\d.]+ MiB since/, "what was written");
    await machine.must("cat /etc/machine-id >/var/lib/lares-os/mark; sync");
    await machine.cut();
    await machine.start();
    await machine.settled("A");
    assert.equal((await machine.must(where)).trim(), "/dev/nvme0n1p1");
    await machine.must("cmp /etc/machine-id /var/lib/lares-os/mark");
    say("its data are there again");
  } finally {
    await machine.cut();
  }
  const without = new Machine({ folder, name: "without", drives: [system] });
  try {
    await without.start();
    await without.whenShown(/the second disk, with the data, is not there/);
    say(`API without its data after ${(await without.whenApi()).toFixed(1)} s`);
  } finally {
    await without.cut();
  }
}

/** The medium stays in; the disk comes first. */
async function bySerialLine(stage: Stage): Promise<void> {
  const { bench, say } = stage;
  const drives: readonly Drive[] = [
    { file: bench.emptyDisk("uefi-nvme.img", "4G"), format: "raw", by: "nvme" },
    { file: output("iso"), format: "raw", by: "stick" },
  ];
  const machine = new Machine({ folder: bench.folder, name: "line", firmware: "uefi", typed: true, drives });
  try {
    await machine.start();
    await machine.whenShown(/nvme0n1 +4096 MiB[^]*Name of the disk/);
    await typeInto(machine.typing, "nvme0n1\n");
    await machine.whenShown(/Done\. Take the installer's medium out/);
    say("it is written");
    await machine.whenApi();
    await machine.whenShown(/Lares [\d.]+ on lares-[0-9a-z]{4}, slot A/);
    say("and was started");
  } finally {
    await machine.cut();
  }
}

/** The second disk is too small for the system, so that there is only one. */
async function unattended(stage: Stage): Promise<void> {
  const { bench } = stage;
  const drives: readonly Drive[] = [
    { file: bench.emptyDisk("auto.img", "2G"), format: "raw", by: "virtio" },
    { file: bench.emptyDisk("auto-data.img", "1G"), format: "raw", by: "virtio" },
  ];
  const said = await installs(stage, { name: "auto", words: "lares.install=auto lares.data=vdb", drives });
  shows(said, /Writing to vda;[^]*Done\./, "the console");
  const id = ((await bench.bootFile("auto.img", "data-disk")) ?? "").trim();
  assert.match(id, /^[0-9a-f]{32}$/);
  const marked = readFileSync(join(bench.folder, "auto-data.img")).subarray(BOOT_OFFSET - 512, BOOT_OFFSET);
  assert.equal(marked.toString("latin1").replaceAll("\0", ""), `lares data disk ${id}\n`);
}

/** By the controller that an eMMC hangs on as well; QEMU has none of those that are soldered in. */
async function ontoCard(stage: Stage): Promise<void> {
  const { bench, say } = stage;
  const card: Drive = { file: bench.emptyDisk("card.img", "4G"), format: "raw", by: "card" };
  const said = await installs(stage, { name: "card", words: "lares.install=mmcblk0", drives: [card], timeMs: CARD_MS });
  shows(said, /Writing to mmcblk0;[^]*Done\./, "the console");
  const key = await addSeed(stage, "card.img");
  const machine = new Machine({ folder: bench.folder, name: "from-card", drives: [card], key });
  try {
    await machine.start();
    say(`API after ${(await machine.whenApi()).toFixed(1)} s`);
    await machine.settled("A");
    assert.match(await machine.must("cat /proc/mounts"), /^\/dev\/mmcblk0p7 \/var ext4 rw/m);
    assert.equal((await machine.must("systemctl --failed --plain --no-legend")).trim(), "");
  } finally {
    await machine.cut();
  }
}

interface Installing {
  readonly name: string;
  readonly words: string;
  readonly drives: readonly Drive[];
  readonly timeMs?: number;
}

/** The installer's kernel is handed its words; the disc is the last drive. @returns what the serial line showed */
async function installs({ bench }: Stage, { name, words, drives, timeMs = BOOT_MS }: Installing): Promise<string> {
  await bench.tool("rm -f /making/vmlinuz /making/initrd");
  copyFileSync(output("iso"), join(bench.folder, "installer.iso"));
  await bench.tool(
    "cd /making; for each in vmlinuz initrd; do osirrox -indev installer.iso -extract /lares/$each $each 2>&1; done; rm installer.iso",
  );
  const usual = "console=tty0 console=ttyS0,115200n8 quiet loglevel=4 panic=10 gpt";
  const kernel = ["-kernel", join(bench.folder, "vmlinuz"), "-initrd", join(bench.folder, "initrd")];
  const more = [...kernel, "-append", `${words} ${usual}`, "-no-reboot"];
  const all: readonly Drive[] = [...drives, { file: output("iso"), format: "raw", by: "disc" }];
  const machine = new Machine({ folder: bench.folder, name, drives: all, more });
  try {
    await machine.start();
    await machine.ended(timeMs);
  } finally {
    await machine.cut();
  }
  return machine.transcript();
}
