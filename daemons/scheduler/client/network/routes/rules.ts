import { ruleName } from "../admin-chain.ts";
import type { SubnetRoute } from "./route-plan.ts";

interface BridgeOf {
  readonly bridge: string;
  /** Of the bridge, in CIDR notation. */
  readonly subnets: readonly string[];
  readonly routes: readonly Pick<SubnetRoute, "subnet" | "family">[];
}

const FAMILIES = [
  { family: 4, word: "ip", type: "ipv4_addr", everybody: "224.0.0.0/4" },
  { family: 6, word: "ip6", type: "ipv6_addr", everybody: "ff00::/8" },
] as const;

/**
 * For `nft -f`, all at once: what leaves the bridge takes the node's address, as behind any NAT, unless it goes to the bridge
 * of another node.
 */
export function natTable({ bridge, subnets, routes }: BridgeOf): string {
  const table = `inet lares_${ruleName(bridge)}`;
  const parts = FAMILIES.flatMap(({ family, word, type, everybody }) => {
    const own = subnets.filter((subnet) => subnet.includes(":") === (family === 6));
    const inside = [...own, ...routes.filter((route) => route.family === family).map(({ subnet }) => subnet)];
    if (own.length === 0) return [];
    return [
      {
        set: `  set bridges${family} {\n    type ${type}\n    flags interval\n    auto-merge\n    elements = { ${inside.join(", ")} }\n  }`,
        rule: own
          .map(
            (subnet) =>
              `    ${word} saddr ${subnet} ${word} daddr != @bridges${family} ${word} daddr != ${everybody} masquerade`,
          )
          .join("\n"),
      },
    ];
  });
  return `table ${table} { }
delete table ${table}
table ${table} {
${parts.map(({ set }) => set).join("\n")}
  chain leave {
    type nat hook postrouting priority srcnat; policy accept;
${parts.map(({ rule }) => rule).join("\n")}
  }
}
`;
}

/** What other bridges may send to this one: rules of iptables. */
export function acceptRules({ subnets, routes }: Omit<BridgeOf, "bridge">, family: 4 | 6): readonly string[] {
  const own = subnets.filter((subnet) => subnet.includes(":") === (family === 6));
  return routes
    .filter((route) => route.family === family)
    .flatMap(({ subnet }) => own.map((mine) => `-s ${subnet} -d ${mine} -j ACCEPT`));
}
