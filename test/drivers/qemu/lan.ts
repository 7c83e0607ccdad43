import { execFileSync, spawn, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";

/** A network as it is found: a bridge of this machine, and on it a host in a namespace of its own that gives addresses out. */
export interface Lan {
  readonly bridge: string;
  /** What the host on it gives to whoever asks. */
  readonly address: string;
  /** Asks for a page from the host on it; empty: no answer. */
  fetched(url: string): string;
  remove(): Promise<void>;
}

export function makeLan(folder: string): Lan {
  const name = `lan${process.pid}`;
  const [bridge, space] = [`${name}b`, `${name}s`];
  const subnet = `10.${(process.pid % 200) + 20}.${(process.pid >> 8) % 250}`;
  const ip = (...words: readonly string[]): void => void execFileSync("ip", words);
  ip("link", "add", bridge, "type", "bridge", "forward_delay", "0", "stp_state", "0");
  ip("link", "set", bridge, "up");
  ip("netns", "add", space);
  ip("link", "add", `${name}h`, "type", "veth", "peer", "name", "eth0", "netns", space);
  ip("link", "set", `${name}h`, "master", bridge, "up");
  ip("-n", space, "link", "set", "eth0", "up");
  ip("-n", space, "address", "add", `${subnet}.1/24`, "dev", "eth0");
  // As Docker's firewall has it: nothing is passed on that no rule allows.
  const strict = ["FORWARD", "-i", bridge, "-j", "DROP"];
  execFileSync("iptables", ["-w", "10", "-A", ...strict]);
  const address = `${subnet}.50`;
  const lines = [
    "interface eth0",
    `start ${address}`,
    `end ${address}`,
    "max_leases 1",
    `lease_file ${folder}/lan.leases`,
    `pidfile ${folder}/lan.pid`,
    "option subnet 255.255.255.0",
    `option router ${subnet}.1`,
  ];
  writeFileSync(`${folder}/lan.conf`, `${lines.join("\n")}\n`);
  writeFileSync(`${folder}/lan.leases`, "");
  const server = spawn("ip", ["netns", "exec", space, "udhcpd", "-f", `${folder}/lan.conf`], { stdio: "ignore" });
  const ended = new Promise((resolve) => server.once("close", resolve));
  return {
    bridge,
    address,
    fetched: (url) =>
      spawnSync("ip", ["netns", "exec", space, "curl", "-s", "-m", "2", url], { encoding: "utf8" }).stdout,
    async remove() {
      server.kill("SIGKILL");
      await ended;
      execFileSync("iptables", ["-w", "10", "-D", ...strict]);
      ip("netns", "delete", space);
      ip("link", "delete", bridge);
    },
  };
}
