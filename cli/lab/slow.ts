import { spawn } from "node:child_process";
import { once } from "node:events";
import { CodedError } from "#base/env/errors.ts";
import type { Exec } from "#base/env/exec.ts";
import { selfCommand } from "#base/platform/embedded/self.ts";
import { beganAt, isRunning, type Lab, type LabNode } from "./lab-file.ts";
import { ip, SWITCH } from "./network.ts";

export interface Slowness {
  readonly lab: Lab;
  readonly node: LabNode;
  readonly delayMs: number;
  readonly lossPercent: number;
}

/**
 * Puts a relay between the node and the switch, for kernels without netem: the node's link goes to a switch of its own, whose
 * frames a program carries over to the others' switch.
 */
export async function slowDown(
  exec: Exec,
  { lab: { bridge }, node: { link }, delayMs, lossPercent }: Slowness,
): Promise<LabNode["relay"]> {
  const { near, far, own } = devices(link);
  const flags = [`-delay=${delayMs}`, `-loss=${lossPercent}`];
  const args = ["netns", "exec", bridge, ...selfCommand(), "lab", "relay", ...flags, near, far];
  const child = spawn("ip", args, { detached: true, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  child.stderr.on("data", (data: Buffer) => (said += data.toString()));
  const first: unknown[] = await Promise.race([once(child.stdout, "data"), once(child, "exit")]);
  if (!String(first[0]).startsWith("ready")) throw new CodedError("lab", `the relay did not start: ${said.trim()}`);
  child.stdout.destroy();
  child.stderr.destroy();
  child.unref();
  const pid = child.pid ?? 0;
  const within = (...words: string[]): Promise<void> => ip(exec, "-n", bridge, "link", ...words);
  await within("add", own, "type", "bridge");
  await within("set", own, "up");
  await within("set", near, "master", own, "up");
  await within("set", far, "master", SWITCH, "up");
  await within("set", link, "master", own);
  return { pid, began: beganAt(pid) };
}

/** The node is at the switch again; never fails. */
export async function speedUp(exec: Exec, { bridge }: Lab, { link, relay }: LabNode): Promise<void> {
  if (relay === undefined) return;
  if (isRunning(relay)) process.kill(relay.pid, "SIGTERM");
  await ip(exec, "-n", bridge, "link", "set", link, "master", SWITCH).catch(() => {});
  await ip(exec, "-n", bridge, "link", "del", devices(link).own).catch(() => {});
}

function devices(link: string): { readonly near: string; readonly far: string; readonly own: string } {
  return { near: `${link}a`, far: `${link}b`, own: `${link}s` };
}
