import type { Env } from "#base/env/env.ts";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import { readConfig } from "../config-shape.ts";
import { hostArchitecture } from "./accelerator.ts";
import { collectDisks } from "./collect-disks.ts";
import { findFirmware } from "./firmware.ts";
import { kernelAddress } from "./guest-address.ts";
import { planNetwork, type GuestNetwork } from "./guest-network.ts";
import { hostFile } from "./host-file.ts";
import type { GuestDevice, GuestScreen, Machine } from "./machine.ts";
import { emulatorName, type QemuOptions } from "./plugin-options.ts";
import { SNAPSHOT } from "./run-folder.ts";
import { hostnameOf, type Workshop } from "./workshop.ts";

/** Less than that, and no kernel of today finds room. */
const LEAST_MEMORY_MB = 128;

/** Without `machine_type` and `cpu_model`. Emulated processors have what x86-64-v2 asks for and no more: each feature costs. */
const DEFAULTS: Readonly<Record<string, { readonly type: string; readonly cpu: string }>> = {
  x86_64: { type: "pc", cpu: "Nehalem" },
  aarch64: { type: "virt", cpu: "cortex-a72" },
};

/** Resolves a task's options to a machine, and makes the disks it writes. Failures name the option. */
export async function buildMachine(shop: Workshop): Promise<Result<Machine>> {
  const { env, task, config, options } = shop;
  const program = emulatorName(config.text("emulator") || (await hostArchitecture(env)));
  const architecture = program.replace("qemu-system-", "");
  const defaults = DEFAULTS[architecture];
  const problem = await programProblem(env, program, options);
  if (problem !== undefined) return problem;
  const { MemoryMB: memoryMB } = task.resources.Memory;
  if (memoryMB < LEAST_MEMORY_MB)
    return fail(
      "VALIDATION",
      `a guest needs at least ${LEAST_MEMORY_MB} MB of memory, and has ${memoryMB}`,
      "set resources { memory = 256 }",
    );
  const accelerator = await chooseAccelerator(shop, architecture);
  if (!accelerator.ok) return accelerator;
  const network = await planNetwork(env, task, config);
  if (!network.ok) return network;
  const kernel = await findKernel(shop, network.value);
  if (!kernel.ok) return kernel;
  const firmware = await findFirmware(shop, { architecture, boots: kernel.value !== undefined });
  if (!firmware.ok) return firmware;
  const disks = await collectDisks(shop, {
    architecture,
    network: network.value,
    hasKernel: kernel.value !== undefined,
  });
  if (!disks.ok) return disks;
  const devices = findDevices(shop);
  if (!devices.ok) return devices;
  const screen = findScreen(shop);
  if (!screen.ok) return screen;
  return succeed({
    program,
    architecture,
    name: task.allocName,
    uuid: task.allocId,
    type: config.text("machine_type") || (defaults?.type ?? "none"),
    accelerator: accelerator.value,
    cpuModel: config.text("cpu_model") || (accelerator.value === "kvm" ? "host" : (defaults?.cpu ?? "max")),
    cpus: config.number("cpus") ?? Math.max(1, task.resources.Cpu.ReservedCores.length),
    memoryMB,
    kernel: kernel.value,
    firmware: firmware.value,
    disks: disks.value.disks,
    devices: devices.value,
    network: network.value,
    screen: screen.value,
    hasAgent: config.flag("guest_agent", false),
    isConfined: await shop.canConfine(program),
    resume: disks.value.snapshots.includes(SNAPSHOT) ? SNAPSHOT : "",
    args: config.texts("args"),
  });
}

async function programProblem(env: Env, program: string, { allowedEmulators }: QemuOptions) {
  if (allowedEmulators.length > 0 && !allowedEmulators.includes(program))
    return fail(
      "FORBIDDEN",
      `this node does not allow the emulator ${program}`,
      `allowed: ${allowedEmulators.join(", ")}`,
    );
  if ((await env.exec.find(program)) !== undefined) return undefined;
  const hint = "install Debian's package qemu-system-x86 or qemu-system-arm, or choose another emulator";
  return fail("NO_SUCH_PROGRAM", `this node has no ${program}`, hint);
}

async function chooseAccelerator(shop: Workshop, architecture: string): Promise<Result<"kvm" | "tcg">> {
  const asked = shop.config.text("accelerator") || "auto";
  if (asked === "tcg") return succeed("tcg");
  if (await shop.hasKvm(architecture)) return succeed("kvm");
  if (asked === "auto") return succeed("tcg");
  const message = `accelerator = "kvm": guests of ${architecture} do not run on this node's processor (/dev/kvm is missing or does not work)`;
  return fail("NO_KVM", message, 'use accelerator = "auto", or a constraint on ${attr.driver.qemu.kvm}');
}

async function findKernel(shop: Workshop, network: GuestNetwork): Promise<Result<Machine["kernel"]>> {
  const { env, task, config, options } = shop;
  const path = config.text("kernel");
  if (path === "") return succeed(undefined);
  const { imagePaths } = options;
  const found = await hostFile(env, task, { path, imagePaths });
  if (!found.ok) return found;
  const disk = config.text("initrd");
  const initrd = disk === "" ? undefined : await hostFile(env, task, { path: disk, imagePaths });
  if (initrd?.ok === false) return initrd;
  const words = config.text("append");
  const tells = network.kind === "alloc" && !/(?:^|\s)ip=/.test(words);
  const append = tells ? `${words} ${kernelAddress(network.address, hostnameOf(task))}`.trim() : words;
  return succeed({ path: found.value.path, initrd: initrd?.value.path ?? "", append });
}

/** What is plugged in goes as it is; a serial port of the board becomes one of the guest's. */
function findDevices({ task }: Workshop): Result<readonly GuestDevice[]> {
  const devices: GuestDevice[] = [];
  for (const { usb, type, nodes, name } of task.devices ?? []) {
    const [node] = nodes;
    if (usb !== undefined) devices.push({ kind: "usb", ...usb });
    else if (type === "serial" && node !== undefined) devices.push({ kind: "serial", path: node.hostPath });
    else
      return fail(
        "UNSUPPORTED",
        `the device ${type}/${name} cannot be handed to a guest: only USB devices and serial ports can`,
      );
  }
  return succeed(devices);
}

const FIRST_SCREEN_PORT = 5900;

function findScreen({ task, config }: Workshop): Result<GuestScreen | undefined> {
  const [block] = config.blocks("vnc").map(readConfig);
  if (block === undefined) return succeed(undefined);
  const label = block.text("port");
  const mapping = task.ports.find(({ Label }) => Label === label);
  if (mapping === undefined)
    return fail(
      "VALIDATION",
      `qemu config: vnc needs a port of the group's network, and there is no ${JSON.stringify(label)}`,
    );
  const isWithin = task.network !== undefined;
  const port = isWithin && mapping.To > 0 ? mapping.To : mapping.Value;
  if (port < FIRST_SCREEN_PORT)
    return fail(
      "VALIDATION",
      `qemu config: QEMU serves VNC from port ${FIRST_SCREEN_PORT} on, and ${label} is ${port}`,
    );
  return succeed({ address: isWithin ? "" : mapping.HostIP, port, hasPassword: block.text("password") !== "" });
}
