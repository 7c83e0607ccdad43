import assert from "node:assert/strict";
import { seriousWarnings, shows, type Case, type Stage } from "../case.ts";
import { Machine, overlay } from "../machine.ts";
import { seededMachine } from "../shared-machine.ts";

export const bootCases: readonly Case[] = [
  { name: "boot by BIOS, with a seed from Windows that has a mistake", run: seeded },
  { name: "boot by UEFI, without a network", run: offline },
  { name: "boot with a join token that is no good", run: badToken },
  { name: "boot with an address of its own", run: fixedAddress },
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

/** It goes on trying, and does not make itself a cluster instead. */
async function badToken({ bench, say }: Stage): Promise<void> {
  const pin = "x".repeat(43);
  const seed = `join {\r\n  address = "10.0.2.2:9"\r\n  token = "lares1.id.secret.${pin}"\r\n}\r\n`;
  const machine = await seededMachine(bench, "token", { seed });
  await machine.start();
  try {
    await machine.whenSsh();
    const tries = "systemctl show -P NRestarts lares-first.service";
    await machine.until("it begins anew", async () => Number(await machine.must(tries)) > 0);
    say("it tries again");
    const jobs = await machine.must("systemctl list-jobs --no-legend");
    shows(jobs, /lares-confirm\.service +start +waiting/, "the list of jobs");
    shows(await machine.must("journalctl -u lares"), /waiting until there is .*\/ready/, "the agent's log");
    assert.equal((await machine.run("ls -A /var/lib/lares/state")).stdout, "", "it made itself no cluster");
    shows(await machine.osStatus(), /10\.0\.2\.2:9/, "the status");
    assert.equal(await machine.must("sort /run/lares-os/troubles | uniq -d"), "", "each trouble is told once");
    const left = await machine.run("grep -a -q lares1.id.secret $(readlink /run/lares-os/disk/boot)");
    assert.equal(left.code, 1, "of the token nothing is left on the boot partition");
  } finally {
    await machine.cut();
  }
}

async function fixedAddress({ bench }: Stage): Promise<void> {
  const network = 'address = "10.0.2.77/24"\r\n  gateway = "10.0.2.2"\r\n  dns = ["10.0.2.3"]';
  const machine = await seededMachine(bench, "fixed", {
    seed: `hostname = "cellar"\r\nnetwork {\r\n  ${network}\r\n}\r\n`,
  });
  await machine.start();
  try {
    await machine.whenShown(/Lares [\d.]+ on cellar, slot A\s.*http:\/\/10\.0\.2\.77:4646[\s\S]*healthy/);
    shows(machine.transcript(), /This is cellar at 10\.0\.2\.77;/, "the console");
  } finally {
    await machine.cut();
  }
}
