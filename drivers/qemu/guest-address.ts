import { join } from "node:path/posix";
import * as v from "valibot";
import { textOf } from "#base/env/bytes.ts";
import type { Env } from "#base/env/env.ts";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import type { TaskNetwork, TaskStart } from "../driver.ts";

/** An address of the guest's own, and what else it needs to use it. */
export interface GuestAddress {
  readonly mac: string;
  readonly cidr: string;
  /** Empty: none. */
  readonly gateway: string;
  readonly dns: readonly string[];
  readonly searches: readonly string[];
}

/** Inside the allocation's namespace: what joins the guest's interface and the one that leads out. */
export const ALLOC_BRIDGE = "vm-br";
const COMMAND_TIMEOUT_MS = 20_000;

/** What stands before QEMU for it to be where the guest's interface is. */
export function inside(network: TaskNetwork): readonly string[] {
  return ["nsenter", `--net=${network.namespace}`, "--"];
}

const KeptSchema = v.object({ cidr: v.string(), gateway: v.string() });
const AddressesSchema = v.array(
  v.looseObject({
    addr_info: v.array(
      v.looseObject({ family: v.string(), local: v.string(), prefixlen: v.number(), scope: v.string() }),
    ),
  }),
);
const RoutesSchema = v.array(v.looseObject({ gateway: v.optional(v.string(), "") }));

/** The address of the namespace's interface goes over to the guest. It is noted, since the interface loses it. */
export async function allocAddress(
  env: Env,
  task: TaskStart,
  { network, mac }: { readonly network: TaskNetwork; readonly mac: string },
): Promise<Result<GuestAddress>> {
  const file = join(task.paths.allocDir, "../.qemu/address.json");
  const names = await readNames(env, network.resolvConf);
  const found = await addressOf(env, network);
  if (found !== undefined) {
    await env.disk.makeDir(join(file, ".."), { mode: 0o711, durable: false });
    await env.disk.replace(file, JSON.stringify(found));
    return succeed({ mac, ...found, ...names });
  }
  const kept = await env.disk.read(file);
  if (kept === undefined)
    return fail("NETWORK", `${network.device} in the group's network has no address for the guest`);
  return succeed({ mac, ...v.parse(KeptSchema, JSON.parse(textOf(kept))), ...names });
}

async function addressOf(env: Env, network: TaskNetwork): Promise<v.InferOutput<typeof KeptSchema> | undefined> {
  const { device } = network;
  const ask = async (...words: readonly string[]): Promise<unknown> => {
    const said = await env.exec.run([...inside(network), "ip", "-json", ...words], { timeoutMs: COMMAND_TIMEOUT_MS });
    return said.code === 0 && said.stdout.trim() !== "" ? JSON.parse(said.stdout) : [];
  };
  const addresses = v
    .parse(AddressesSchema, await ask("address", "show", "dev", device))
    .flatMap((each) => each.addr_info);
  const global = addresses.filter(({ scope }) => scope === "global");
  const address = global.find(({ local }) => local === network.address) ?? global[0];
  if (address === undefined) return undefined;
  const family = address.family === "inet6" ? "-6" : "-4";
  const [route] = v.parse(RoutesSchema, await ask(family, "route", "show", "default"));
  return { cidr: `${address.local}/${address.prefixlen}`, gateway: route?.gateway ?? "" };
}

async function readNames(env: Env, path: string): Promise<Pick<GuestAddress, "dns" | "searches">> {
  const bytes = await env.disk.read(path).catch(() => undefined);
  const lines = (bytes === undefined ? "" : textOf(bytes)).split("\n").map((line) => line.trim().split(/\s+/));
  return {
    dns: lines.flatMap(([key, value]) => (key === "nameserver" && value !== undefined ? [value] : [])),
    searches: lines.flatMap(([key, ...values]) => (key === "search" ? values : [])),
  };
}

/** For udhcpd(8): the one address there is to give, for as long as anybody asks. */
export function dhcpConfig({ mac, cidr, gateway, dns, searches }: GuestAddress, folder: string): string {
  const [ip = "", bits = "32"] = cidr.split("/");
  return `${[
    `interface ${ALLOC_BRIDGE}`,
    `start ${ip}`,
    `end ${ip}`,
    `static_lease ${mac} ${ip}`,
    "max_leases 1",
    `lease_file ${folder}/leases`,
    `pidfile ${folder}/dhcp.pid`,
    `option subnet ${maskOf(Number(bits))}`,
    ...(gateway === "" ? [] : [`option router ${gateway}`]),
    ...(dns.length === 0 ? [] : [`option dns ${dns.join(" ")}`]),
    ...(searches[0] === undefined ? [] : [`option domain ${searches[0]}`]),
    "option lease 864000",
  ].join("\n")}\n`;
}

/** The kernel's own way to be told (Documentation/admin-guide/nfs/nfsroot.rst), which initial ram disks read as well. */
export function kernelAddress({ cidr, gateway }: GuestAddress, hostname: string): string {
  const [ip = "", bits = "32"] = cidr.split("/");
  return `ip=${ip}::${gateway}:${maskOf(Number(bits))}:${hostname}::off`;
}

function maskOf(bits: number): string {
  const mask = bits === 0 ? 0 : (0xffff_ffff << (32 - bits)) >>> 0;
  return [24, 16, 8, 0].map((shift) => (mask >>> shift) & 0xff).join(".");
}
