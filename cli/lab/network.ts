import { networkInterfaces } from "node:os";
import { CodedError } from "#base/env/errors.ts";
import type { Exec } from "#base/env/exec.ts";
import type { SystemEnv } from "#base/platform/create-env.ts";
import type { Lab, LabNode } from "./lab-file.ts";

/** Nodes of a lab. */
export const MAX_NODES = 100;
const FIRST_HOST = 10;
export const SWITCH = "switch";
/** Tries for a subnet that is free. */
const MAX_TRIES = 50;

export interface LabNetwork extends Pick<Lab, "network" | "bridge"> {
  /** Without its last number. */
  readonly subnet: string;
}

/** Chooses where the nodes live. `namespaces` takes root and iproute2. */
export async function makeNetwork(env: SystemEnv, wanted: "auto" | "namespaces" | "loopback"): Promise<LabNetwork> {
  const canHave = process.getuid?.() === 0 && (await env.exec.run(["ip", "-V"])).code === 0;
  if (wanted === "loopback" || (wanted === "auto" && !canHave)) return loopback(env);
  if (!canHave)
    throw new CodedError("lab", "networks of their own take root and the package iproute2", "use -network=loopback");
  const bridge = `lab${Buffer.from(env.random.bytes(2)).toString("hex")}`;
  const subnet = freeSubnet(env);
  try {
    await makeSwitch(env.exec, bridge, subnet);
  } catch (thrown) {
    await ip(env.exec, "netns", "del", bridge).catch(() => {});
    if (wanted === "auto") return loopback(env);
    throw thrown;
  }
  return { network: "namespaces", bridge, subnet };
}

/** An address for the node with this number, from 0; a network of its own, where there are such. */
export async function plug(
  env: SystemEnv,
  { network, bridge, subnet }: LabNetwork,
  number: number,
): Promise<Pick<LabNode, "address" | "namespace" | "link">> {
  const address = `${subnet}.${FIRST_HOST + number}`;
  if (network === "loopback") return { address, namespace: "", link: "" };
  const namespace = `${bridge}-${number}`;
  const link = `${bridge}n${number}`;
  const { exec } = env;
  await ip(exec, "netns", "add", namespace);
  await ip(exec, "link", "add", link, "netns", bridge, "type", "veth", "peer", "name", "eth0", "netns", namespace);
  await ip(exec, "-n", bridge, "link", "set", link, "master", SWITCH, "up");
  await ip(exec, "-n", namespace, "addr", "add", `${address}/24`, "dev", "eth0");
  for (const each of ["lo", "eth0"]) await ip(exec, "-n", namespace, "link", "set", each, "up");
  await ip(exec, "-n", namespace, "route", "add", "default", "via", `${subnet}.1`);
  return { address, namespace, link };
}

/** Takes away what is left; never fails. */
export async function unmakeNetwork({ exec }: SystemEnv, { nodes, bridge }: Lab): Promise<void> {
  for (const { namespace } of nodes) if (namespace !== "") await ip(exec, "netns", "del", namespace).catch(() => {});
  if (bridge !== "") await ip(exec, "netns", "del", bridge).catch(() => {});
}

/**
 * A switch in a network of its own, where no firewall of the machine looks at what nodes say to each other; the machine
 * itself is the first on it.
 */
async function makeSwitch(exec: Exec, bridge: string, subnet: string): Promise<void> {
  await ip(exec, "netns", "add", bridge);
  await ip(exec, "-n", bridge, "link", "add", SWITCH, "type", "bridge");
  await ip(exec, "-n", bridge, "link", "set", SWITCH, "up");
  await ip(exec, "link", "add", bridge, "type", "veth", "peer", "name", "host", "netns", bridge);
  await ip(exec, "-n", bridge, "link", "set", "host", "master", SWITCH, "up");
  await ip(exec, "addr", "add", `${subnet}.1/24`, "dev", bridge);
  await ip(exec, "link", "set", bridge, "up");
}

export async function ip(exec: Exec, ...args: readonly string[]): Promise<void> {
  const ran = await exec.run(["ip", ...args]);
  if (ran.code !== 0) throw new CodedError("lab", `ip ${args.join(" ")}: ${ran.stderr.trim()}`);
}

function freeSubnet({ random }: SystemEnv): string {
  const taken = new Set(
    Object.values(networkInterfaces()).flatMap((each) =>
      (each ?? []).map(({ address }) => address.replace(/\.\d+$/, "")),
    ),
  );
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    const [a = 0, b = 0] = random.bytes(2);
    // 10.99.0.0 to 10.254.255.0: the low ones are what routers hand out.
    const subnet = `10.${99 + (a % 156)}.${b}`;
    if (!taken.has(subnet)) return subnet;
  }
  throw new CodedError("lab", "no free subnet was found below 10.99.0.0", "use -network=loopback");
}

/** All of 127/8 is this machine; the next lab draws another. */
function loopback({ random }: SystemEnv): LabNetwork {
  const [a = 0, b = 0] = random.bytes(2);
  return { network: "loopback", bridge: "", subnet: `127.${64 + (a % 128)}.${b}` };
}
