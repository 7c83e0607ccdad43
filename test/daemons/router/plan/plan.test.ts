import { execFileSync } from "node:child_process";
import test from "ava";
import fc from "fast-check";
import { renderDiagnostics } from "#base/language/hcl/diagnostic.ts";
import { readRouterConfig } from "#daemons/router/config/read-config.ts";
import type { RouterConfig } from "#daemons/router/config/model.ts";
import type { Desired } from "#daemons/router/plan/desired.ts";
import type { LineFacts, RouterFacts } from "#daemons/router/plan/facts.ts";
import { planRouter } from "#daemons/router/plan/plan.ts";

const STATE = "/var/lib/lares/router";

function config(text: string): RouterConfig {
  const read = readRouterConfig({ name: "router.hcl", text });
  if (!read.ok) throw new Error(renderDiagnostics(read.diagnostics));
  return read.config;
}

const LINE: LineFacts = {
  address: "203.0.113.9/24",
  gateway: "203.0.113.1",
  routes: [],
  address6: "2001:db8:f::9/128",
  prefix: "2001:db8:1200::/56",
  formerPrefixes: [],
  connected: true,
  healthy: true,
};

function facts(more: Partial<RouterFacts> = {}): RouterFacts {
  return {
    lines: { fiber: LINE },
    services: {},
    devices: new Set(["eth0", "eth1"]),
    secrets: {},
    stateDir: STATE,
    ...more,
  };
}

function plan(text: string, more: Partial<RouterFacts> = {}): Desired {
  return planRouter(config(text), facts(more));
}

/** nft's own opinion, in a network of nobody. */
function check(ruleset: string): void {
  execFileSync("unshare", ["-n", "nft", "-c", "-f", "-"], { input: ruleset });
}

const HOME = `
wan "fiber" { interface = "eth0" }
lan "home" {
  interface = "eth1"
  address   = ["192.168.1.1/24", "fd00:1::1/64"]
}
`;
const GUESTS = `
lan "guests" {
  interface = "eth1"
  vlan      = 20
  address   = "192.168.20.1/24"
  zone      = "guest"
}
`;

const EVERYTHING = `${HOME}${GUESTS}
wan "lte" {
  interface = "eth2"
  type      = "pppoe"
  pppoe {
    user     = "me\\"x"
    password = "s3cret\\\\"
  }
  qos { upload = "10mbit" }
}
zone "guest" { router = ["dhcp", "dns", "tcp/8080", "udp/5000-5010"] }
rule "printer" {
  from        = ["guest"]
  to          = ["lan"]
  protocol    = ["tcp", "udp", "icmp"]
  port        = [631, "9100-9102"]
  source      = ["192.168.20.0/24", "fd00:2::/64"]
  destination = ["192.168.1.9", "fd00:1::9"]
}
rule "nosmtp" {
  from = "*"
  to = "wan"
  protocol = "tcp"
  port = 25
  action = "reject"
}
forward "web" {
  port = [80, 443]
  to = "192.168.1.10"
  from = ["198.51.100.0/24"]
}
forward "game" {
  port = "3000-3010"
  protocol = ["tcp", "udp"]
  to = "192.168.1.11"
}
forward "app" {
  port = 8080
  service = "app"
}
forward "six" {
  port = 22
  to = "fd00:1::5"
}
wireguard "away" {
  address = ["10.99.0.1/24", "fd00:99::1/64"]
  peer "phone" {
    public_key = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg="
    address = ["10.99.0.2", "fd00:99::2"]
    routes = "10.50.0.0/16"
  }
}
route "office" {
  to = "10.8.0.0/16"
  via = "192.168.1.2"
}
ntp {}
upnp {}
`;

test("rulesets are what nft takes: from the smallest configuration to everything at once", (t) => {
  const services = {
    app: [
      { address: "192.168.1.20", port: 8000 },
      { address: "192.168.1.21", port: 8001 },
      { address: "fd00:1::7", port: 8000 },
    ],
  };
  const texts = [
    HOME,
    HOME + GUESTS,
    'wan "fiber" { interface = "eth0" }',
    'lan "home" { interface = "eth1" }',
    EVERYTHING,
  ];
  for (const text of texts) {
    const { ruleset } = plan(text, { services });
    t.notThrows(() => check(ruleset), ruleset);
  }
  t.is(plan("").ruleset, "", "nothing asked for, nothing done");
});

test("the ruleset touches no table but its own", (t) => {
  const { ruleset } = plan(EVERYTHING);
  t.deepEqual(
    [...new Set(ruleset.match(/^(?:delete )?table [^{\n]*/gm)?.map((each) => each.replace(/^delete /, "").trim()))],
    ["table inet lares", "table inet lares_upnp"],
  );
});

test("strangers reach nothing, guests reach the outside, the household everything", (t) => {
  const { ruleset } = plan(HOME + GUESTS);
  const chainOf = (name: string): string => ruleset.split(`chain ${name} {`)[1]?.split("  }")[0]?.trim() ?? "";
  t.regex(chainOf("forward_wan"), /^drop$/);
  t.regex(chainOf("input_wan"), /^icmp type echo-request accept\n\s+icmpv6 type echo-request accept\n\s+drop$/);
  t.regex(chainOf("forward_guest"), /^oifname "eth0" accept\n\s+reject/);
  t.regex(chainOf("input_guest"), /udp dport 67 accept/);
  t.notRegex(chainOf("input_guest"), /^accept/m);
  t.regex(chainOf("forward_lan"), /^accept/);
});

test("a forward follows its service; with none it is closed and said so", (t) => {
  const text = `${HOME}forward "web" {\n port = 443\n service = "web"\n tag = "tls"\n}`;
  const at = (address: string) => plan(text, { services: { "tls.web": [{ address, port: 8443 }] } });
  t.regex(at("192.168.1.20").ruleset, /tcp dport 443 .*dnat ip to 192\.168\.1\.20:8443/);
  t.regex(at("192.168.1.21").ruleset, /dnat ip to 192\.168\.1\.21:8443/);
  const none = plan(text);
  t.notRegex(none.ruleset, /dnat/);
  t.regex(none.notes[0]?.message ?? "", /forward "web" is closed.*"web"/);
  t.regex(
    at("192.168.1.20").ruleset,
    /iifname "eth1" ip daddr 203\.0\.113\.9 tcp dport 443/,
    "from inside by the outside's address",
  );
});

test("two lines: the first healthy one has the better way, answers go back where they came from", (t) => {
  const text = `${HOME}wan "lte" { interface = "eth2" }`;
  const other = { ...LINE, address: "198.51.100.7/24", gateway: "198.51.100.1", prefix: "", address6: "" };
  const metrics = (healthy: boolean) =>
    plan(text, { lines: { fiber: { ...LINE, healthy }, lte: other } })
      .routes.filter((each) => each.to === "default" && each.table === 254)
      .map(({ device, metric }) => ({ device, metric }))
      .sort((a, b) => a.metric - b.metric)
      .map(({ device }) => device);
  t.deepEqual(metrics(true), ["eth0", "eth2"]);
  t.deepEqual(metrics(false), ["eth2", "eth0"]);
  const both = plan(text, { lines: { fiber: LINE, lte: other } });
  t.true(both.policies.some(({ match, table }) => match.join(" ") === "from 198.51.100.7" && table === 20_002));
  t.is(both.settings.get("net/ipv4/conf/eth0/rp_filter"), "2");
  t.deepEqual(plan(HOME).policies, [], "one line needs none");
});

test("over PPP there is a way out by either protocol as soon as the provider gave an address or a prefix", (t) => {
  const text = `wan "dsl" {\n interface = "eth0"\n type = "pppoe"\n pppoe {\n user = "me"\n password = "x"\n }\n}`;
  const ways = (line: Partial<LineFacts>) =>
    plan(text, { lines: { dsl: { ...LINE, gateway: "", address: "", address6: "", prefix: "", ...line } } })
      .routes.filter(({ to }) => to === "default")
      .map(({ family, device, via }) => `${family} ${device} ${via}`);
  t.deepEqual(ways({}), []);
  t.deepEqual(ways({ address: "10.64.0.9/32" }), ["4 ppp-dsl "]);
  t.deepEqual(ways({ prefix: "2001:db8:1200::/56" }), ["6 ppp-dsl "]);
  t.deepEqual(ways({ address: "10.64.0.9/32", address6: "2001:db8:f::9/128" }), ["4 ppp-dsl ", "6 ppp-dsl "]);
});

test("a delegated prefix becomes a /64 for each LAN, advertised; of a line that is down it is given up", (t) => {
  const text = HOME + GUESTS;
  const addresses = plan(text).addresses.map(({ device, address }) => `${device} ${address}`);
  t.true(
    addresses.includes("eth1 2001:db8:1200::1/64") && addresses.includes("eth1.20 2001:db8:1200:1::1/64"),
    addresses.join("\n"),
  );
  t.true(plan(text).routes.some(({ kind, to }) => kind === "unreachable" && to === "2001:db8:1200::/56"));
  const radvd = (healthy: boolean) =>
    plan(text, { lines: { fiber: { ...LINE, healthy } } }).programs.find(({ name }) => name === "radvd")?.files[0]
      ?.text ?? "";
  t.regex(
    radvd(true),
    /prefix 2001:db8:1200:1::\/64 \{\s+AdvOnLink on; AdvAutonomous on;\s+AdvValidLifetime 3600; AdvPreferredLifetime 1800/,
  );
  t.regex(radvd(false), /prefix 2001:db8:1200::\/64 \{[^}]*AdvPreferredLifetime 0/);
  const flags = (dhcpv6: string) =>
    plan(text.replace('lan "home" {', `lan "home" {\n  dhcpv6 = "${dhcpv6}"`)).programs.find(
      ({ name }) => name === "radvd",
    )?.files[0]?.text ?? "";
  t.regex(radvd(true), /interface eth1 \{[^}]*AdvManagedFlag off; AdvOtherConfigFlag off;/);
  t.regex(flags("settings"), /interface eth1 \{[^}]*AdvManagedFlag off; AdvOtherConfigFlag on;/);
  t.regex(flags("addresses"), /interface eth1 \{[^}]*AdvManagedFlag on; AdvOtherConfigFlag on;/);
  const tiny = plan(text, { lines: { fiber: { ...LINE, prefix: "2001:db8:1:1::/64" } } });
  t.deepEqual(
    tiny.addresses.filter(({ address }) => address.startsWith("2001:db8:1:")).map(({ device }) => device),
    ["eth1"],
  );
});

test("secrets are in files that only root reads, never among arguments", (t) => {
  const text = `${HOME}wan "dsl" {\n interface = "eth2"\n type = "pppoe"\n pppoe {\n user = "me"\n password_file = "/k"\n }\n}`;
  const { programs } = plan(text, { secrets: { "/k": 'p"w\\d' } });
  const pppd = programs.find(({ name }) => name === "pppd-dsl");
  t.false(JSON.stringify(programs.map(({ argv }) => argv)).includes('p\\"w'));
  t.like(pppd?.files[0], { mode: 0o600, secret: true });
  t.true(pppd?.files[0]?.text.includes('password "p\\"w\\\\d"'));
});

test("the same input gives the same plan, whatever is known", (t) => {
  const read = config(EVERYTHING);
  const line = fc.record({
    address: fc.constantFrom("", "203.0.113.9/24"),
    gateway: fc.constantFrom("", "203.0.113.1"),
    routes: fc.constant([]),
    address6: fc.constantFrom("", "2001:db8::1/128"),
    prefix: fc.constantFrom("", "2001:db8::/48", "2001:db8::/64"),
    formerPrefixes: fc.constantFrom([], ["2001:db8:aa::/56"]),
    connected: fc.boolean(),
    healthy: fc.boolean(),
  });
  const instance = fc.record({ address: fc.oneof(fc.ipV4(), fc.ipV6()), port: fc.integer({ min: 1, max: 65_535 }) });
  const known = fc.record({ fiber: line, lte: line });
  fc.assert(
    fc.property(known, fc.array(instance, { maxLength: 70 }), (lines, app) => {
      const [one, other] = [0, 1].map(() => planRouter(read, facts({ lines, services: { app } })));
      t.deepEqual(one, other);
    }),
    { numRuns: 50 },
  );
});
