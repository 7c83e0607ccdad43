import { spawn } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { builtExecutable } from "../built-executable.ts";
import type { BenchContext } from "../harness.ts";
import { freePort } from "./home-peers.ts";

/** The roles dns, with a list, and dhcp, as the executable runs them. The anonymous memory of both, in MB, when asked. */
export async function startRoles(context: BenchContext, list: string): Promise<() => Promise<number>> {
  const executable = await builtExecutable(context);
  const folder = await context.tempDir();
  const listen = { addresses: [`127.0.0.1:${await freePort()}`] };
  const dns = { listen, lists: [{ id: 1, url: `file://${list}` }] };
  // Nobody asks it anything; the network has to be one of this machine's interfaces.
  const subnet = { network: "127.0.0.0/8", interface: "lo", pools: ["127.9.0.1-127.9.0.200"] };
  const dhcp = { leaseTime: "1h", subnets: [subnet] };
  await writeFile(`${folder}/dns.json`, JSON.stringify(dns));
  await writeFile(`${folder}/dhcp.json`, JSON.stringify(dhcp));
  const env = {
    ...process.env,
    LARES_DNS_CONFIG: `${folder}/dns.json`,
    LARES_DNS_DIR: `${folder}/dns`,
    LARES_DHCP_CONFIG: `${folder}/dhcp.json`,
    LARES_DHCP_DIR: `${folder}/dhcp`,
    LARES_DHCP_PORT: String(await freePort()),
  };
  const children = ["dns", "dhcp"].map((role) => spawn(executable, ["role", role], { env, stdio: "ignore" }));
  context.defer(() => {
    for (const child of children) child.kill();
  });
  return async () => {
    const kilobytes = await Promise.all(children.map(({ pid = 0 }) => anonymousKb(pid)));
    return kilobytes.reduce((sum, each) => sum + each, 0) / 1024;
  };
}

async function anonymousKb(pid: number): Promise<number> {
  const rollup = await readFile(`/proc/${pid}/smaps_rollup`, "utf8");
  return Number(/^Anonymous:\s+(\d+)/m.exec(rollup)?.[1]);
}
