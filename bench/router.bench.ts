import { execFileSync, spawn } from "node:child_process";
import { planRouter } from "#daemons/router/plan/plan.ts";
import { readRouterConfig } from "#daemons/router/config/read-config.ts";
import type { Bench, BenchContext, Contestant } from "./harness.ts";

const SECONDS = "3";

/** What people set by hand to share one address: established, out, nothing in. */
const BY_HAND = `
table inet byhand
delete table inet byhand
table inet byhand {
  chain forward {
    type filter hook forward priority filter; policy drop;
    ct state established,related accept
    iifname "eth1" oifname "eth0" accept
  }
  chain postrouting {
    type nat hook postrouting priority srcnat;
    oifname "eth0" masquerade
  }
}
`;

/** A household's: guests, forwards, hairpin, a tunnel. */
const HOUSEHOLD = `
wan "fiber" {
  interface = "eth0"
  type      = "static"
  address   = "203.0.113.9/24"
  gateway   = "203.0.113.1"
}
lan "home" {
  interface = "eth1"
  address   = "192.168.1.1/24"
}
lan "guests" {
  interface = "eth2"
  address   = "192.168.20.1/24"
  zone      = "guest"
}
forward "web" {
  port = [80, 443]
  to   = "192.168.1.20"
}
wireguard "away" {
  address = "10.99.0.1/24"
}
`;

/** Throughput of NAT with the router's whole ruleset, beside the least that does NAT, in the same namespaces. */
export const bench: Bench = {
  name: "router",
  title: "TCP through NAT, one connection",
  async run(context) {
    const lab = makeLab(context);
    const read = readRouterConfig({ name: "router.hcl", text: HOUSEHOLD });
    if (!read.ok) throw new Error("the bench's own configuration has mistakes");
    const facts = { lines: {}, services: {}, devices: new Set<string>(), secrets: {}, stateDir: "/nowhere" };
    const { ruleset } = planRouter(read.config, facts);
    const turn = (rules: string) => (): number => {
      lab.nft("flush ruleset");
      lab.nft(rules);
      return lab.megabytesPerSecond();
    };
    const contestants: Contestant[] = [
      { name: "nftables by hand", unit: "MB/s", better: "more", peer: true, turn: turn(BY_HAND) },
      {
        name: "Lares router",
        unit: "MB/s",
        better: "more",
        against: "nftables by hand",
        target: { text: "≥ 0.98 of nftables by hand", ratioAtLeast: 0.98 },
        turn: turn(ruleset),
      },
    ];
    const notes = [
      `iperf3, ${SECONDS} s a turn, three network namespaces on veth; ${ruleset.split("\n").length} lines of rules against ${BY_HAND.split("\n").length}`,
    ];
    return { measures: await context.takeTurns(contestants), notes };
  },
};

function makeLab(context: BenchContext) {
  const name = (short: string): string => `lr-bench-${process.pid}-${short}`;
  const ip = (words: string): void => void execFileSync("ip", words.split(" "));
  for (const short of ["o", "r", "c"]) {
    ip(`netns add ${name(short)}`);
    context.defer(() => ip(`netns delete ${name(short)}`));
    ip(`-n ${name(short)} link set lo up`);
  }
  const cable = (space: string, device: string, own: string): void => {
    ip(`link add e0 netns ${name(space)} type veth peer name ${device} netns ${name("r")}`);
    ip(`-n ${name(space)} address add ${own} dev e0`);
    ip(`-n ${name(space)} link set e0 up`);
    ip(`-n ${name("r")} link set ${device} up`);
  };
  cable("o", "eth0", "203.0.113.1/24");
  cable("c", "eth1", "192.168.1.10/24");
  ip(`-n ${name("r")} address add 203.0.113.9/24 dev eth0`);
  ip(`-n ${name("r")} address add 192.168.1.1/24 dev eth1`);
  ip(`-n ${name("c")} route add default via 192.168.1.1`);
  execFileSync("ip", ["netns", "exec", name("r"), "tee", "/proc/sys/net/ipv4/ip_forward"], { input: "1" });
  const server = spawn("ip", ["netns", "exec", name("o"), "iperf3", "-s"], { stdio: "ignore" });
  context.defer(() => void server.kill("SIGTERM"));
  return {
    nft: (rules: string): void =>
      void execFileSync("ip", ["netns", "exec", name("r"), "nft", "-f", "-"], { input: rules }),
    megabytesPerSecond(): number {
      const words = [
        "netns",
        "exec",
        name("c"),
        "iperf3",
        "-c",
        "203.0.113.1",
        "-t",
        SECONDS,
        "-f",
        "M",
        "--connect-timeout",
        "5000",
      ];
      const said = execFileSync("ip", words, { encoding: "utf8" });
      const [, rate] = /([\d.]+) MBytes\/sec\s+receiver/.exec(said) ?? [];
      return Number(rate);
    },
  };
}
