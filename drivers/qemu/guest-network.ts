import { createHash } from "node:crypto";
import { join } from "node:path/posix";
import type { Env } from "#base/env/env.ts";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import type { ConfigReader } from "../config-shape.ts";
import type { TaskStart } from "../driver.ts";
import { ownerName } from "../process/cgroup.ts";
import { letPass, passNoMore } from "./bridge-pass.ts";
import { ALLOC_BRIDGE, allocAddress, inside, type GuestAddress } from "./guest-address.ts";
import { guestPorts, type GuestPort } from "./guest-ports.ts";

/** How a guest is connected. */
export type GuestNetwork =
  | { readonly kind: "none" }
  /** QEMU itself speaks for the guest, and takes connections for it. */
  | { readonly kind: "user"; readonly mac: string; readonly ports: readonly GuestPort[] }
  /** In the allocation's own network, with its address. */
  | { readonly kind: "alloc"; readonly mac: string; readonly tap: string; readonly address: GuestAddress }
  /** In a bridge of the node, where others give addresses out. */
  | { readonly kind: "bridge"; readonly mac: string; readonly tap: string; readonly bridge: string };

/** Names inside the allocation's namespace. */
const ALLOC_TAP = "vm-tap";
/** The bridge's own, so that the DHCP server has one to speak from (RFC 3927). */
const SERVER_ADDRESS = "169.254.77.1/32";
const COMMAND_TIMEOUT_MS = 20_000;

/** Decides how, and in the allocation's network makes place for the guest. Failures: `VALIDATION`, `NETWORK`. */
export async function planNetwork(env: Env, task: TaskStart, config: ConfigReader): Promise<Result<GuestNetwork>> {
  const { network, networkMode } = task;
  const bridge = config.text("bridge");
  const asked = config.text("network");
  const mac = macOf(task.id);
  if (asked === "none" || (networkMode === "none" && asked === "" && bridge === "")) return succeed({ kind: "none" });
  if (bridge !== "") return succeed({ kind: "bridge", mac, tap: tapName(task), bridge });
  if (asked === "user" || (asked === "" && network === undefined)) {
    const ports = guestPorts(task, config);
    return ports.ok ? succeed({ kind: "user", mac, ports: ports.value }) : ports;
  }
  if (network === undefined)
    return fail(
      "VALIDATION",
      'network = "tap" needs a network of the group',
      'give the group network { mode = "bridge" }',
    );
  const address = await allocAddress(env, task, { network, mac });
  return address.ok ? succeed({ kind: "alloc", mac, tap: ALLOC_TAP, address: address.value }) : address;
}

/** Makes the guest's interface. `user` owns it; empty: root. Idempotent. Failure `NETWORK`. */
export async function plugIn(
  env: Env,
  network: GuestNetwork,
  { task, user }: { readonly task: TaskStart; readonly user: string },
): Promise<Result<void>> {
  const own = user === "" ? [] : ["user", user];
  if (network.kind === "bridge") {
    const { tap, bridge } = network;
    const plugged = await inOrder(env, [
      ["ip", "tuntap", "add", "dev", tap, "mode", "tap", ...own],
      ["ip", "link", "set", "dev", tap, "master", bridge, "up"],
    ]);
    if (plugged.ok) await letPass(env, tap);
    return plugged;
  }
  if (network.kind !== "alloc" || task.network === undefined) return succeed(undefined);
  const { device } = task.network;
  const within = inside(task.network);
  const isThere = (await env.exec.run([...within, "ip", "link", "show", "dev", ALLOC_TAP])).code === 0;
  if (isThere) return succeed(undefined);
  return inOrder(
    env,
    [
      ["ip", "link", "add", ALLOC_BRIDGE, "type", "bridge", "forward_delay", "0", "stp_state", "0"],
      ["ip", "tuntap", "add", "dev", ALLOC_TAP, "mode", "tap", ...own],
      ["ip", "address", "flush", "dev", device, "scope", "global"],
      ["ip", "link", "set", "dev", device, "master", ALLOC_BRIDGE],
      ["ip", "link", "set", "dev", ALLOC_TAP, "master", ALLOC_BRIDGE, "up"],
      ["ip", "address", "replace", SERVER_ADDRESS, "dev", ALLOC_BRIDGE],
      ["ip", "link", "set", "dev", ALLOC_BRIDGE, "up"],
    ].map((words) => [...within, ...words]),
  );
}

/** Takes a guest's interface away. Fine if it is gone. */
export async function unplug(env: Env, tap: string): Promise<void> {
  if (tap === "") return;
  // The rules go first: a sweep finds them by the interface.
  await passNoMore(env, tap);
  await env.exec.run(["ip", "link", "delete", "dev", tap], { timeoutMs: COMMAND_TIMEOUT_MS });
}

/** Interfaces of guests of this agent that are not among `keep`. */
export async function strayTaps(env: Env, allocsRoot: string, keep: readonly string[]): Promise<readonly string[]> {
  const names = await env.disk.list("/sys/class/net").catch(() => []);
  return names.filter((name) => name.startsWith(tapPrefix(allocsRoot)) && !keep.includes(name));
}

export function tapName({ id, paths }: Pick<TaskStart, "id" | "paths">): string {
  return tapNameIn(join(paths.allocDir, "../.."), id);
}

/** At most 15 letters (IFNAMSIZ). */
export function tapNameIn(allocsRoot: string, taskId: string): string {
  return `${tapPrefix(allocsRoot)}${hashOf(taskId).slice(0, 7)}`;
}

function tapPrefix(allocsRoot: string): string {
  return `lq${ownerName(allocsRoot).slice(0, 6)}`;
}

/** Of QEMU's own range; the same for every attempt of a task, so that leases and names of others hold. */
function macOf(taskId: string): string {
  const hex = hashOf(taskId.slice(0, taskId.lastIndexOf("/")));
  return `52:54:00:${hex.slice(0, 2)}:${hex.slice(2, 4)}:${hex.slice(4, 6)}`;
}

function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

async function inOrder(env: Env, commands: readonly (readonly string[])[]): Promise<Result<void>> {
  for (const argv of commands) {
    const done = await env.exec.run(argv, { timeoutMs: COMMAND_TIMEOUT_MS });
    if (done.code === 0 && done.signal === 0) continue;
    const why = done.stderr.trim() || `it ended with ${done.code}`;
    return fail(
      "NETWORK",
      `cannot connect the guest: ${argv.join(" ")}: ${why}`,
      "this takes root's rights and /dev/net/tun",
    );
  }
  return succeed(undefined);
}
