import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { DebianKernel } from "./debian-kernel.ts";

const MACHINES = {
  x64: { program: "qemu-system-x86_64", words: ["-machine", "q35", "-cpu", "Nehalem-v1"], serial: "ttyS0" },
  arm64: { program: "qemu-system-aarch64", words: ["-machine", "virt", "-cpu", "max"], serial: "ttyAMA0" },
} as const;

/** Runs a shell script as root on a machine of its own that has this machine's files; its lines, until it is switched off. */
export async function runInGuest(
  kernel: DebianKernel,
  script: string,
  { onLine, memoryMB = 768 }: { readonly onLine: (line: string) => void; readonly memoryMB?: number },
): Promise<readonly string[]> {
  const { program, words, serial } = MACHINES[process.arch === "arm64" ? "arm64" : "x64"];
  const args = [
    ...words,
    ...`-accel tcg,thread=multi -smp 2 -m ${memoryMB} -display none -no-reboot -nodefaults -no-user-config`.split(" "),
    "-serial",
    "stdio",
    "-kernel",
    kernel.vmlinuz,
    "-initrd",
    kernel.initrd,
    "-append",
    `console=${serial} quiet loglevel=3 panic=-1 script=${script}`,
    "-fsdev",
    "local,id=root,path=/,security_model=none,readonly=on,multidevs=remap",
    "-device",
    "virtio-9p-pci,fsdev=root,mount_tag=root",
  ];
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
  const lines: string[] = [];
  let said = "";
  child.stderr.on("data", (data: Buffer) => (said += data.toString()));
  const timer = setTimeout(() => child.kill("SIGKILL"), DEADLINE_MS);
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      lines.push(line.trimEnd());
      onLine(line);
    }
  } finally {
    clearTimeout(timer);
    child.kill("SIGKILL");
  }
  if (lines.length === 0) throw new Error(`${program} said nothing: ${said}`);
  return lines;
}

const DEADLINE_MS = 1_500_000;
