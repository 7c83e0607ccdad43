import type { Env } from "#base/env/env.ts";
import { readText } from "./read-text.ts";

/** By what the firmware says of its maker or product. */
const HYPERVISORS: readonly (readonly [pattern: RegExp, name: string])[] = [
  [/vmware/i, "vmware"],
  [/innotek|virtualbox/i, "virtualbox"],
  [/microsoft corporation.*virtual/i, "hyperv"],
  [/\bxen\b|hvm domu/i, "xen"],
  [/parallels/i, "parallels"],
  [/bochs/i, "bochs"],
  [/kvm|qemu|amazon ec2|google|digitalocean|openstack|hetzner|rhev|ovirt|standard pc/i, "kvm"],
];

/** `virtualization.type`: what this system runs inside of (systemd-detect-virt's words); `virtualization.kvm`: it can run machines itself. */
export async function virtualizationAttributes(env: Env): Promise<Record<string, string>> {
  const type = (await containerType(env)) ?? (await machineType(env));
  const kvm = (await env.disk.stat("/dev/kvm").catch(() => undefined)) !== undefined;
  return {
    ...(type === undefined ? {} : { "virtualization.type": type }),
    ...(kvm ? { "virtualization.kvm": "true" } : {}),
  };
}

async function containerType(env: Env): Promise<string | undefined> {
  const told = (await readText(env, "/run/systemd/container"))?.trim();
  if (told !== undefined && told !== "") return told;
  if ((await env.disk.stat("/.dockerenv").catch(() => undefined)) !== undefined) return "docker";
  return (await env.disk.stat("/run/.containerenv").catch(() => undefined)) === undefined ? undefined : "podman";
}

async function machineType(env: Env): Promise<string | undefined> {
  const hypervisor = (await readText(env, "/sys/hypervisor/type"))?.trim();
  if (hypervisor === "xen") return "xen";
  const firmware = await Promise.all(
    ["sys_vendor", "product_name", "bios_vendor"].map((name) => readText(env, `/sys/class/dmi/id/${name}`)),
  );
  const flagged = /^flags\s*:.*\bhypervisor\b/m.test((await readText(env, "/proc/cpuinfo")) ?? "");
  const tree = (await env.disk.stat("/proc/device-tree/hypervisor").catch(() => undefined)) !== undefined;
  const named = HYPERVISORS.find(([pattern]) => pattern.test(firmware.map((text) => text?.trim()).join(" ")))?.[1];
  if (flagged || tree) return named ?? "other";
  // An emulated processor has no such flag, and other boards only these names.
  return named === "kvm" && /qemu/i.test(firmware.join(" ")) ? "qemu" : undefined;
}
