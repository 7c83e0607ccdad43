import assert from "node:assert/strict";
import { seriousWarnings, shows, type Case, type Stage } from "../case.ts";
import { Machine, makeKey, overlay } from "../machine.ts";
import { seededMachine } from "../shared-machine.ts";

export const bootCases: readonly Case[] = [
  { name: "boot by BIOS, with a seed from Windows that has a mistake", run: seeded },
  { name: "boot by UEFI, with a seed in UTF-16", run: sixteen },
  { name: "boot by UEFI, without a network", run: offline },
];

async function seeded(stage: Stage): Promise<void> {
  const seed = 'hostname = "kitchen"\r\ntimezone = "Europe/Berlin"\r\ntimezon = "x"\r\n';
  // Its clock's battery is empty.
  const more = ["-rtc", "base=2001-02-03T04:05:06"];
  const machine = await seededMachine(stage.bench, "bios", { seed, more });
  await machine.start();
  try {
    stage.say(`API after ${(await machine.whenApi()).toFixed(1)} s, the first time`);
    await machine.whenSsh();
    await machine.whenShown(/Lares [\d.]+ on kitchen, slot A/);
    shows(machine.transcript(), /unknown attribute "timezon"/, "the console");
    assert.equal((await machine.must("hostname")).trim(), "kitchen");
    assert.equal((await machine.must("date +%Z")).trim().slice(0, 2), "CE");
    assert.equal((await machine.must("systemctl --failed --plain --no-legend")).trim(), "");
    assert.deepEqual(seriousWarnings(await machine.must("dmesg -l warn,err,crit,alert,emerg || dmesg -r")), []);
    const state: unknown = JSON.parse((await machine.run("lares os status -json")).stdout);
    assert.match(JSON.stringify(state), /"slot":"A".*unknown attribute/);
    shows(await machine.must("cat /boot/lares.hcl.applied.txt"), /Applied, and wiped/, "the seed file");
    shows(await machine.must("cat /boot/lares-errors.txt"), /timezon/, "the list of mistakes");
    const said = `${machine.transcript()}${await machine.must("journalctl --no-pager")}`;
    assert.doesNotMatch(said, /lares1\./, "no token is on the screen, or in the log");
    shows(await machine.must("mount"), / on \/ type squashfs \(ro/, "mount");
    await machine.must("lares os check -quiet");
    // Told of last, when the agent serves.
    await machine.until("other devices have drivers", async () => /i2c_i801/.test(await machine.must("lsmod")));
    await again(stage, machine);
  } finally {
    await machine.cut();
  }
}

/** Switched off and on: what outlives it, and how long it takes without a first start's work. */
async function again({ say }: Stage, machine: Machine): Promise<void> {
  const now = async (): Promise<number> => Number(await machine.must("date +%s"));
  const before = await now();
  assert.ok(before >= Number(await machine.must("cat /usr/lib/lares/built")), "not earlier than it was made");
  await machine.must("echo '<3>lares: worth keeping' >/dev/kmsg");
  await machine.run("systemctl poweroff");
  await machine.ended();
  await machine.start();
  say(`API after ${(await machine.whenApi()).toFixed(1)} s, the second time`);
  await machine.settled("A");
  assert.ok((await now()) >= before, "time goes on");
  shows(await machine.must("lares os log"), /-- slot A, start [\s\S]*worth keeping/, "what is kept of the log");
  say(`memory: ${(await machine.must("free -m | sed -n 2p")).trim()}`);
  say((await machine.must("systemd-analyze")).trim().split("\n")[0] ?? "");
  say(`slowest: ${(await machine.must("systemd-analyze blame | head -n 12")).replaceAll(/\s+/g, " ")}`);
}

/** As Notepad writes what it calls Unicode. */
async function sixteen({ bench, say }: Stage): Promise<void> {
  const { key, line } = makeKey(bench.folder);
  const text = `\uFEFFhostname = "landing"\r\nssh_keys = ["${line}"]\r\n`;
  const base = await bench.disk("sixteen.img", { "lares.hcl": Buffer.from(text, "utf16le") });
  const disk = overlay(`${bench.folder}/sixteen.qcow2`, base, "raw", "4G");
  const machine = new Machine({ folder: bench.folder, name: "sixteen", disk, key, firmware: "uefi" });
  await machine.start();
  try {
    say(`API after ${(await machine.whenApi()).toFixed(1)} s, the first time`);
    await machine.settled("A");
    assert.equal((await machine.must("hostname")).trim(), "landing");
    assert.equal((await machine.must("systemctl --failed --plain --no-legend")).trim(), "");
    assert.deepEqual(seriousWarnings(await machine.must("dmesg -l warn,err,crit,alert,emerg || dmesg -r")), []);
    await machine.must("lares os check -quiet");
  } finally {
    await machine.cut();
  }
}

/** Nothing answers: it comes up all the same, in the size of the image alone. */
async function offline(stage: Stage): Promise<void> {
  const { bench } = stage;
  const base = await bench.disk("uefi.img", {});
  const disk = overlay(`${bench.folder}/uefi.qcow2`, base, "raw", "2G");
  const machine = new Machine({
    folder: bench.folder,
    name: "uefi",
    disk,
    firmware: "uefi",
    serial: "ABC00777F",
    networkless: true,
  });
  await machine.start();
  try {
    await machine.whenShown(/Lares [\d.]+ on lares-777f, slot A/);
    shows(machine.transcript(), /no address yet/, "the console");
  } finally {
    await machine.cut();
  }
}
