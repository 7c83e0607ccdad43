import { equal, match } from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { freePorts } from "#test/free-ports.ts";
import { createEnv } from "#base/platform/create-env.ts";
import type { TaskHandle, TaskStart } from "#drivers/driver.ts";
import { createQemuDriver } from "#drivers/qemu/qemu-driver.ts";
import { readQemuOptions } from "#drivers/qemu/plugin-options.ts";
import { append, testGuest } from "../drivers/qemu/test-guest.ts";
import { taskIn } from "../drivers/task.ts";
import { until } from "../scenario/agent.ts";
import { armGuest } from "./arm-guest.ts";

/** Machines of other kinds by the driver itself: another processor's, one that starts by UEFI, one with a screen. */
export async function tryMachines(held: (what: string) => void): Promise<void> {
  const env = createEnv({ logLevel: "error" });
  const root = mkdtempSync(`${tmpdir()}/lares-machines-`);
  const alive = setInterval(() => {}, 1000);
  const [own, arm] = [testGuest(), armGuest()];
  const driver = createQemuDriver(env, readQemuOptions({ image_paths: [own.folder, arm.folder] }), root);
  const resources = {
    Cpu: { CpuShares: 100, ReservedCores: [] },
    Memory: { MemoryMB: 256, MemoryMaxMB: 0 },
    Networks: [],
    Devices: [],
  };
  const begin = async (
    config: Readonly<Record<string, unknown>>,
    more: Partial<TaskStart> = {},
  ): Promise<{ readonly task: TaskStart; readonly handle: TaskHandle }> => {
    const task = taskIn(root, config, { resources, ...more });
    const result = await driver.start(task);
    if (!result.ok) throw new Error(`${result.error.message} ${result.error.hint ?? ""}`);
    return { task, handle: result.value };
  };
  const ended = async ({ task, handle }: Awaited<ReturnType<typeof begin>>): Promise<string> => {
    const exit = await driver.wait(handle, new AbortController().signal);
    const said = readFileSync(task.paths.stdoutPath, "utf8");
    equal(exit.kind === "exited" ? exit.code : exit.kind, 0, said);
    await driver.destroy(handle);
    return said;
  };
  try {
    const { folder: _folder, ...boots } = arm;
    const other = await begin({ ...boots, emulator: "aarch64", append: "console=ttyAMA0 quiet panic=-1" });
    match(await ended(other), /here is aarch64/);
    held("qemu: a machine of another processor (aarch64) runs Debian's kernel and ends by itself");

    const user_data = "[ -d /sys/firmware/efi ] && echo started by UEFI";
    const scripted = { kernel: own.kernel, initrd: own.initrd, append: append("script"), cloud_init: [{ user_data }] };
    match(await ended(await begin({ ...scripted, firmware: "uefi" })), /started by UEFI/);
    held("qemu: UEFI (OVMF) starts a guest, and the guest knows");

    const [port = 0] = await freePorts(1);
    const screen = { Label: "screen", Value: port, To: 0, HostIP: "127.0.0.1", IgnoreCollision: false };
    const idle = { kernel: own.kernel, initrd: own.initrd, append: append("console") };
    const shown = await begin({ ...idle, vnc: [{ port: "screen" }] }, { ports: [screen] });
    await until("the screen speaks", async () => /^RFB 003\.\d{3}\n/.test(await firstWords(port)));
    await driver.stop(shown.handle, { killSignal: "SIGKILL", killTimeoutMs: 1000 });
    await driver.destroy(shown.handle);
    const blind = await begin(idle, { ports: [screen] });
    equal(await firstWords(port), "");
    await driver.stop(blind.handle, { killSignal: "SIGKILL", killTimeoutMs: 1000 });
    await driver.destroy(blind.handle);
    held("qemu: a screen by VNC at the address of its port alone, and none where none was asked for");
  } finally {
    await driver.close?.();
    env.close();
    clearInterval(alive);
    rmSync(root, { recursive: true, force: true });
  }
}

/** What a server says first; empty where there is none. */
function firstWords(port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket: Socket = connect(port, "127.0.0.1");
    const end = (said: string): void => {
      socket.destroy();
      resolve(said);
    };
    socket.setTimeout(5000, () => end(""));
    socket.once("data", (data) => end(data.toString()));
    socket.once("error", () => end(""));
    socket.once("close", () => end(""));
  });
}
