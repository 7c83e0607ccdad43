import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { CodedError, messageOf } from "#base/env/errors.ts";
import { UsageError, type RunCommand } from "../command/command.ts";

/** A resolver's own file that passes the zone on to the agent, and what makes it read it. */
const RESOLVERS = {
  resolved: {
    file: "systemd/resolved.conf.d/lares.conf",
    reload: "systemctl restart systemd-resolved",
    text: (zone: string, port: string) => `[Resolve]\nDNS=127.0.0.1:${port}\nDomains=~${zone}\n`,
  },
  dnsmasq: {
    file: "dnsmasq.d/lares.conf",
    reload: "systemctl restart dnsmasq",
    text: (zone: string, port: string) => `server=/${zone}/127.0.0.1#${port}\n`,
  },
} as const;

/** `[resolved|dnsmasq]`: writes the file, or with `-undo` removes it; without a name the one this machine has. */
export const setupDns: RunCommand = ({ operands, flags, output }) => {
  const etc = flags.value("etc") ?? "/etc";
  const [given = existsSync(join(etc, "dnsmasq.d")) ? "dnsmasq" : "resolved", ...more] = operands;
  if ((given !== "resolved" && given !== "dnsmasq") || more.length > 0)
    throw new UsageError(`name resolved or dnsmasq, not "${operands.join(" ")}"`);
  const zone = (flags.value("domain") ?? "consul").replaceAll(/^\.+|\.+$/g, "");
  const port = flags.value("port") ?? "8600";
  if (!/^[a-z0-9.-]+$/i.test(zone) || !/^\d{1,5}$/.test(port))
    throw new UsageError("-domain takes a name, -port a number");
  const { file, reload, text } = RESOLVERS[given];
  const path = join(etc, file);
  const dryRun = flags.on("dry-run");
  try {
    if (flags.on("undo")) {
      if (!dryRun) rmSync(path, { force: true });
      output.line(`${dryRun ? "would remove" : "removed"} ${path}; then: ${reload}`);
    } else {
      if (dryRun) output.write(text(zone, port));
      else {
        mkdirSync(dirname(path), { recursive: true });
        writeFileSync(path, text(zone, port));
      }
      output.line(`${dryRun ? "would write" : "wrote"} ${path}; then: ${reload}`);
    }
  } catch (thrown) {
    throw new CodedError("setup_dns", `cannot change ${path}: ${messageOf(thrown)}`, "run it as root, or see -dry-run");
  }
  return Promise.resolve(0);
};
