import { textOf } from "#base/env/bytes.ts";
import type { Env } from "#base/env/env.ts";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import { wanDevice, wanLink } from "../config/devices.ts";
import type { RouterConfig, Wan } from "../config/model.ts";
import type { LineFacts, RouterFacts } from "../plan/facts.ts";
import { leaseFile } from "../plan/programs.ts";
import { NO_LEASE, readLease, type Lease } from "./leases.ts";
import { readAddresses } from "./standing.ts";
import { nextPrefixes } from "./former-prefixes.ts";
import type { Prefixes, StateFolder } from "./state-folder.ts";

export interface Gathered {
  readonly facts: RouterFacts;
  /** What has to be remembered of delegated prefixes, once the plan is in force. */
  readonly prefixes: Prefixes;
}

/** What a plan has to know, from the machine and from what the running router left in the state folder. */
export async function gatherFacts(env: Env, state: StateFolder, config: RouterConfig): Promise<Result<Gathered>> {
  const status = await state.readStatus();
  const devices = new Set(await env.disk.list("/sys/class/net"));
  const secrets = new Map<string, string>();
  for (const { name, pppoe } of config.wans) {
    if (pppoe === null || pppoe.passwordFile === "") continue;
    const found = await env.disk.read(pppoe.passwordFile).catch(() => undefined);
    if (found === undefined)
      return fail(
        "router_secret",
        `wan "${name}": cannot read ${JSON.stringify(pppoe.passwordFile)}`,
        "make the file, readable by root only",
      );
    secrets.set(pppoe.passwordFile, textOf(found).replace(/\r?\n$/, ""));
  }
  const lines = new Map<string, LineFacts>();
  const leases = new Map<string, Lease>();
  for (const wan of config.wans) leases.set(wan.name, await lineOf(env, state, wan));
  const prefixes = nextPrefixes(await state.readPrefixes(), leases, env.clock.nowMs());
  for (const wan of config.wans) {
    const known = leases.get(wan.name) ?? NO_LEASE;
    const connected = await hasCarrier(env, wanLink(wan));
    const healthy = connected && (status.lines[wan.name]?.healthy ?? true);
    const formerPrefixes = prefixes[wan.name]?.former.map(({ prefix }) => prefix) ?? [];
    lines.set(wan.name, { ...known, formerPrefixes, connected, healthy });
  }
  const facts = {
    lines: Object.fromEntries(lines),
    services: status.services,
    devices,
    secrets: Object.fromEntries(secrets),
    stateDir: state.dir,
  };
  return succeed({ facts, prefixes });
}

/** Said by the driver; what is not up yet says nothing. */
async function hasCarrier(env: Env, device: string): Promise<boolean> {
  const read = await env.disk.read(`/sys/class/net/${device}/carrier`).catch(() => undefined);
  return read === undefined || textOf(read).trim() !== "0";
}

async function lineOf(env: Env, state: StateFolder, wan: Wan): Promise<Lease> {
  const [v4, v6] = [
    await leaseOf(env, leaseFile(state.dir, wan.name, 4)),
    await leaseOf(env, leaseFile(state.dir, wan.name, 6)),
  ];
  const six = wan.ipv6 ? { address6: v6.address6, prefix: v6.prefix } : { address6: "", prefix: "" };
  if (wan.kind === "dhcp") return { ...v4, ...six };
  if (wan.kind === "static") return { ...NO_LEASE, ...six };
  // What PPP negotiated stands on its interface.
  const own = await readAddresses(env, wanDevice(wan));
  return { ...NO_LEASE, ...six, address: own.find((each) => !each.includes(":")) ?? "" };
}

async function leaseOf(env: Env, path: string): Promise<Lease> {
  const found = await env.disk.read(path);
  return found === undefined ? NO_LEASE : readLease(textOf(found));
}
