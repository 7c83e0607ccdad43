import { execFileSync, spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname } from "node:path";
import { setTimeout } from "node:timers/promises";
import test from "ava";
import fc from "fast-check";
import { freePort } from "#test/free-ports.ts";
import { createEnv } from "#base/platform/create-env.ts";
import { conformance } from "#drivers/conformance.ts";
import type { DriverSubject } from "#drivers/conformance.ts";
import type { Driver, TaskHandle, TaskStart } from "#drivers/driver.ts";
import { armRom, hostArchitecture, kvmProbe, runRom, x86Rom } from "#drivers/qemu/accelerator.ts";
import { isoImage } from "#drivers/qemu/iso9660.ts";
import { parseObject } from "#drivers/qemu/line-talk.ts";
import { readQemuOptions } from "#drivers/qemu/plugin-options.ts";
import { tapNameIn } from "#drivers/qemu/guest-network.ts";
import { createQemuDriver } from "#drivers/qemu/qemu-driver.ts";
import { limited, weightOf } from "#drivers/process/limits.ts";
import { plugIn } from "../devices/pty.ts";
import { taskIn } from "../task.ts";
import { makeLan } from "./lan.ts";
import { append, testGuest } from "./test-guest.ts";

const env = createEnv({ logLevel: "error" });
const root = mkdtempSync(`${tmpdir()}/lares-qemu-`);
// The drivers' own timers do not keep a process alive.
const alive = setInterval(() => {}, 1000);
const nothing = new AbortController().signal;
const guest = testGuest();
const MEMORY = {
  Cpu: { CpuShares: 100, ReservedCores: [] },
  Memory: { MemoryMB: 128, MemoryMaxMB: 0 },
  Networks: [],
  Devices: [],
};

test.after.always(() => {
  env.close();
  clearInterval(alive);
  // Guests of a test that failed: they run from this folder, which is nobody else's.
  spawnSync("pkill", ["-9", "-f", `${root}/`]);
  rmSync(root, { recursive: true, force: true });
});

/** A guest takes a whole processor while it boots. */
const turns: Promise<unknown>[] = [Promise.resolve(), Promise.resolve()];
let next = 0;
function inTurn<T>(work: () => Promise<T>): Promise<T> {
  const place = next++ % turns.length;
  const done = (turns[place] ?? Promise.resolve()).then(work);
  turns[place] = done.catch(() => undefined);
  return done;
}

const qemu = (plugin: Readonly<Record<string, unknown>> = {}) =>
  createQemuDriver(env, readQemuOptions({ image_paths: [guest.folder], ...plugin }), root);
const booting = (what: string, more: Readonly<Record<string, unknown>> = {}) => ({
  kernel: guest.kernel,
  initrd: guest.initrd,
  append: append(what),
  ...more,
});
const taskOf = (config: Readonly<Record<string, unknown>>, more: Partial<TaskStart> = {}, below = root): TaskStart =>
  taskIn(below, config, { resources: MEMORY, ...more });

const tasks: DriverSubject["tasks"] = {
  forever: booting("agent", { guest_agent: true }),
  fails: booting("fails"),
  prints: booting("prints"),
  stubborn: booting("stubborn"),
  impossible: { image_path: "local/no-such.qcow2" },
  misspelled: { config: { image_paht: "x" }, meant: "image_path" },
};

for (const each of conformance) {
  test(`qemu: ${each.name}`, (t) =>
    inTurn(async () => {
      const drivers: Driver[] = [];
      const fresh = () => {
        const driver = qemu();
        drivers.push(driver);
        return driver;
      };
      // Sweeping looks at everything under one root, so each case has one of its own.
      const own = mkdtempSync(`${root}/c-`);
      await each.run({ env, fresh, tasks, prepare: (config) => Promise.resolve(taskOf(config, {}, own)) });
      for (const driver of drivers) await driver.close?.();
      t.pass();
    }));
}

async function started(driver: Driver, task: TaskStart): Promise<TaskHandle> {
  const result = await driver.start(task);
  if (!result.ok) throw new Error(`${result.error.message} ${result.error.hint ?? ""}`);
  return result.value;
}

async function problem(driver: Driver, config: Readonly<Record<string, unknown>>, more: Partial<TaskStart> = {}) {
  const [first] = driver.validate(config);
  if (first !== undefined) return `${first.message}; ${first.hint ?? ""}`;
  const result = await driver.start(taskOf(config, more));
  return result.ok ? "it started" : `${result.error.message}; ${result.error.hint ?? ""}`;
}

test("qemu: what is wrong is said before a guest is started", async (t) => {
  const driver = qemu();
  writeFileSync(`${root}/page.img`, "<!DOCTYPE html><title>404</title>".padEnd(4096));
  const outside = `${root}/page.img`;
  t.regex(await problem(driver, {}), /needs image_path; or kernel/);
  t.regex(
    await problem(driver, { image_path: "a", drive_interface: "sata" }),
    /must be one of virtio, ide, .*got "sata"/,
  );
  t.regex(
    await problem(driver, { image_path: "a", args: ["-device", "vfio-pci,host=1"] }),
    /not allow: -device; allowed: -action/,
  );
  t.regex(await problem(driver, { image_path: "a", bridge: "br0" }), /no guest into the bridge "br0"; allowed: none/);
  t.regex(
    await problem(driver, { image_path: "a", disk: [{ size: "ten" }] }),
    /disk.size must be a text such as "10G"/,
  );
  t.regex(await problem(driver, { image_path: "a", disk: [{ fromat: "raw" }] }), /did you mean format/);
  t.regex(await problem(driver, { image_path: "a", vnc: [{ port: "x" }], initrd: "i" }), /initrd needs kernel/);
  t.regex(await problem(driver, { image_path: outside }), /neither in the task's folders .* image_paths/);
  t.regex(
    await problem(driver, { image_path: "local/none.img" }),
    /no file "local\/none.img".*artifact usually lands in local/,
  );
  const open = qemu({ image_paths: [root] });
  t.regex(await problem(open, { image_path: outside }), /no boot sector, and begins with "<!DOCTYPE html/);
  t.regex(await problem(open, { image_path: outside, image_format: "qcow2" }), /is no disk image: .*qcow2/);
  execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", "-b", "/etc/passwd", "-F", "raw", `${root}/sly.qcow2`]);
  t.regex(await problem(open, { image_path: `${root}/sly.qcow2` }), /refers to another file \(\/etc\/passwd\)/);
  t.regex(await problem(open, { image_path: outside, emulator: "m68k" }), /this node has no qemu-system-m68k/);
  t.regex(
    await problem(qemu({ emulators_allowlist: ["aarch64"] }), { image_path: "a", emulator: "x86_64" }),
    /does not allow the emulator qemu-system-x86_64/,
  );
  const small = { ...MEMORY, Memory: { MemoryMB: 64, MemoryMaxMB: 0 } };
  t.regex(await problem(driver, booting("prints"), { resources: small }), /at least 128 MB of memory, and has 64/);
  t.regex(await problem(driver, booting("prints", { ports: ["web"] })), /no port "web"; add a network block/);
  const refused = await problem(
    qemu({ image_paths: [guest.folder], args_allowlist: ["*"] }),
    booting("prints", { args: ["-device", "no-such"] }),
  );
  t.regex(refused, /QEMU did not start: .*no-such/);
});

test("qemu: a seed is a CD that others read, names as they were given", (t) => {
  const files = [
    { name: "user-data", data: Buffer.from("#cloud-config\n") },
    { name: "meta-data", data: new Uint8Array() },
    { name: "network-config", data: Buffer.alloc(5000, "n") },
  ];
  writeFileSync(`${root}/seed.iso`, isoImage("cidata", files));
  mkdirSync(`${root}/seed`);
  execFileSync("bsdtar", ["-xf", `${root}/seed.iso`, "-C", `${root}/seed`]);
  for (const { name, data } of files) t.deepEqual(readFileSync(`${root}/seed/${name}`), Buffer.from(data));
  t.is(readdirSync(`${root}/seed`).length, files.length);
  t.regex(execFileSync("blkid", ["-p", `${root}/seed.iso`], { encoding: "utf8" }), /LABEL="cidata".*TYPE="iso9660"/);
});

test("qemu: no line of a guest's agent or a monitor is too odd", (t) => {
  t.deepEqual(parseObject('\uFFFD{"return": 1}'), { return: 1 });
  fc.assert(fc.property(fc.string(), (line) => (parseObject(line), true)));
  t.pass();
});

test("qemu: the probe's programs end the machine they run on", async (t) => {
  writeFileSync(`${root}/x86.rom`, x86Rom());
  const x86 = ["qemu-system-x86_64", "-accel", "tcg", "-machine", "pc", "-device", "isa-debug-exit"];
  t.is(await runRom(env, x86, `${root}/x86.rom`), 33);
  const arm = await env.exec.find("qemu-system-aarch64");
  if (arm === undefined) return;
  writeFileSync(`${root}/arm.rom`, armRom());
  t.is(await runRom(env, [arm, "-accel", "tcg", "-machine", "virt", "-cpu", "cortex-a72"], `${root}/arm.rom`), 0);
});

test("qemu: what a probe left that was killed is removed by the next one, which leaves nothing", async (t) => {
  const folder = mkdtempSync(`${root}/p-`);
  for (const name of ["old", "young"]) writeFileSync(`${folder}/lares-kvm-probe-${name}`, "");
  utimesSync(`${folder}/lares-kvm-probe-old`, 1, 1);
  t.is(typeof (await kvmProbe(env, folder)(await hostArchitecture(env))), "boolean");
  t.deepEqual(readdirSync(folder), existsSync("/dev/kvm") ? ["lares-kvm-probe-young"] : readdirSync(folder));
});

test("qemu: a probe that would never end goes with whoever asked", async (t) => {
  const never = `${root}/never.rom`;
  writeFileSync(never, new Uint8Array(65_536).fill(0xf4));
  const pidFile = `${root}/probe.pid`;
  const argv = ["qemu-system-x86_64", "-accel", "tcg", "-machine", "pc", "-pidfile", pidFile];
  const script = `
    import { createEnv } from "#base/platform/create-env.ts";
    import { runRom } from "#drivers/qemu/accelerator.ts";
    await runRom(createEnv(), ${JSON.stringify(argv)}, ${JSON.stringify(never)});`;
  const asker = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: "inherit" });
  while (!existsSync(pidFile) || readFileSync(pidFile, "utf8").trim() === "") {
    t.is(asker.exitCode, null);
    await setTimeout(20);
  }
  const pid = Number(readFileSync(pidFile, "utf8"));
  t.teardown(() => spawnSync("kill", ["-9", String(pid)]));
  asker.kill("SIGKILL");
  while (existsSync(`/proc/${pid}`)) await setTimeout(20);
  t.pass();
});

/** The guest's first disk is its image, the last its seed, whose user-data it runs as a script. */
const BOARD = { type: "serial", vendor: "lares", name: "board", id: "1", env: {} };
const scripted = (script: string, more: Readonly<Record<string, unknown>> = {}) =>
  booting("script", { cloud_init: [{ user_data: script }], ...more });

test("qemu: disks, seed, environment and devices reach the guest, and the image stays as it was", (t) =>
  inTurn(async () => {
    const own = mkdtempSync(`${root}/d-`);
    const volume = `${own}/volume`;
    mkdirSync(volume);
    execFileSync("qemu-img", ["create", "-q", "-f", "raw", `${own}/base.img`, "1M"]);
    writeFileSync(`${own}/base.img`, Buffer.concat([Buffer.from("from the image\n"), Buffer.alloc(1024 * 1024 - 15)]));
    const before = readFileSync(`${own}/base.img`);
    const script = [
      "head -n 1 /dev/vda; echo overlaid | dd of=/dev/vda conv=notrunc 2>/dev/null; sync",
      "echo volume | dd of=/dev/vdb conv=notrunc 2>/dev/null; echo scratch >/dev/nvme0n1; sync",
      "cat /sys/block/vdb/serial; echo; ls /mnt/seed | tr '\\n' ' '; echo; head -n 2 /mnt/seed/meta-data",
      "grep -c ^processor /proc/cpuinfo; while read key kilobytes _; do [ $key = MemTotal: ] && break; done </proc/meminfo",
      "[ $kilobytes -gt 65536 ] && [ $kilobytes -le 131072 ] && echo no more memory than it was given",
      "grep GREETING /sys/firmware/qemu_fw_cfg/by_name/opt/lares/env/raw",
      "port=$(ls -d /sys/bus/pci/devices/*/tty/ttyS*); exec 5<>/dev/${port##*/}; stty raw -echo <&5",
      "echo who >&5; head -n 1 <&5",
      "end 3",
    ].join("\n");
    const config = scripted(script, {
      cpus: 2,
      image_path: `${own}/base.img`,
      disk: [
        { source: "/data/db.img", size: "2M", serial: "db" },
        { size: "3M", interface: "nvme" },
      ],
    });
    const driver = qemu({ image_paths: [guest.folder, own] });
    const mounts = [{ hostPath: volume, taskPath: "/data", readOnly: false }];
    const board = await plugIn(env, `${own}/port`, (line, it) => void it.say(`${line}? the board\n`));
    t.teardown(() => board.unplug());
    const devices = [
      { ...BOARD, stablePath: `${own}/port`, nodes: [{ hostPath: `${own}/port`, taskPath: "", permissions: "rw" }] },
    ];
    const task = taskOf(config, { mounts, devices }, own);
    const first = await started(driver, task);
    const exit = await driver.wait(first, nothing);
    await driver.destroy(first);
    t.like(exit, { kind: "exited", code: 3 });
    const lines = readFileSync(task.paths.stdoutPath, "utf8").split("\n");
    t.deepEqual(lines, [
      "from the image",
      "db",
      "meta-data user-data ",
      `instance-id: ${task.allocId}`,
      "local-hostname: j-g-0",
      "2",
      "no more memory than it was given",
      "GREETING=hello",
      "who? the board",
      "",
    ]);
    t.deepEqual(readFileSync(`${own}/base.img`), before);
    t.is(readFileSync(`${volume}/db.img`).subarray(0, 7).toString(), "volume\n");
    // The same task again: its disks are as it left them.
    const again = await started(driver, {
      ...task,
      id: `${task.id}2`,
      config: { ...config, cloud_init: [{ user_data: "head -n 1 /dev/vda; head -n 1 /dev/nvme0n1" }] },
    });
    await driver.wait(again, nothing);
    await driver.destroy(again);
    t.true(readFileSync(task.paths.stdoutPath, "utf8").endsWith("overlaid\nscratch\n"));
    t.deepEqual(readdirSync(`${task.paths.allocDir}/../.qemu`), []);
    await driver.close?.();
  }));

/** Until what the guest said so far satisfies. */
async function heard(task: TaskStart, what: RegExp): Promise<string> {
  for (;;) {
    const said = existsSync(task.paths.stdoutPath) ? readFileSync(task.paths.stdoutPath, "utf8") : "";
    if (what.test(said)) return said;
    await setTimeout(50);
  }
}

const stopping = { killSignal: "", killTimeoutMs: 60_000 };

test("qemu: its console takes a line and shows what it says, also after the agent's restart; its power button ends it", (t) =>
  inTurn(async () => {
    const first = qemu();
    const task = taskOf(booting("console"));
    const handle = await started(first, task);
    await heard(task, /^ready\n/);
    const seen: string[] = [];
    const hangUp = new AbortController();
    const open = (driver: Driver, signal = nothing) =>
      driver.exec(handle, {
        command: ["console"],
        tty: false,
        signal,
        onOutput: (_, data) => void seen.push(Buffer.from(data).toString()),
      });
    const session = await open(first, hangUp.signal);
    if (!session.ok) throw new Error(session.error.message);
    const busy = await open(first);
    t.is(busy.ok ? "" : busy.error.code, "BUSY");
    const shell = await first.exec(handle, { command: ["uname"], tty: false, signal: nothing, onOutput: () => {} });
    t.regex(shell.ok ? "" : `${shell.error.message} ${shell.error.hint ?? ""}`, /no agent .*the command console/);
    await session.value.write(Buffer.from("one\n"));
    await heard(task, /heard one\n/);
    hangUp.abort();
    t.is((await session.value.exited).code, 0);
    await first.close?.();
    const second = qemu();
    t.true((await second.recover(handle)).ok);
    const again = await open(second);
    if (!again.ok) throw new Error(again.error.message);
    await again.value.write(Buffer.from("two\n"));
    again.value.endInput();
    await again.value.exited;
    t.is(seen.join(""), "heard one\nheard two\n");
    t.is(readFileSync(task.paths.stdoutPath, "utf8"), "ready\nheard one\nheard two\n");
    const end = second.wait(handle, nothing);
    await second.signal(handle, "SIGSTOP");
    await second.signal(handle, "SIGCONT");
    await second.stop(handle, stopping);
    t.like(await end, { kind: "exited", code: 0, signal: 0 });
    await second.destroy(handle);
    await second.close?.();
  }));

test("qemu: a saved guest goes on where it was, once", (t) =>
  inTurn(async () => {
    const own = mkdtempSync(`${root}/s-`);
    execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", `${own}/base.qcow2`, "4M"]);
    const config = scripted('echo booted; while read word; do echo "then $word"; done', {
      image_path: `${own}/base.qcow2`,
      snapshot_on_stop: true,
    });
    const driver = qemu({ image_paths: [guest.folder, own] });
    const task = taskOf(config, {}, own);
    const first = await started(driver, task);
    await heard(task, /^booted\n/);
    const end = driver.wait(first, nothing);
    await driver.stop(first, stopping);
    t.like(await end, { kind: "exited", code: 0 });
    await driver.destroy(first);
    const second = await started(driver, { ...task, id: `${task.id}2` });
    const session = await driver.exec(second, { command: ["console"], tty: true, signal: nothing, onOutput: () => {} });
    if (!session.ok) throw new Error(session.error.message);
    await session.value.write(Buffer.from("more\n"));
    t.is(await heard(task, /then more\n/), "booted\nthen more\n");
    await driver.stop(second, { killSignal: "SIGKILL", killTimeoutMs: 1000 });
    await driver.destroy(second);
    t.false(
      execFileSync("qemu-img", ["snapshot", "-l", `${task.paths.localDir}/.qemu/root.qcow2`], {
        encoding: "utf8",
      }).includes("lares"),
    );
    await driver.close?.();
  }));

const web =
  "udhcpc -i eth0 -n -q -s /usr/share/udhcpc/default.script; httpd -p 80 -h /mnt/seed; while :; do sleep 1000; done";

async function fetched(url: string): Promise<string> {
  for (;;) {
    const answer = await fetch(url, { signal: AbortSignal.timeout(5000) }).catch(() => undefined);
    if (answer?.ok === true) return answer.text();
    await setTimeout(100);
  }
}

test("qemu: a port of the node leads into the guest; it runs as the task's user", (t) =>
  inTurn(async () => {
    const driver = qemu();
    const port = await freePort();
    const ports = [{ Label: "web", Value: port, To: 0, HostIP: "127.0.0.1" }];
    const task = taskOf(scripted(web, { port_map: [{ web: 80 }] }), { ports, user: "nobody" });
    for (let folder = task.paths.taskDir; folder.startsWith(root); folder = dirname(folder)) chmodSync(folder, 0o755);
    const handle = await started(driver, task);
    t.regex(await fetched(`http://127.0.0.1:${port}/meta-data`), new RegExp(`^instance-id: ${task.allocId}`));
    const pid = execFileSync("pgrep", ["-f", task.allocId], { encoding: "utf8" }).trim().split("\n");
    const users = pid.map((each) => execFileSync("ps", ["-o", "user=,comm=", "-p", each], { encoding: "utf8" }).trim());
    t.true(
      users.some((user) => /^nobody\s+qemu-system/.test(user)),
      users.join("; "),
    );
    // Nothing else is open: no screen, no monitor.
    const listening = execFileSync("ss", ["-tlnpH"], { encoding: "utf8" }).split("\n");
    const its = listening.filter((line) => pid.some((each) => line.includes(`pid=${each},`)));
    t.deepEqual(
      its.map((line) => line.split(/\s+/)[3]),
      [`127.0.0.1:${port}`],
    );
    await driver.stop(handle, { killSignal: "SIGKILL", killTimeoutMs: 1000 });
    await driver.destroy(handle);
    await driver.close?.();
  }));

test("qemu: in the group's network the guest has its address", (t) =>
  inTurn(async () => {
    const space = `lt${process.pid}`;
    const ip = (...words: readonly string[]) => execFileSync("ip", words);
    const subnet = `10.${process.pid % 200}.${(process.pid >> 8) % 250}`;
    ip("netns", "add", space);
    t.teardown(() => ip("netns", "delete", space));
    ip("link", "add", `${space}h`, "type", "veth", "peer", "name", "eth0", "netns", space);
    ip("address", "add", `${subnet}.1/24`, "dev", `${space}h`);
    ip("link", "set", `${space}h`, "up");
    ip("-n", space, "link", "set", "eth0", "up");
    ip("-n", space, "address", "add", `${subnet}.7/24`, "dev", "eth0");
    ip("-n", space, "route", "add", "default", "via", `${subnet}.1`);
    const own = mkdtempSync(`${root}/n-`);
    writeFileSync(`${own}/resolv.conf`, "nameserver 192.0.2.53\nsearch lab.example\n");
    const network = {
      namespace: `/run/netns/${space}`,
      sandbox: "",
      device: "eth0",
      address: `${subnet}.7`,
      addressIpv6: "",
      resolvConf: `${own}/resolv.conf`,
      hosts: `${own}/hosts`,
    };
    const driver = qemu();
    const task = taskOf(scripted(`cat /proc/cmdline; cat /mnt/seed/network-config | tr -d ' \\n'; echo; ${web}`), {
      network,
      networkMode: "bridge",
    });
    for (const attempt of ["", "2"]) {
      const handle = await started(driver, { ...task, id: `${task.id}${attempt}` });
      t.regex(await fetched(`http://${subnet}.7/meta-data`), /^instance-id/);
      await driver.stop(handle, { killSignal: "SIGKILL", killTimeoutMs: 1000 });
      await driver.destroy(handle);
    }
    const said = readFileSync(task.paths.stdoutPath, "utf8");
    t.true(said.includes(`bound ${subnet}.7/24 ${subnet}.1 192.0.2.53`), said);
    t.true(said.includes(`ip=${subnet}.7::${subnet}.1:255.255.255.0:j-g-0::off`), said);
    t.true(said.includes(`"addresses":["${subnet}.7/24"]`) && said.includes('"addresses":["192.0.2.53"]'), said);
    while (execFileSync("ip", ["netns", "pids", space], { encoding: "utf8" }) !== "") await setTimeout(50);
    await driver.close?.();
  }));

test("qemu: a device on USB that is gone when the guest starts may be back later; others cannot be handed in", async (t) => {
  const driver = qemu();
  const usb = { bus: 250, device: 7, vendorId: "1209", productId: "0001" };
  const nodes = [{ hostPath: "/dev/bus/usb/250/007", taskPath: "", permissions: "rw" }];
  const device = { ...BOARD, stablePath: "/dev/bus/usb/250/007", nodes, usb };
  const gone = await driver.start(taskOf(booting("stubborn"), { devices: [device] }));
  t.like(gone, { ok: false, error: { recoverable: true } });
  t.regex(gone.ok ? "" : gone.error.message, /QEMU did not start: .*usb-host.*usb device 250:7/);
  const refused = await problem(driver, booting("stubborn"), { devices: [{ ...device, type: "gpu", usb: undefined }] });
  t.regex(refused, /gpu\/board cannot be handed to a guest: only USB devices and serial ports can/);
  await driver.close?.();
});

test("qemu: on a bridge of the node it is one more host of that network, and its agent shuts it down", (t) =>
  inTurn(async () => {
    const own = mkdtempSync(`${root}/b-`);
    const lan = makeLan(own);
    t.teardown(() => lan.remove());
    const driver = qemu({ bridges: [lan.bridge] });
    // Nothing in it hears the power button.
    const config = scripted(`agent; ${web}`, { bridge: lan.bridge, guest_agent: true });
    const task = taskOf(config, {}, own);
    const tap = tapNameIn(`${own}/allocs`, task.id);
    const traces = () =>
      [spawnSync("ip", ["link"], { encoding: "utf8" }), spawnSync("iptables-save", { encoding: "utf8" })]
        .flatMap(({ stdout }) => stdout.split("\n"))
        .filter((line) => line.includes(tap));
    const handle = await started(driver, task);
    t.true(traces().length > 0);
    let page = "";
    while (page === "") {
      page = lan.fetched(`http://${lan.address}/meta-data`);
      await setTimeout(100);
    }
    t.regex(page, new RegExp(`^instance-id: ${task.allocId}`));
    const end = driver.wait(handle, nothing);
    await driver.stop(handle, stopping);
    t.like(await end, { kind: "exited", code: 0, signal: 0 });
    // As after a crash: nobody knows the task any more.
    await driver.sweep?.({ allocsRoot: `${own}/allocs`, keep: new Set([handle.taskId]) });
    t.true(traces().length > 0, "what is known stays");
    await driver.sweep?.({ allocsRoot: `${own}/allocs`, keep: new Set() });
    t.deepEqual(traces(), []);
    await driver.destroy(handle);
    await driver.close?.();
  }));

test("qemu: a guest's QEMU is held to what its job asked for, and nothing of that stays behind", (t) =>
  inTurn(async () => {
    const driver = qemu();
    const resources = { ...MEMORY, Cpu: { CpuShares: 300, ReservedCores: [0] } };
    const handle = await started(driver, taskOf(booting("stubborn"), { resources }));
    const cgroup = String(handle.state["cgroup"]);
    const isSplit = cgroup.startsWith("/sys/fs/cgroup/freezer/");
    const folder = (controller: string) => (isSplit ? cgroup.replace("/freezer/", `/${controller}/`) : cgroup);
    const of = (controller: string, file: string) => readFileSync(`${folder(controller)}/${file}`, "utf8").trim();
    const name = (pid: string) => readFileSync(`/proc/${pid}/comm`, "utf8");
    const own = of("freezer", "cgroup.procs")
      .split("\n")
      .find((pid) => name(pid).startsWith("qemu-system"));
    t.is(of("cpu", isSplit ? "cpu.shares" : "cpu.weight"), String(isSplit ? 300 : weightOf(300)));
    t.is(of("memory", isSplit ? "memory.limit_in_bytes" : "memory.max"), String((128 + 256) * 1024 * 1024));
    for (const controller of ["cpu", "memory"])
      t.true(
        of(controller, "cgroup.procs")
          .split("\n")
          .includes(own ?? ""),
        controller,
      );
    t.regex(readFileSync(`/proc/${own}/status`, "utf8"), /^Cpus_allowed_list:\t0$/m);
    await driver.stop(handle, { killSignal: "SIGKILL", killTimeoutMs: 1000 });
    await driver.destroy(handle);
    for (const controller of ["freezer", "cpu", "memory"]) t.false(existsSync(folder(controller)), controller);
    await driver.close?.();
  }));

test("limits in the words of both versions of control groups", (t) => {
  t.deepEqual([2, 100, 1024, 262_144, 1, 1_000_000].map(weightOf), [1, 4, 39, 10_000, 1, 10_000]);
  const wish = { cpuShares: 1, memoryBytes: 4096 };
  const unified = limited(["x"], "/sys/fs/cgroup/lares/own/task", wish).slice(4);
  const delegated = ["", "/lares", "/lares/own"].flatMap((above) => [
    `/sys/fs/cgroup${above}/cgroup.subtree_control`,
    "+cpu +memory",
  ]);
  const values = ["/sys/fs/cgroup/lares/own/task/cpu.weight", "1", "/sys/fs/cgroup/lares/own/task/memory.max", "4096"];
  t.deepEqual(unified, [...delegated, ...values, "--", "--", "x"]);
  t.deepEqual(limited(["x"], "", wish), ["x"]);
  t.deepEqual(limited(["x"], "/sys/fs/cgroup/freezer/lares/o/t", { cpuShares: 0, memoryBytes: 0 }), ["x"]);
});
