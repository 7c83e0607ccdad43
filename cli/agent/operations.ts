import { readFile, statfs } from "node:fs/promises";
import os from "node:os";
import type { AgentOperations, HostFacts } from "#daemons/scheduler/http/agent-operations.ts";
import { formatJson, formatText } from "#base/platform/log-format.ts";
import type { Composition } from "./composition.ts";
import { monitorLog } from "./monitor.ts";
import { processProfiles } from "./profiles.ts";

const LEVELS = ["trace", "debug", "info", "warn", "error"];
const MB = 1024 * 1024;
/** Names whose values are nobody's business. */
const SECRET_NAME = /token|secret|pass|key|credential|auth/i;

/** What this agent lets its operators do to its process. */
export function agentOperations({
  config,
  env,
  reload,
}: Pick<Composition, "config" | "env" | "reload">): AgentOperations {
  return {
    reload,
    monitor: (request) => monitorLog(env.logHub, request),
    recentLog({ level, json }) {
      const least = LEVELS.indexOf(level);
      const entries = env.logHub.recent().filter((entry) => LEVELS.indexOf(entry.level) >= least);
      return entries.map((entry) => (json ? formatJson(entry) : formatText(entry))).join("");
    },
    host: hostFacts,
    profiles: config.enableDebug || config.acl.enabled ? processProfiles() : undefined,
  };
}

async function hostFacts(): Promise<HostFacts> {
  const { bsize, blocks, bfree } = await statfs("/");
  const interfaces = Object.values(os.networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return {
    OS: [os.machine(), os.hostname(), os.release(), os.type(), os.version()].join(" "),
    Network: interfaces.map(({ address, netmask, family, cidr }) => ({
      address,
      netmask,
      type: family,
      string: cidr ?? address,
    })),
    ResolvConf: await textOf("/etc/resolv.conf"),
    Hosts: await textOf("/etc/hosts"),
    Environment: Object.fromEntries(
      Object.entries(process.env).map(([name, value]) => [name, SECRET_NAME.test(name) ? "<redacted>" : (value ?? "")]),
    ),
    Disk: {
      "/": { DiskMB: Math.floor((blocks * bsize) / MB), UsedMB: Math.floor(((blocks - bfree) * bsize) / MB) },
    },
  };
}

/** Empty where there is none. */
async function textOf(path: string): Promise<string> {
  return readFile(path, "utf8").catch(() => "");
}
