import type { Env } from "#base/env/env.ts";

/** There where bridges show the firewall what they pass on (br_netfilter, which Docker loads); 1: they do. */
const SHOWN: Readonly<Record<string, string>> = {
  iptables: "/proc/sys/net/bridge/bridge-nf-call-iptables",
  ip6tables: "/proc/sys/net/bridge/bridge-nf-call-ip6tables",
};
const WAIT = ["-w", "10"];

/**
 * Lets a guest's packets cross the bridge it is plugged into. A firewall that routes nothing (Docker's policy for FORWARD)
 * would take them for routed ones otherwise, and the guest would not even get an address.
 */
export async function letPass(env: Env, tap: string): Promise<void> {
  for (const [program, rule] of await rulesFor(env, tap)) {
    if ((await env.exec.run([program, ...WAIT, "-C", ...rule])).code === 0) continue;
    const added = await env.exec.run([program, ...WAIT, "-I", ...rule]);
    if (added.code !== 0) env.log.warn("a guest may be cut off by the firewall", { tap, reason: added.stderr.trim() });
  }
}

/** Takes back what {@link letPass} did; fine if it did nothing. */
export async function passNoMore(env: Env, tap: string): Promise<void> {
  for (const [program, rule] of await rulesFor(env, tap)) await env.exec.run([program, ...WAIT, "-D", ...rule]);
}

async function rulesFor(env: Env, tap: string): Promise<readonly (readonly [string, readonly string[]])[]> {
  const rules: (readonly [string, readonly string[]])[] = [];
  for (const [program, path] of Object.entries(SHOWN)) {
    if ((await env.disk.stat(path)) === undefined || (await env.exec.find(program)) === undefined) continue;
    for (const side of ["--physdev-in", "--physdev-out"])
      rules.push([program, ["FORWARD", "-m", "physdev", "--physdev-is-bridged", side, tap, "-j", "ACCEPT"]]);
  }
  return rules;
}
