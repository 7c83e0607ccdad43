import { mkdtempSync, rmSync, existsSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import test, { type ExecutionContext } from "ava";
import fc from "fast-check";
import { removeFolder } from "#test/remove-folder.ts";
import type { SerialPortInfo } from "#base/env/serial.ts";
import { createEnv } from "#base/platform/create-env.ts";
import type { DeviceSource, FoundDevice, Driver } from "#drivers/driver.ts";
import { checkBoardOptions, createBoardSource } from "#drivers/devices/board/board-source.ts";
import { checkMediaOptions, createMediaSource } from "#drivers/devices/media/media-source.ts";
import { matchesPath, matchPaths } from "#drivers/devices/path-pattern.ts";
import { checkSerialOptions, readSerialOptions } from "#drivers/devices/serial/plugin-options.ts";
import { createSerialSource } from "#drivers/devices/serial/serial-source.ts";
import { slug } from "#drivers/devices/sysfs.ts";
import { AMD_CARD, CONSOLES, PI, usbPort, WIRES, XHCI } from "./boards.ts";
import { diskBelow, plant, type Tree } from "./tree.ts";
import { randomUUID } from "node:crypto";
import * as v from "valibot";
import { defaultAgentConfig } from "#base/language/agent-config/config.ts";
import { createSerialPorts } from "#base/platform/serial-ports.ts";
import type { AllocReport } from "#base/protocol/alloc.ts";
import type { Job } from "#base/protocol/job.ts";
import { AllocatedResourcesSchema } from "#base/protocol/resources.ts";
import { createSchedulerClient, type SchedulerClient } from "#daemons/scheduler/client/client.ts";
import { DeviceInventory, MAX_DEVICES } from "#daemons/scheduler/client/devices/device-inventory.ts";
import { attributes } from "#drivers/devices/attributes.ts";
import { createExecDriver } from "#drivers/exec/exec-driver.ts";
import { createRawExecDriver } from "#drivers/raw-exec/raw-exec-driver.ts";
import { plugIn, until } from "./pty.ts";
import { FakeRegistry, FakeServers, jobOf } from "../../daemons/scheduler/client/fake-cluster.ts";

const { log } = createEnv({ logToStderr: false });

interface Machine {
  readonly root: string;
  readonly serial: (config?: Readonly<Record<string, unknown>>) => DeviceSource;
  readonly board: (config?: Readonly<Record<string, unknown>>) => DeviceSource;
  readonly media: (config?: Readonly<Record<string, unknown>>) => DeviceSource;
}

/** `told`: what udev says of ports; undefined: there is no udev. */
function machine(t: ExecutionContext, tree: Tree, told?: readonly SerialPortInfo[]): Machine {
  const root = mkdtempSync(`${tmpdir()}/lares-devices-`);
  t.teardown(() => rmSync(root, { recursive: true, force: true }));
  plant(root, tree);
  const disk = diskBelow(root);
  const list = (): Promise<readonly SerialPortInfo[]> =>
    told === undefined ? Promise.reject(new Error("spawn udevadm ENOENT")) : Promise.resolve(told);
  return {
    root,
    serial: (config = {}) =>
      createSerialSource({ env: { disk, log }, ports: { list }, options: readSerialOptions(config) }),
    media: (config = {}) => createMediaSource(disk, config),
    board: (config = {}) => createBoardSource(disk, config),
  };
}

const UNO = usbPort({
  tty: "ttyACM0",
  socket: "1-1",
  vendor: "2341",
  product: "0043",
  serial: "75830303934351F0C1D1",
  maker: "Arduino (www.arduino.cc)",
  driver: "cdc_acm",
});
const FTDI = (tty: string, socket: string, serial?: string): Tree =>
  usbPort({
    tty,
    socket,
    vendor: "0403",
    product: "6001",
    ...(serial === undefined ? {} : { serial }),
    maker: "FTDI",
    name: "FT232R USB UART",
    adapter: true,
    driver: "ftdi_sio",
  });

const textsOf = ({ attributes }: FoundDevice): Record<string, unknown> =>
  Object.fromEntries(Object.entries(attributes).map(([name, { String: text, Int }]) => [name, text ?? Int]));
const titles = (found: readonly FoundDevice[]): string[] =>
  found.map(({ vendor, type, name, id }) => `${vendor}/${type}/${name} ${id}`).toSorted();

test("a board on USB is known by its maker, its name and its number, with a path that stays", async (t) => {
  const { serial } = machine(t, { ...CONSOLES, ...UNO, "/dev/serial/by-id/usb-Arduino_Uno-if00": "-> /dev/ttyACM0" }, [
    {
      path: "/dev/ttyACM0",
      manufacturer: "Arduino (www.arduino.cc)",
      serialNumber: "75830303934351F0C1D1",
      vendorId: "2341",
      productId: "0043",
    },
  ]);
  const found = await serial().find();
  t.deepEqual(titles(found), ["arduino/serial/uno usb-2341-0043-75830303934351f0c1d1-00"]);
  const [uno] = found;
  t.deepEqual(textsOf(uno!), {
    path: "/dev/ttyACM0",
    stable_path: "/dev/serial/by-id/usb-Arduino_Uno-if00",
    driver: "cdc_acm",
    bus: "usb",
    vendor_id: "2341",
    product_id: "0043",
    manufacturer: "Arduino (www.arduino.cc)",
    serial_number: "75830303934351F0C1D1",
    interface: "00",
  });
  t.deepEqual(uno!.nodes, [{ hostPath: "/dev/ttyACM0", taskPath: "/dev/ttyACM0", permissions: "rw" }]);
  t.deepEqual(uno!.usb, { bus: 1, device: 7, vendorId: "2341", productId: "0043" });
  t.is(uno!.stablePath, "/dev/serial/by-id/usb-Arduino_Uno-if00");
});

test("consoles and places without a port are nobody's, unless the configuration names them", async (t) => {
  const { serial } = machine(t, { ...CONSOLES, ...PI });
  t.deepEqual(
    titles(await serial().find()),
    ["board/serial/uart-pl011 ttyAMA0", "board/serial/serial ttyS0"].toSorted(),
  );
  t.deepEqual(titles(await machine(t, CONSOLES).serial().find()), []);
  t.deepEqual(titles(await serial({ ignore: ["/dev/ttyS*"] }).find()), ["board/serial/uart-pl011 ttyAMA0"]);
  t.deepEqual(await serial({ enabled: false }).find(), []);
  t.is(await serial({ enabled: false }).pulse(), "");
});

test("without udev the kernel's tree names them; equal numbers are told apart by their sockets", async (t) => {
  const { serial } = machine(t, {
    ...FTDI("ttyUSB0", "1-1", "A50285BI"),
    ...FTDI("ttyUSB1", "1-2.1", "0001"),
    ...FTDI("ttyUSB2", "1-2.2", "0001"),
    ...FTDI("ttyUSB3", "1-4"),
  });
  t.deepEqual(titles(await serial().find()), [
    "ftdi/serial/ft232r-usb-uart usb-0403-6001-0001-00-at-1-2.1",
    "ftdi/serial/ft232r-usb-uart usb-0403-6001-0001-00-at-1-2.2",
    "ftdi/serial/ft232r-usb-uart usb-0403-6001-1-4-00",
    "ftdi/serial/ft232r-usb-uart usb-0403-6001-a50285bi-00",
  ]);
});

test("plugged out and in again is noticed, also between two looks; the id stays, whatever the kernel calls it now", async (t) => {
  const { root, serial } = machine(t, UNO);
  const source = serial();
  const [before] = await source.find();
  const pulse = await source.pulse();
  t.is(await source.pulse(), pulse);
  plant(
    root,
    usbPort({
      tty: "ttyACM0",
      socket: "1-1",
      vendor: "2341",
      product: "0043",
      serial: "75830303934351F0C1D1",
      devnum: "8",
      driver: "cdc_acm",
    }),
  );
  t.not(await source.pulse(), pulse);
  const [after] = await source.find();
  t.is(after!.id, before!.id);
  t.not(after!.incarnation, before!.incarnation);
  rmSync(`${root}/sys/class/tty/ttyACM0`);
  const third = await source.pulse();
  t.deepEqual(await source.find(), []);
  plant(
    root,
    usbPort({
      tty: "ttyACM1",
      socket: "1-4",
      vendor: "2341",
      product: "0043",
      serial: "75830303934351F0C1D1",
      driver: "cdc_acm",
    }),
  );
  t.not(await source.pulse(), third);
  const [moved] = await source.find();
  t.is(moved!.id, before!.id);
  t.is(moved!.nodes[0]!.hostPath, "/dev/ttyACM1");
});

test("what the configuration names is a device: renamed, or one the kernel shows nowhere", async (t) => {
  const { serial } = machine(t, UNO);
  const named = serial({
    device: [{ path: "/dev/ttyACM*", vendor: "acme", name: "greenhouse" }],
    paths: ["/dev/nothing*"],
  });
  // A plain file of the fixture is no device.
  t.deepEqual(titles(await named.find()), ["arduino/serial/uno usb-2341-0043-75830303934351f0c1d1-00"]);
  const real = createSerialSource({
    env: createEnv({ logToStderr: false }),
    ports: { list: () => Promise.resolve([]) },
    options: readSerialOptions({
      device: { path: "/dev/nul?", vendor: "acme", name: "greenhouse" },
      paths: ["/dev/null", "/dev/full"],
    }),
  });
  const found = (await real.find()).filter(({ attributes }) => attributes["bus"]?.String === "configured");
  t.deepEqual(titles(found), ["acme/serial/greenhouse null", "other/serial/full full"]);
  t.true((await real.pulse()).includes("/dev/full=/dev/full"));
});

test("the plugins' options say what is wrong with them", (t) => {
  const texts = (config: Record<string, unknown>): string[] => checkSerialOptions(config).map(({ message }) => message);
  t.deepEqual(
    texts({ paths: ["/dev/ttyXR*"], ignore: ["/dev/ttyS*"], device: [{ path: "/dev/a", vendor: "acme" }] }),
    [],
  );
  t.regex(texts({ path: ["/dev/ttyUSB0"] })[0]!, /no key "path"/);
  t.regex(texts({ paths: ["ttyUSB0"] })[0]!, /"ttyUSB0" is no path/);
  t.regex(texts({ device: { vendor: "acme" } })[0]!, /needs path/);
  t.regex(texts({ device: { path: "/dev/a", vendor: "Acme Inc." } })[0]!, /"Acme Inc\." cannot name a device/);
  t.regex(checkMediaOptions({ types: ["gpus"] })[0]!.message, /no devices of type "gpus"/);
  t.deepEqual(checkMediaOptions({ types: ["gpu", "sound"] }), []);
});

test("a Pi's graphics, headphones and camera: all files of one device, no file of another", async (t) => {
  const { media } = machine(t, PI);
  const found = await media().find();
  t.deepEqual(titles(found), [
    "board/sound/headphones bcm2835_audio",
    "broadcom/gpu/v3d fec00000.v3d",
    "usb-046d/video/webcam-c270 usb-046d-0825-5a3b2c10",
  ]);
  const paths = Object.fromEntries(found.map(({ type, nodes }) => [type, nodes.map(({ hostPath }) => hostPath)]));
  t.deepEqual(paths, {
    gpu: ["/dev/dri/renderD128", "/dev/dri/card0"],
    sound: ["/dev/snd/controlC0", "/dev/snd/pcmC0D0p", "/dev/snd/timer"],
    video: ["/dev/video0", "/dev/video1"],
  });
  t.is(found.find(({ type }) => type === "sound")!.env["ALSA_CARD"], "Headphones");
  t.deepEqual(titles(await media({ types: ["sound"] }).find()), ["board/sound/headphones bcm2835_audio"]);
  t.deepEqual(await media({ types: [] }).find(), []);
});

test("a graphics card tells its maker, its memory, and what computing on it needs", async (t) => {
  const { media, root } = machine(t, AMD_CARD);
  const [card] = await media().find();
  t.deepEqual(titles([card!]), ["amd/gpu/amdgpu-744c 0000:01:00.0"]);
  t.deepEqual(card!.attributes["memory"], { Int: 24560, Float: null, String: null, Bool: null, Unit: "MiB" });
  t.deepEqual(
    card!.nodes.map(({ hostPath }) => hostPath),
    ["/dev/dri/renderD129", "/dev/dri/card1", "/dev/kfd"],
  );
  const pulse = await media().pulse();
  rmSync(`${root}/sys/class/drm/card1`);
  t.not(await media().pulse(), pulse);
});

test("buses of a board and raw USB devices: not a PC's own wires, no hub, nothing that is a port or a camera already", async (t) => {
  const wired = { ...WIRES, ...UNO, "/sys/bus/usb/devices/1-1": `-> ${XHCI}/1-1`, "/dev/bus/usb/001/007": "" };
  const source = machine(t, wired).board();
  const found = await source.find();
  t.deepEqual(
    found.map(({ type, vendor, name, id, nodes }) => `${vendor}/${type}/${name} ${id} ${nodes[0]?.hostPath}`),
    [
      "usb-0bda/usb/rtl2838uhidir usb-0bda-2838-00000001 /dev/bus/usb/001/009",
      "broadcom/i2c/i2c-bcm2835 fe804000.i2c-i2c-1 /dev/i2c-1",
      "spidev/spi/spidev spi0.0-spidev0.0 /dev/spidev0.0",
      "broadcom/gpio/pinctrl-bcm2835 fe200000.gpio-gpiochip0 /dev/gpiochip0",
    ],
  );
  const [radio] = found;
  t.deepEqual(radio === undefined ? [] : await source.measure?.(radio), [
    { name: "Transfers", unit: "", value: 4711 },
    { name: "Speed", unit: "Mbit/s", value: 480 },
    { name: "Connected", unit: "s", value: 90.5 },
  ]);
  t.deepEqual(checkBoardOptions({ types: ["i2c", "spi"] }), []);
  t.regex(checkBoardOptions({ types: ["gpu"] })[0]?.message ?? "", /there are no devices of type "gpu"/);
  t.deepEqual((await machine(t, wired).board({ types: [] }).find()).length, 0);
});

test("a graphics card and a port say how busy they are", async (t) => {
  const at = "/sys/devices/pci0000:00/0000:00:01.0/0000:01:00.0";
  const { media, serial } = machine(t, {
    ...AMD_CARD,
    ...PI,
    [`${at}/gpu_busy_percent`]: "37\n",
    [`${at}/mem_info_vram_used`]: "1073741824\n",
    [`${at}/hwmon/hwmon3/temp1_input`]: "51500\n",
    "/proc/tty/driver/ttyAMA":
      "serinfo:1.0 driver revision:\n0: uart:PL011 rev2 mmio:0xFE201000 irq:14 tx:120 rx:7 RTS|DTR\n",
  });
  const card = (await media().find()).find(({ vendor }) => vendor === "amd");
  const figures = card === undefined ? [] : ((await media().measure?.(card)) ?? []);
  t.deepEqual(
    figures.map(({ name, value, unit }) => `${name} ${value} ${unit}`),
    ["Busy 37 %", "Memory used 1073741824 B", "Memory 25753026560 B", "Temperature 51.5 °C"],
  );
  const [port] = await serial().find();
  t.deepEqual(port === undefined ? [] : await serial().measure?.(port), [
    { name: "Sent", unit: "B", value: 120 },
    { name: "Received", unit: "B", value: 7 },
  ]);
});

test("a machine without any of it has no devices", async (t) => {
  const { serial, media } = machine(t, { "/etc/hostname": "bare" });
  t.deepEqual(await serial().find(), []);
  t.deepEqual(await media().find(), []);
});

test("patterns of paths match within their parts, in time that stays small", async (t) => {
  t.true(matchesPath("/dev/ttyUSB10", "/dev/ttyUSB*"));
  t.true(matchesPath("/dev/ttyUSB1", "/dev/ttyUSB?"));
  t.false(matchesPath("/dev/ttyUSB10", "/dev/ttyUSB?"));
  t.false(matchesPath("/dev/serial/x", "/dev/*"));
  t.false(matchesPath("a".repeat(5000), `${"*a".repeat(2000)}b`));
  const { root } = machine(t, { "/dev/a1": "", "/dev/b1": "", "/dev/sub/a2": "" });
  t.deepEqual(await matchPaths(diskBelow(root), "/dev/a?"), ["/dev/a1"]);
  t.deepEqual(await matchPaths(diskBelow(root), "/*/sub/*"), ["/dev/sub/a2"]);
  t.deepEqual(await matchPaths(diskBelow(root), "/nowhere/*"), []);
  const name = fc.string({ unit: fc.constantFrom("a", "b", "*", "?"), maxLength: 12 });
  fc.assert(
    fc.property(name, name, (text, pattern) => {
      const source = pattern.replaceAll(/[*?]/g, (sign) => (sign === "*" ? "[^]*" : "[^]"));
      t.is(matchesPath(text, pattern), new RegExp(`^${source}$`).test(text));
    }),
  );
});

test("any maker's text becomes a name, or none", (t) => {
  t.is(slug("Silicon Labs CP2102N (r) USB to UART"), "silicon-labs-cp2102n-usb-to-uart");
  t.is(slug("\u0000\u00ff---"), "");
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) =>
      /^(?:[a-z0-9][a-z0-9-]{0,46}[a-z0-9]|[a-z0-9])?$/.test(slug(text)),
    ),
  );
});

/** The agent's timers do not keep a process alive; a running agent has its listeners for that. */
const alive = setInterval(() => {}, 1000);
test.after.always(() => clearInterval(alive));

interface Node {
  readonly dir: string;
  readonly port: string;
  readonly env: ReturnType<typeof createEnv>;
  readonly servers: FakeServers;
  readonly start: () => Promise<SchedulerClient>;
}

/** A node whose configuration names one port: an Arduino by name, a pseudo-terminal in truth. */
function node(t: ExecutionContext, makeDriver: (env: Node["env"]) => Driver): Node {
  const dir = mkdtempSync(`${tmpdir()}/lares-device-client-`);
  const port = `${dir}/ttyARD0`;
  const env = createEnv({ logLevel: "error" });
  const servers = new FakeServers();
  t.teardown(() => {
    env.close();
    removeFolder(dir);
  });
  const options = readSerialOptions({
    device: [{ path: `${dir}/ttyARD*`, vendor: "arduino", name: "uno" }],
    ignore: ["/dev/ttyS*"],
  });
  return {
    dir,
    port,
    env,
    servers,
    async start() {
      const client = createSchedulerClient({
        env,
        link: servers,
        drivers: [makeDriver(env)],
        devices: [createSerialSource({ env, ports: createSerialPorts(), options: options })],
        registry: new FakeRegistry(),
        config: defaultAgentConfig(),
        dataDir: dir,
        httpAddress: "127.0.0.1:4646",
        version: "0.0.0",
        onStop: "stop",
      });
      t.teardown(() => client.stop());
      await client.start();
      return client;
    },
  };
}

const GIVEN = v.parse(AllocatedResourcesSchema, {
  Tasks: {
    reader: {
      Cpu: { CpuShares: 100, ReservedCores: [] },
      Memory: { MemoryMB: 64, MemoryMaxMB: 0 },
      Networks: [],
      Devices: [{ Vendor: "arduino", Type: "serial", Name: "uno", DeviceIDs: ["ttyARD0"] }],
    },
  },
  Shared: { DiskMB: 0, Networks: [], Ports: [] },
});

/** Prints where its device is, and what it hears from it. */
const READER =
  'echo "at $NOMAD_DEVICE_SERIAL_ARDUINO"; exec 3<>"$NOMAD_DEVICE_SERIAL"; echo ready >&3; while read -r line <&3; do echo "heard $line"; done; exec sleep 300';

function readerJob(
  driver: string,
  restart: object = { Attempts: 100, Interval: 1e12, Delay: 1e8, Mode: "delay" },
): Job {
  const task = {
    Name: "reader",
    Driver: driver,
    Config: { command: "/bin/sh", args: ["-c", READER] },
    Resources: { Devices: [{ Name: "serial/arduino", Count: 1 }] },
  };
  return jobOf([task], { group: { RestartPolicy: restart } });
}

const eventsOf = (report: AllocReport | undefined): string[] =>
  report?.TaskStates["reader"]?.Events.map(({ Type }) => Type) ?? [];
const logOf = (dir: string, id: string): string => {
  const path = `${dir}/alloc/${id}/alloc/logs/reader.stdout.0`;
  return existsSync(path) ? readFileSync(path, "utf8") : "";
};
const devicesOf = (servers: FakeServers): string[] =>
  (servers.nodes.at(-1)?.NodeResources.Devices ?? []).flatMap(({ Vendor, Type, Name, Instances }) =>
    Vendor !== "arduino"
      ? []
      : Instances.map(({ ID, Healthy }) => `${Vendor}/${Type}/${Name}/${ID} ${Healthy ? "well" : "ill"}`),
  );

test("a task reads its Arduino; unplugged in use it is told, waits by its policy, and goes on when it is back", async (t) => {
  const { dir, port, env, servers, start } = node(t, (made) => createRawExecDriver(made));
  const first = await plugIn(env, port, (line, board) => void (line === "ready" && board.say("21.5 C\n")));
  await start();
  t.deepEqual(devicesOf(servers), ["arduino/serial/uno/ttyARD0 well"]);
  const id = randomUUID();
  servers.set(readerJob("raw_exec"), { ID: id, AllocatedResources: GIVEN });
  await until(() => logOf(dir, id).includes("heard 21.5 C\n"));
  t.true(logOf(dir, id).startsWith(`at ${port}\n`));
  await first.unplug();
  const lost = await servers.until(id, (report) => eventsOf(report).includes("Setup Failure"));
  const told = lost.TaskStates["reader"]!.Events;
  t.true(eventsOf(lost).includes("Device Lost"));
  t.regex(
    told.findLast(({ Type }) => Type === "Setup Failure")!.DisplayMessage,
    /arduino\/serial\/uno\/ttyARD0 is not there/,
  );
  await until(() => devicesOf(servers).includes("arduino/serial/uno/ttyARD0 ill"));
  const second = await plugIn(env, port, (line, board) => void (line === "ready" && board.say("19.0 C\n")));
  t.teardown(() => second.unplug());
  await until(() => logOf(dir, id).includes("heard 19.0 C\n"));
  await servers.until(id, (report) => eventsOf(report).includes("Device Returned"));
  await until(() => devicesOf(servers).includes("arduino/serial/uno/ttyARD0 well"));
  t.is(servers.reports.get(id)!.ClientStatus, "running");
});

test("a policy that gives up fails the task; the device is free again once nobody uses it", async (t) => {
  const { port, env, servers, start } = node(t, (made) => createRawExecDriver(made));
  const board = await plugIn(env, port);
  await start();
  const id = randomUUID();
  servers.set(readerJob("raw_exec", { Attempts: 0, Interval: 1e12, Delay: 1e8, Mode: "fail" }), {
    ID: id,
    AllocatedResources: GIVEN,
  });
  await until(() => board.received().includes("ready"));
  await board.unplug();
  const report = await servers.until(id, ({ ClientStatus }) => ClientStatus === "failed");
  t.true(eventsOf(report).includes("Device Lost"));
  await until(() => devicesOf(servers).length === 0);
});

test("an exec task finds the device's file in its root, as its own user, and no other device's", async (t) => {
  const { dir, port, env, servers, start } = node(t, (made) => createExecDriver(made));
  const board = await plugIn(env, port, (line, self) => void (line === "ready" && self.say("hello\n")));
  t.teardown(() => board.unplug());
  await start();
  const id = randomUUID();
  servers.set(readerJob("exec"), { ID: id, AllocatedResources: GIVEN });
  await until(() => logOf(dir, id).includes("heard hello\n"));
  t.true(logOf(dir, id).startsWith("at /dev/ttyARD0\n"));
});

const sound = (id: string, more: Partial<FoundDevice> = {}): FoundDevice => ({
  type: "sound",
  vendor: "acme",
  name: "card",
  id,
  nodes: [{ hostPath: "/dev/snd/x", taskPath: "/dev/snd/x", permissions: "rw" }],
  stablePath: "/dev/snd/x",
  env: {},
  incarnation: "1",
  attributes: attributes({ serial_number: id }),
  ...more,
});

test("an inventory looks again only when something moved, says what was replaced, and has a limit", async (t) => {
  let pulse = "a";
  let looks = 0;
  let found: readonly FoundDevice[] = [sound("1"), sound("2")];
  const source: DeviceSource = {
    name: "sound",
    pulse: () => (pulse === "broken" ? Promise.reject(new Error("EIO")) : Promise.resolve(pulse)),
    find: () => Promise.resolve((looks++, found)),
  };
  const inventory = new DeviceInventory(createEnv({ logToStderr: false }), [source]);
  t.deepEqual(await inventory.refresh(new Set()), { changed: true, replaced: [] });
  t.deepEqual(await inventory.refresh(new Set()), { changed: false, replaced: [] });
  t.is(looks, 1);
  found = [sound("1", { incarnation: "2" })];
  pulse = "b";
  const held = new Set(["acme/sound/card/1", "acme/sound/card/2"]);
  t.deepEqual(await inventory.refresh(held), { changed: true, replaced: ["acme/sound/card/1"] });
  t.deepEqual(
    inventory.groups().flatMap(({ Instances }) => Instances.map(({ ID, Healthy }) => [ID, Healthy])),
    [
      ["1", true],
      ["2", false],
    ],
  );
  const given = inventory.reserve([{ Vendor: "acme", Type: "sound", Name: "card", DeviceIDs: ["2"] }]);
  t.true(!given.ok && given.error.recoverable);
  // Nobody uses it any more.
  t.true((await inventory.refresh(new Set())).changed);
  t.is(inventory.groups().length, 1);
  // A source that fails keeps what it found.
  pulse = "broken";
  t.false((await inventory.refresh(new Set())).changed);
  t.is(inventory.groups().length, 1);
  pulse = "c";
  found = Array.from({ length: MAX_DEVICES + 10 }, (_, index) => sound(String(index)));
  await inventory.refresh(new Set());
  t.is(inventory.groups().length, MAX_DEVICES);
});
