import test from "ava";
import fc from "fast-check";
import { chainName, chainText } from "#daemons/scheduler/client/network/admin-chain.ts";
import { announcement, planRoutes, type OwnNetwork } from "#daemons/scheduler/client/network/routes/route-plan.ts";
import { acceptRules, natTable } from "#daemons/scheduler/client/network/routes/rules.ts";
import { overlaps, parseSubnet } from "#daemons/scheduler/client/network/routes/subnet.ts";

const own: OwnNetwork = { subnets: ["10.1.0.0/24", "fd00:1::/64"], addresses: ["192.168.1.5", "127.0.0.1", "fe80::5"] };
const peer = (node: string, said: string, host = "192.168.1.6") => ({ node, said, host });

test("subnets of others become routes to their addresses, IPv6 by their address on the link", (t) => {
  const said = announcement(["10.2.0.7/24", "fd00:2::/64"], "fe80::6");
  t.is(said, "10.2.0.0/24 fd00:2::/64 fe80::6");
  const { routes, refused } = planRoutes(own, [peer("b", said)]);
  t.deepEqual(refused, []);
  t.deepEqual(
    routes.map(({ subnet, family, via }) => [subnet, family, via]),
    [
      ["10.2.0.0/24", 4, "192.168.1.6"],
      ["fd00:2::/64", 6, "fe80::6"],
    ],
  );
  const six = planRoutes(own, [peer("b", announcement(["10.2.0.0/24", "fd00:2::/64"], undefined), "2001:db8::6")]);
  t.deepEqual(
    six.routes.map(({ via }) => via),
    ["2001:db8::6", "2001:db8::6"],
  );
});

test("what would take something away is refused in words", (t) => {
  for (const [said, reason] of [
    ["10.1.0.128/25", /which this node's bridge has too: give each node a bridge_network_subnet/],
    ["192.168.0.0/16", /this machine's own addresses/],
    ["0.0.0.0/0", /neither the subnet of a bridge/],
    ["169.254.0.0/16", /neither the subnet of a bridge/],
    ["fd00:2::/64", /tells no IPv6 address on its link/],
    ["10.2.0.0/33", /neither/],
    ["10.2.0.0/24; reboot", /neither/],
    ["2001:db8::1", /neither/],
  ] as const) {
    const { routes, refused } = planRoutes(own, [peer("b", said)]);
    t.regex(refused.join("\n"), reason, said);
    t.true(routes.every(({ subnet }) => subnet === "10.2.0.0/24"));
  }
  const both = planRoutes(own, [peer("c", "10.2.0.0/24"), peer("b", "10.2.0.0/16")]);
  t.deepEqual([both.routes.map(({ node }) => node), both.refused], [["b"], ["c and b both have 10.2.0.0/24"]]);
  t.regex(planRoutes(own, [peer("b", "10.2.0.0/24", "nowhere")]).refused.join(""), /is no address/);
});

test("whatever others say, no route covers this machine, and rules hold nothing but subnets", (t) => {
  const word = fc.oneof(
    fc.string({ maxLength: 30 }),
    fc.ipV4(),
    fc.ipV6(),
    fc.tuple(fc.oneof(fc.ipV4(), fc.ipV6()), fc.integer({ min: -1, max: 130 })).map(([ip, bits]) => `${ip}/${bits}`),
  );
  const said = fc.array(word, { maxLength: 4 }).map((words) => words.join(" "));
  const others = fc.array(fc.record({ node: fc.string(), said, host: fc.oneof(fc.ipV4(), fc.ipV6(), fc.string()) }), {
    maxLength: 8,
  });
  fc.assert(
    fc.property(others, (all) => {
      const { routes } = planRoutes(own, all);
      const subnets = routes.flatMap(({ subnet }) => parseSubnet(subnet) ?? []);
      t.is(subnets.length, routes.length);
      const kept = [
        ...own.subnets,
        ...own.addresses.map((each) => `${each}/${each.includes(":") ? 128 : 32}`),
        "127.0.0.0/8",
      ];
      for (const text of kept) {
        const range = parseSubnet(text);
        t.false(subnets.some((subnet) => range !== undefined && overlaps(subnet, range)));
      }
      subnets.forEach((subnet, at) => t.false(subnets.slice(at + 1).some((each) => overlaps(subnet, each))));
      const rules =
        natTable({ bridge: "x", subnets: own.subnets, routes }) +
        acceptRules({ subnets: own.subnets, routes }, 4).join("\n");
      t.notRegex(rules, /[^\w\s.:/{}@!=,;*[\]-]/);
    }),
  );
});

test("rules of a bridge: translated to anywhere but other bridges, which may come in", (t) => {
  const routes = [{ subnet: "10.2.0.0/24", family: 4 as const }];
  const table = natTable({ bridge: "lx-0", subnets: ["10.1.0.0/24"], routes });
  t.regex(table, /table inet lares_lx_0 \{/);
  t.regex(table, /ip saddr 10\.1\.0\.0\/24 ip daddr != @bridges4 .* masquerade/);
  t.regex(table, /elements = \{ 10\.1\.0\.0\/24, 10\.2\.0\.0\/24 \}/);
  t.notRegex(table, /ip6/);
  t.is(
    chainText(chainName("ROUTES", "lx-0"), acceptRules({ subnets: ["10.1.0.0/24"], routes }, 4)),
    "*filter\n:LARES-ROUTES-lx_0 - [0:0]\n-A LARES-ROUTES-lx_0 -s 10.2.0.0/24 -d 10.1.0.0/24 -j ACCEPT\nCOMMIT\n",
  );
});
