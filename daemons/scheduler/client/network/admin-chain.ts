import type { Env } from "#base/env/env.ts";
import { parseAddress } from "#base/language/hcl/functions/address.ts";

/** The chain of CNI's firewall plugin that it asks before its own rules, and that users may fill. */
export const ADMIN_CHAIN = "NOMAD-ADMIN";
const WAIT = ["-w", "10"];

/** A chain of ours for a bridge; interfaces have at most 15 letters and chains 28. */
export function chainName(kind: "PORTS" | "ROUTES", bridge: string): string {
  return `LARES-${kind}-${ruleName(bridge)}`;
}

/** Letters of a bridge's name that nftables and iptables take in names of theirs. */
export function ruleName(bridge: string): string {
  return bridge.replaceAll(/[^A-Za-z0-9_]/g, "_");
}

interface Chain {
  readonly name: string;
  readonly family: 4 | 6;
  /** What follows `-A CHAIN`. */
  readonly rules: readonly string[];
}

/** Fills a chain anew, all at once, and has it asked. What went wrong; empty: nothing. */
export async function fillChain(env: Env, { name, family, rules }: Chain): Promise<string> {
  const program = family === 4 ? "iptables" : "ip6tables";
  // It is there already, for the most.
  await run(env, [program, ...WAIT, "-N", ADMIN_CHAIN]);
  const filled = await run(env, [`${program}-restore`, ...WAIT, "--noflush"], chainText(name, rules));
  if (filled !== "") return filled;
  if ((await run(env, [program, ...WAIT, "-C", ADMIN_CHAIN, "-j", name])) === "") return "";
  return run(env, [program, ...WAIT, "-I", ADMIN_CHAIN, "-j", name]);
}

/** For `iptables-restore --noflush`. */
export function chainText(name: string, rules: readonly string[]): string {
  return ["*filter", `:${name} - [0:0]`, ...rules.map((rule) => `-A ${name} ${rule}`), "COMMIT", ""].join("\n");
}

export async function removeChain(env: Env, name: string): Promise<void> {
  for (const program of ["iptables", "ip6tables"])
    for (const words of [
      ["-D", ADMIN_CHAIN, "-j", name],
      ["-F", name],
      ["-X", name],
    ])
      await run(env, [program, ...WAIT, ...words]);
}

/** Firewalls that let nothing through (Docker's, for one) let the ports of allocations through. */
export async function openPorts(
  env: Env,
  { name, subnets }: { readonly name: string; readonly subnets: readonly string[] },
): Promise<string> {
  const rules = [`-o ${name} -m conntrack --ctstate DNAT -j ACCEPT`];
  const families = [4, 6] as const;
  const used = families.filter((family) => subnets.some((subnet) => familyOf(subnet) === family));
  const problems: string[] = [];
  for (const family of used) problems.push(await fillChain(env, { name: chainName("PORTS", name), family, rules }));
  return problems.filter((problem) => problem !== "").join("; ");
}

/** Once a bridge has no allocation left; `leases`: what its addresses are noted in. */
export async function closePorts(env: Env, name: string, leases: string): Promise<void> {
  const notes = await env.disk.list(leases).catch(() => []);
  if (notes.some((note) => parseAddress(note) !== undefined)) return;
  await removeChain(env, chainName("PORTS", name));
}

function familyOf(subnet: string): 4 | 6 {
  return subnet.includes(":") ? 6 : 4;
}

async function run(env: Env, words: readonly string[], input = ""): Promise<string> {
  const ran = await env.exec.run(words, input === "" ? {} : { input });
  return ran.code === 0 && ran.signal === 0 ? "" : ran.stderr.trim() || `${words[0]} ended with ${ran.code}`;
}
