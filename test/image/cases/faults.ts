import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { shows, type Case, type Stage } from "../case.ts";
import { overlay } from "../machine.ts";
import { seededMachine } from "../shared-machine.ts";
import { builtDisk } from "../workbench.ts";

export const faultCases: readonly Case[] = [
  { name: "a second disk with the same labels is left alone, and two that are the same are told", run: twins },
  { name: "a full data partition", run: full },
  { name: "a network that comes late", run: late },
  { name: "a disk that is too small for data", run: tooSmall },
  { name: "a system that stands still is started again by its watchdog", run: standstill },
];

const TWINS = /are copies of each other/;

/** Until its first start a disk has the ids it was flashed with; after it none that another has. */
async function twins({ bench, say }: Stage): Promise<void> {
  const second = overlay(join(bench.folder, "second.qcow2"), await bench.disk("twin.img", {}), "raw", "4G");
  const more = ["-drive", `file=${second},format=qcow2,if=virtio,cache=unsafe`];
  const machine = await seededMachine(bench, "first", { more });
  await machine.start();
  try {
    await machine.settled("A");
    shows(await machine.osStatus(), TWINS, "the status");
    say("two disks that were flashed alike are told");
    await machine.restarted("systemctl reboot");
    await machine.settled("A");
    assert.doesNotMatch(await machine.osStatus(), TWINS);
    assert.equal((await machine.must("cat /run/lares-os/disk-name")).trim(), "vda");
    assert.match(await machine.must("cat /proc/mounts"), /^\/dev\/vda7 \/var ext4 rw/m);
    // The image has no such partition: it is made at the first start.
    assert.equal((await machine.run("test -e /dev/vdb7")).code, 1);
    say("the other one is left alone");
  } finally {
    await machine.cut();
  }
}

async function full({ bench, say }: Stage): Promise<void> {
  const machine = await seededMachine(bench, "full");
  await machine.start();
  try {
    await machine.settled("A");
    await machine.run("cat /dev/zero >/var/filler; sync", 600_000);
    const free = "stat -f -c %a /var";
    assert.equal((await machine.must(free)).trim(), "0");
    shows(await machine.osStatus(), /the data partition is full/, "the status");
    await machine.restarted("systemctl reboot");
    await machine.whenApi();
    await machine.settled("A");
    shows(await machine.osStatus(), /the data partition is full/, "the status");
    say("it comes up with a full disk, tells, and lets one in");
    await machine.must("rm /var/filler");
    await machine.restarted("systemctl reboot");
    await machine.settled("A");
    assert.doesNotMatch(await machine.osStatus(), /the data partition is full/);
    await machine.must("test -s /var/lib/lares-os/ballast");
    assert.equal((await machine.must("systemctl --failed --plain --no-legend")).trim(), "");
    say("with room again nothing is wrong");
  } finally {
    await machine.cut();
  }
}

/** As behind a router that comes up later: the cable is put in when the machine has long been up. */
async function late({ bench, say }: Stage): Promise<void> {
  const control = join(bench.folder, "late.qmp");
  const machine = await seededMachine(bench, "late", { more: ["-qmp", `unix:${control},server,nowait`] });
  await machine.start();
  try {
    await cable(control, false);
    await machine.whenShown(/Lares [\d.]+ on \S+, slot A/);
    shows(machine.transcript(), /no address yet/, "the console");
    say("up without an address");
    await cable(control, true);
    await machine.whenApi();
    const leader = "curl -s http://127.0.0.1:8500/v1/status/leader";
    await machine.whenSsh();
    await machine.until("it has its address", async () => (await machine.run(leader)).stdout.includes("10.0.2.15"));
    say("it has taken its address since the cable is in");
  } finally {
    await machine.cut();
  }
}

/** As large as what was flashed, and no larger: everything is in memory, and it says so. */
async function tooSmall({ bench, say }: Stage): Promise<void> {
  const machine = await seededMachine(bench, "small", { size: String(statSync(builtDisk()).size) });
  await machine.start();
  try {
    await machine.whenApi();
    await machine.settled("A");
    shows(await machine.osStatus(), /no room for a data partition/, "the status");
    shows(machine.transcript(), /no room for a data partition/, "the console");
    assert.match(await machine.must("cat /proc/mounts"), /^data \/var tmpfs /m);
    say("it comes up without data, tells, and lets one in");
  } finally {
    await machine.cut();
  }
}

/** Whoever pets the watchdog is dead: systemd stands still when it has crashed. */
async function standstill({ bench, say }: Stage): Promise<void> {
  const machine = await seededMachine(bench, "standstill", { more: ["-device", "i6300esb"] });
  await machine.start();
  try {
    await machine.settled("A");
    await machine.until(
      "its watchdog has a driver",
      async () => (await machine.run("test -c /dev/watchdog0")).code === 0,
    );
    await machine.must("lsmod | grep -q i6300esb");
    await machine.restarted("kill -SEGV 1");
    await machine.settled("A");
    say("it was started again");
  } finally {
    await machine.cut();
  }
}

/** https://www.qemu.org/docs/master/interop/qemu-qmp-ref.html (set_link) */
async function cable(control: string, up: boolean): Promise<void> {
  const socket = await new Promise<ReturnType<typeof connect>>((resolve, reject) => {
    const attempt = (left: number): void => {
      const made = connect(control, () => resolve(made));
      made.once("error", (error) => (left > 0 ? setTimeout(attempt, 50, left - 1) : reject(error)));
    };
    attempt(200);
  });
  let said = "";
  socket.on("data", (bytes: Buffer) => (said += bytes.toString()));
  socket.write('{"execute":"qmp_capabilities"}\n');
  socket.write(`${JSON.stringify({ execute: "set_link", arguments: { name: "net", up } })}\n`);
  const deadline = performance.now() + 10_000;
  while ((said.match(/"return"/g)?.length ?? 0) < 2) {
    if (performance.now() > deadline || /"error"/.test(said)) throw new Error(`the cable was not moved: ${said}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  socket.destroy();
}
