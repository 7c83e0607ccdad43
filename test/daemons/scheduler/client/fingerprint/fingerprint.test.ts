import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import test, { type ExecutionContext } from "ava";
import fc from "fast-check";
import type { Env } from "#base/env/env.ts";
import type { InterfaceAddress } from "#base/env/net.ts";
import { defaultAgentConfig, type AgentConfig } from "#base/language/agent-config/config.ts";
import { createEnv } from "#base/platform/create-env.ts";
import type { Node } from "#base/protocol/node.ts";
import { isAllowed } from "#daemons/scheduler/client/fingerprint/denylist.ts";
import { fingerprintNode, type NodeInputs } from "#daemons/scheduler/client/fingerprint/fingerprint.ts";
import {
  attributesOf as inventoryAttributesOf,
  parseInventory,
} from "#daemons/scheduler/client/fingerprint/inventory.ts";
import { idListText, parseIdList } from "#daemons/scheduler/client/fingerprint/id-list.ts";
import { MachineWatch } from "#daemons/scheduler/client/fingerprint/machine-watch.ts";
import { parseMounts } from "#daemons/scheduler/client/http/host-stats.ts";
import { temperatures } from "#daemons/scheduler/client/fingerprint/temperatures.ts";
import { deviceUnder } from "#daemons/scheduler/client/volumes/mounted.ts";
import { diskBelow, plant, type Tree } from "../../../../drivers/devices/tree.ts";
import { BIG_LITTLE, HYBRID_PC, PI_4, VIRTUAL } from "./machines.ts";

interface Machine {
  readonly root: string;
  readonly env: Env;
  readonly inputs: NodeInputs;
  readonly interfaces: InterfaceAddress[];
}

const address = (name: string, text: string): InterfaceAddress => ({
  name,
  address: text,
  family: 4,
  cidr: `${text}/24`,
  mac: "dc:a6:32:00:00:01",
  internal: false,
});

function machine(t: ExecutionContext, tree: Tree, client: Partial<AgentConfig["client"]> = {}): Machine {
  const root = mkdtempSync(`${tmpdir()}/lares-fingerprint-`);
  t.teardown(() => rmSync(root, { recursive: true, force: true }));
  plant(root, tree);
  const real = createEnv({ logToStderr: false });
  const interfaces = [address("eth0", "192.168.2.10"), address("wlan0", "192.168.3.10")];
  const env: Env = {
    ...real,
    disk: diskBelow(root),
    net: { ...real.net, interfaces: () => interfaces, hostname: () => "pi" },
    exec: { ...real.exec, run: () => Promise.reject(new Error("no program is needed")) },
  };
  const config = defaultAgentConfig();
  const inputs: NodeInputs = {
    config: { ...config, client: { ...config.client, ...client } },
    identity: { nodeId: "n", secretId: "s" },
    httpAddress: "192.168.2.10:4646",
    allocsRoot: "/",
    version: "1.0.0",
  };
  return { root, env, inputs, interfaces };
}

const attributesOf = async (t: ExecutionContext, tree: Tree, client: Partial<AgentConfig["client"]> = {}) => {
  const { env, inputs } = machine(t, tree, client);
  return (await fingerprintNode(env, inputs)).Attributes;
};

test("a Raspberry Pi: its board, cores, memory, card and network, by the documented names", async (t) => {
  const { env, inputs } = machine(t, PI_4);
  const node = await fingerprintNode(env, inputs);
  t.like(node.Attributes, {
    "cpu.arch": "arm64",
    "cpu.numcores": "4",
    "cpu.frequency": "1800",
    "cpu.totalcompute": "7200",
    "cpu.usablecompute": "7200",
    "cpu.reservablecores": "4",
    "cpu.modelname": "Cortex-A72",
    "board.vendor": "raspberrypi",
    "board.model": "Raspberry Pi 4 Model B Rev 1.2",
    "board.revision": "c03112",
    "unique.board.serial": "10000000abcdef01",
    "memory.totalbytes": String(3_884_396 * 1024),
    "kernel.arch": "aarch64",
    "os.name": "debian",
    "os.version": "12",
    "os.cgroups.version": "2",
    "unique.storage.disk.mmcblk0.bytes": String(62_333_952 * 512),
    "unique.storage.disk.mmcblk0.type": "mmc",
    "unique.storage.disk.mmcblk0.model": "SC32G",
    "unique.network.ip-address": "192.168.2.10",
  });
  t.is(node.Attributes["virtualization.type"], undefined);
  t.is(node.Attributes["unique.storage.disk.mmcblk0boot0.bytes"], undefined);
  t.is(node.Attributes["cpu.numcores.efficiency"], undefined);
  t.is(node.NodeResources.Cpu.CpuShares, 7200);
  t.deepEqual(
    node.NodeResources.NodeNetworks.map(({ Device, Speed }) => [Device, Speed]),
    [["eth0", 1000]],
  );
  t.is(node.NodeResources.Networks[0]!.MBits, 1000);
  t.deepEqual(await temperatures(env), [{ Sensor: "cpu-thermal", Celsius: 48.312 }]);
});

test("cores of two kinds count with their own frequencies", async (t) => {
  t.like(await attributesOf(t, BIG_LITTLE), {
    "cpu.numcores": "6",
    "cpu.numcores.performance": "2",
    "cpu.numcores.efficiency": "4",
    "cpu.frequency.performance": "1800",
    "cpu.frequency.efficiency": "1416",
    "cpu.totalcompute": String(4 * 1416 + 2 * 1800),
    "cpu.modelname": "Cortex-A53 + Cortex-A72",
    "board.vendor": "radxa",
  });
  // Base frequencies, as the documentation has it: what all cores can do at once.
  t.like(await attributesOf(t, HYBRID_PC), {
    "cpu.numcores.performance": "2",
    "cpu.numcores.efficiency": "2",
    "cpu.totalcompute": "7000",
    "cpu.modelname": "13th Gen Intel(R) Core(TM) i3-1315U",
  });
});

test("a PC: firmware's names without its fillers, memory regions, disks by kind, machines it can run", async (t) => {
  const attributes = await attributesOf(t, HYBRID_PC);
  t.like(attributes, {
    "board.vendor": "LENOVO",
    "board.model": "12BTCTO1WW",
    "unique.board.serial": "PC1ABCDE",
    "numa.node.count": "2",
    "numa.node0.cores": "0-1",
    "numa.node1.cores": "2-3",
    "unique.storage.disk.nvme0n1.type": "nvme",
    "unique.storage.disk.sda.type": "hdd",
    "unique.storage.disk.sda.model": "WDC WD40EFRX-68N",
    "virtualization.kvm": "true",
  });
  t.is(attributes["board.revision"], undefined);
  t.is(attributes["unique.storage.disk.sdb.bytes"], undefined);
});

test("what runs inside of something says inside of what", async (t) => {
  t.like(await attributesOf(t, VIRTUAL), {
    "virtualization.type": "kvm",
    "cpu.totalcompute": "2494",
    "unique.storage.disk.vda.type": "ssd",
  });
  const types = async (tree: Tree) => (await attributesOf(t, { ...VIRTUAL, ...tree }))["virtualization.type"];
  t.is(await types({ "/sys/class/dmi/id/sys_vendor": "VMware, Inc.\n" }), "vmware");
  t.is(await types({ "/sys/class/dmi/id/sys_vendor": "innotek GmbH\n" }), "virtualbox");
  t.is(await types({ "/run/systemd/container": "lxc\n" }), "lxc");
  t.is(await types({ "/.dockerenv": "" }), "docker");
  const emulated = { ...VIRTUAL, "/proc/cpuinfo": "processor\t: 0\nflags\t\t: fpu\n\n" };
  t.is((await attributesOf(t, emulated))["virtualization.type"], "qemu");
});

test("what is reserved is not given away: cores by number, with their MHz", async (t) => {
  const reserved = { cpu: 100, cores: "0,5", memory: 0, disk: 0, reservedPorts: "" };
  const { env, inputs } = machine(t, BIG_LITTLE, { reserved });
  const node = await fingerprintNode(env, inputs);
  t.deepEqual(node.ReservedResources.Cpu, { CpuShares: 1416 + 1800, ReservedCpuCores: [0, 5] });
  t.is(node.Attributes["cpu.reservablecores"], "4");
  t.is(node.Attributes["cpu.usablecompute"], String(3 * 1416 + 1800));
});

test("lists deny and allow what is looked for, and drivers", async (t) => {
  const denied = await attributesOf(t, PI_4, { options: { "fingerprint.denylist": "board, storage" } });
  t.is(denied["board.model"], undefined);
  t.is(denied["unique.storage.disk.mmcblk0.type"], undefined);
  t.is(denied["cpu.numcores"], "4");
  const only = await attributesOf(t, { ...PI_4, ...HYBRID_PC }, { options: { "fingerprint.allowlist": "numa" } });
  t.is(only["numa.node.count"], "2");
  t.is(only["board.model"], undefined);
  t.true(isAllowed({}, "driver", "docker"));
  t.false(isAllowed({ "driver.denylist": "docker,qemu" }, "driver", "qemu"));
  t.false(isAllowed({ "driver.blacklist": "qemu" }, "driver", "qemu"));
  t.false(isAllowed({ "driver.allowlist": "exec" }, "driver", "docker"));
  t.false(isAllowed({ "driver.allowlist": "exec", "driver.denylist": "exec" }, "driver", "exec"));
});

test("network_speed of the configuration wins; a host network tells the speed of its link", async (t) => {
  const hostNetworks = [{ name: "wifi", cidr: "", interface: "wlan0", reservedPorts: "" }];
  const { env, inputs } = machine(t, PI_4, { networkSpeed: 100, hostNetworks });
  const { NodeNetworks } = (await fingerprintNode(env, inputs)).NodeResources;
  t.deepEqual(
    NodeNetworks.map(({ Device, Speed }) => [Device, Speed]),
    [
      ["eth0", 100],
      ["wlan0", 0],
    ],
  );
});

test("a change of the machine is noticed, and keeps what others said of the node", async (t) => {
  const { root, env, inputs, interfaces } = machine(t, PI_4);
  const first = await fingerprintNode(env, inputs);
  const watch = await MachineWatch.open(env, inputs, first);
  t.is(await watch.look(), undefined);
  const device = { Vendor: "v", Type: "t", Name: "n", Instances: [], Attributes: {} };
  const told: Node = {
    ...first,
    Attributes: { ...first.Attributes, "driver.docker": "1" },
    NodeResources: { ...first.NodeResources, Devices: [device], Disk: { DiskMB: 77 } },
    HostVolumes: { data: { Name: "data", Path: "/d", ReadOnly: false } },
  };
  interfaces.push(address("veth1234", "172.17.0.1"));
  t.is(await watch.look(), undefined, "what comes and goes with containers is no change");
  interfaces[0] = address("eth0", "192.168.2.99");
  plant(root, { "/sys/class/net/eth0/speed": "100\n" });
  const change = await watch.look();
  const next = change!(told);
  t.is(next.Attributes["unique.network.ip-address"], "192.168.2.99");
  t.is(next.Attributes["driver.docker"], "1");
  t.is(next.NodeResources.NodeNetworks[0]!.Speed, 100);
  t.deepEqual(next.NodeResources.Devices, [device]);
  t.is(next.NodeResources.Disk.DiskMB, 77);
  t.deepEqual(Object.keys(next.HostVolumes), ["data"]);
  t.is(await watch.look(), undefined);
  plant(root, { "/sys/devices/system/cpu/online": "0-2\n" });
  t.is((await watch.look())!(next).Attributes["cpu.numcores"], "3");
});

test("a machine is looked through once for each time that it starts, and what was found is kept", async (t) => {
  const BOOT = "/proc/sys/kernel/random/boot_id";
  const { root, env: real, inputs: plain } = machine(t, { ...PI_4, [BOOT]: "one\n" });
  const inventory = { command: ["look"], file: "/state/inventory.json" };
  const [inputs, asked] = [{ ...plain, inventory }, { count: 0 }];
  let [nowMs, printed] = [0, JSON.stringify(INVENTORY)];
  const run: Env["exec"]["run"] = () => {
    asked.count += 1;
    return Promise.resolve({ ...ENDED, stdout: printed });
  };
  const env = {
    ...real,
    clock: { ...real.clock, monotonicMs: () => nowMs },
    exec: { ...real.exec, run },
  };
  const begin = async () => MachineWatch.open(env, inputs, await fingerprintNode(env, inputs));
  const watch = await begin();
  t.is(await watch.look(), undefined);
  t.is(asked.count, 0, "not while the agent starts");
  nowMs = 61_000;
  const found = (await watch.look())?.(await fingerprintNode(env, inputs)).Attributes;
  t.like(found, {
    "cpu.vendor": "AMD",
    "cpu.sockets": "1",
    "cpu.cache.l3": "33554432",
    "memory.type": "DDR5",
    "memory.modules": "2",
    "memory.frequency": "4800",
    "gpu.count": "1",
    "gpu.0.model": "GA102",
    "gpu.0.memory": "10240",
    "chassis.type": "Desktop",
  });
  t.false("chassis.battery" in (found ?? {}));
  t.is(await watch.look(), undefined);
  const next = await begin();
  t.is((await fingerprintNode(env, inputs)).Attributes["gpu.0.model"], "GA102", "the next agent knows at once");
  nowMs = 200_000;
  await next.look();
  t.is(asked.count, 1, "and does not look again");
  plant(root, { [BOOT]: "two\n" });
  printed = "no JSON";
  const third = await begin();
  nowMs = 300_000;
  t.is(await third.look(), undefined);
  t.is(asked.count, 2);
  t.is((await fingerprintNode(env, inputs)).Attributes["gpu.0.model"], "GA102", "what was known stays");
});

test("whatever a machine's tools say, attributes are texts", (t) => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      try {
        return Object.values(inventoryAttributesOf(parseInventory(text))).every((value) => typeof value === "string");
      } catch {
        return true;
      }
    }),
  );
  t.deepEqual(inventoryAttributesOf(parseInventory(JSON.stringify(NOTHING_FOUND))), {});
});

const ENDED = { code: 0, signal: 0, stdout: "", stderr: "", timedOut: false, truncated: false };
const CPU = { vendor: "AMD", processors: 1, physicalCores: 8, cache: { l1d: 1, l2: 4_194_304, l3: 33_554_432 } };
const MODULE = { size: 17_179_869_184, type: "DDR5", clockSpeed: 4800, ecc: false };
const INVENTORY = {
  cpu: CPU,
  memory: [MODULE, MODULE, { size: 0, type: "Empty", clockSpeed: 0, ecc: null }],
  graphics: [{ vendor: "NVIDIA Corporation", model: "GA102", vram: 10_240 }],
  chassis: { type: "Desktop" },
  battery: { hasBattery: false },
};
/** As in a container, where no tool says anything. */
const NOTHING_FOUND = {
  cpu: { vendor: "", processors: 0, physicalCores: 0, cache: { l2: 0, l3: 0 } },
  memory: [{ size: 25_276_514_304, type: "", clockSpeed: 0, ecc: null }],
  graphics: [],
  chassis: { type: "" },
  battery: { hasBattery: false },
};

test("file systems on disks are told of once, with their places as they are", (t) => {
  const text =
    "proc /proc proc rw 0 0\n/dev/sda1 / ext4 rw 0 0\n/dev/sda1 /var/lib/x ext4 rw 0 0\n/dev/sdb1 /mnt/my\\040disk ext4 rw 0 0\n/dev/loop3 /snap/x squashfs ro 0 0\n";
  t.deepEqual(parseMounts(text), [
    { device: "/dev/sda1", point: "/" },
    { device: "/dev/sdb1", point: "/mnt/my disk" },
  ]);
  fc.assert(fc.property(fc.string(), (any) => parseMounts(any).length <= 64));
});

test("the volume below a folder is what is mounted nearest above it, on top", async (t) => {
  const lines = [
    "1 0 0:1 / / rw - overlay overlay rw",
    "2 1 8:1 / /var rw - ext4 /dev/sda1 rw",
    "3 2 8:2 / /var/lib/lares rw - ext4 /dev/sdb1 rw",
    "4 3 8:3 / /var/lib/lares rw - ext4 /dev/sdc1 rw",
    "5 2 8:4 / /var/lib/lares/alloc/x/secrets rw - tmpfs lares-secrets rw",
  ];
  const disk = { read: () => Promise.resolve(Buffer.from(`${lines.join("\n")}\n`)) };
  t.is(await deviceUnder(disk, "/var/lib/lares/alloc"), "/dev/sdc1");
  t.is(await deviceUnder(disk, "/var/lib/laresx"), "/dev/sda1");
  t.is(await deviceUnder(disk, "/srv"), "overlay");
  t.is(await deviceUnder({ read: () => Promise.resolve(undefined) }, "/srv"), undefined);
});

test("lists of numbers are read as they are written; anything is survived", (t) => {
  t.deepEqual(parseIdList("0-3,8,10-11\n"), [0, 1, 2, 3, 8, 10, 11]);
  t.deepEqual(parseIdList(""), []);
  t.deepEqual(parseIdList("3-1,x,-2"), []);
  fc.assert(fc.property(fc.string(), (text) => parseIdList(text).every((id) => Number.isInteger(id))));
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(300)), (ids) => {
      const sorted = ids.toSorted((a, b) => a - b);
      t.deepEqual(parseIdList(idListText(sorted)), sorted);
    }),
  );
});

test("tasks have the address that others reach, also where the way out leads through an emulator's NAT", async (t) => {
  const routes = `Iface\tDestination\tGateway
enp0s3\t00000000\t0202000A
enp0s8\t0038A8C0\t00000000
`;
  const addressOf = async (client: Partial<AgentConfig["client"]>): Promise<string | undefined> => {
    const { env, inputs, interfaces } = machine(t, { ...PI_4, "/proc/net/route": routes }, client);
    const mac = "08:00:27:00:00:01";
    interfaces.splice(0, 2, { ...address("enp0s3", "10.0.2.15"), mac }, { ...address("enp0s8", "192.168.56.4"), mac });
    return (await fingerprintNode(env, inputs)).Attributes["unique.network.ip-address"];
  };
  t.is(await addressOf({}), "192.168.56.4");
  t.is(await addressOf({ networkInterface: "enp0s3" }), "10.0.2.15", "whoever says so");
});
