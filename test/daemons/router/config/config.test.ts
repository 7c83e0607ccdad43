import test from "ava";
import fc from "fast-check";
import { renderDiagnostics } from "#base/language/hcl/diagnostic.ts";
import type { RouterConfig } from "#daemons/router/config/model.ts";
import { readRouterConfig } from "#daemons/router/config/read-config.ts";
import { router } from "#daemons/router/config/tables.ts";
import { examplesIn } from "#test/documents.ts";
import { formatCidr, formatIp, networkOf, overlaps, parseCidr, parseIp } from "#daemons/router/address/ip.ts";

const source = (text: string) => ({ name: "router.hcl", text });

function config(text: string): RouterConfig {
  const read = readRouterConfig(source(text));
  if (!read.ok) throw new Error(renderDiagnostics(read.diagnostics));
  return read.config;
}

function complaints(text: string): readonly string[] {
  const read = readRouterConfig(source(text));
  if (read.ok) return [];
  return read.diagnostics.map(
    (each) => `${each.start.line}: ${each.message}${each.hint === undefined ? "" : ` (${each.hint})`}`,
  );
}

const FULL = `
wan "fiber" {
  interface = "eth0"
  vlan      = 7
  type      = "pppoe"
  pppoe {
    user          = "me@isp"
    password_file = "/etc/lares/pppoe"
  }
  health {
    targets  = ["9.9.9.9", "2620:fe::fe"]
    interval = "5s"
  }
  qos {
    download = "240mbit"
    upload   = "38.5mbit"
  }
}
wan "lte" { interface = "eth2" }
lan "home" {
  interface = ["eth1", "eth3"]
  address   = ["192.168.1.1/24", "fd00:1::1/64"]
}
lan "guests" {
  interface = "eth1"
  vlan      = 20
  address   = "192.168.20.1/24"
  zone      = "guest"
}
zone "guest" {
  to     = ["wan"]
  router = ["dhcp", "dns", "tcp/8080"]
}
rule "printer" {
  from        = "guest"
  to          = "lan"
  protocol    = "tcp"
  port        = [631, "9100-9102"]
  destination = "192.168.1.9"
}
forward "web" {
  port    = [443]
  service = "web"
  to_port = 8443
}
wireguard "away" {
  address = "10.99.0.1/24"
  peer "phone" {
    public_key = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg="
    address    = "10.99.0.2"
  }
}
dyndns "home" {
  provider      = "duckdns"
  hostname      = "example.duckdns.org"
  password_file = "/etc/lares/duckdns"
}
ntp {}
upnp {}
`;

test("a whole configuration is read, with the defaults of what it leaves out", (t) => {
  const read = config(FULL);
  t.like(read.wans[0], { name: "fiber", kind: "pppoe", vlan: 7, zone: "wan", prefixLength: 56, ipv6: true });
  t.like(read.wans[0]?.qos, { download: 240_000, upload: 38_500 });
  t.like(read.wans[0]?.health, { intervalMs: 5000, timeoutMs: 2000, downAfter: 3 });
  t.like(read.wans[1], { kind: "dhcp", health: null, qos: null });
  t.deepEqual(read.lans[0]?.addresses, ["192.168.1.1/24", "fd00:1::1/64"]);
  t.deepEqual(read.rules[0]?.ports, [
    [631, 631],
    [9100, 9102],
  ]);
  t.deepEqual(read.rules[0]?.destination, ["192.168.1.9/32"]);
  t.like(read.wireguards[0], { port: 51_820, zone: "vpn", clientRoutes: ["0.0.0.0/0", "::/0"] });
  t.deepEqual(read.ntp?.zones, ["lan"]);
  t.is(config("").upnp, null, "nothing opens ports unless asked for");
});

const LAN = 'lan "home" {\n  interface = "eth1"\n  address = "192.168.1.1/24"\n}\n';
const WAN = 'wan "fiber" { interface = "eth0" }\n';

/** Each row: a file, and what is said of it: the line, what was found, what to do. */
const WRONG: readonly (readonly [text: string, complaint: RegExp])[] = [
  ['wan "fiber" { interfce = "eth0" }', /^1: .*interfce.*did you mean "interface"/],
  ["vlans {}", /^1: .*vlans.*/],
  ['wan "fiber" {}', /^1: "fiber" needs interface/],
  ['wan "Fiber" { interface = "eth0" }', /^1: wan: the name "Fiber" must be/],
  ['wan "fiber" { interface = "eth0; reboot" }', /^1: interface: expected the name of a network interface/],
  ['wan "fiber" {\n  interface = "eth0"\n  type = "pppeo"\n}', /^3: type: .*did you mean "pppoe"/],
  [`${WAN}wan "fiber" { interface = "eth2" }`, /^2: there are two wan blocks "fiber"/],
  [`${WAN}wan "two" { interface = "eth0" }`, /^2: eth0 is used by "fiber" already/],
  ['wan "f" {\n interface = "eth0"\n type = "pppoe"\n}', /^1: a PPPoE line needs its user/],
  [
    'wan "f" {\n interface = "e"\n type = "static"\n address = "1.2.3.4/24"\n gateway = "1.2.9.1"\n}',
    /the gateway 1\.2\.9\.1 is in none/,
  ],
  ['wan "f" {\n interface = "e"\n address = "1.2.3.4/24"\n}', /gets its address from the provider.*type = "static"/],
  [
    'wan "f" {\n interface = "e"\n qos { upload = "40" }\n}',
    /^3: upload: expected a rate such as "40mbit", found "40"/,
  ],
  [LAN.replace("1.1/24", "1.0/24"), /^3: address: 192\.168\.1\.0\/24 is a network.*write "192\.168\.1\.1\/24"/],
  [LAN.replace("1.1/24", "1.256/24"), /^3: address: expected an address with the length/],
  [
    `${LAN}lan "b" {\n interface = "eth2"\n address = "192.168.0.1/16"\n}`,
    /^5: 192\.168\.0\.0\/16 overlaps 192\.168\.1\.0\/24 of "home"/,
  ],
  ['zone "guest" { to = ["wann"] }', /^1: there is no zone "wann" \(did you mean "wan"\?\)/],
  ['zone "guest" { router = ["dhpc"] }', /^1: router: "dhpc" is not known \(did you mean "dhcp"/],
  ['zone "router" {}', /^1: a zone cannot be called "router"/],
  ['rule "a" { port = 80 }', /^1: ports belong to a protocol/],
  ['rule "a" {\n source = "10.0.0.0/8"\n destination = "fd00::/8"\n}', /different families/],
  ['rule "a" { source = "10.1.0.0/8" }', /is an address in a network, not a network.*"10\.0\.0\.0\/8"/],
  ['forward "a" {\n port = 443\n}', /^1: a forward needs to or service/],
  ['forward "a" { to = "10.0.0.1" }', /^1: "a" needs port/],
  ['forward "a" {\n port = 70000\n to = "10.0.0.1"\n}', /^2: port: expected a port/],
  ['forward "a" {\n port = "80-90"\n to = "10.0.0.1"\n to_port = 1\n}', /several ports cannot go to one/],
  [
    'forward "a" {\n port = "80-90"\n to = "10.0.0.1"\n}\nforward "b" {\n port = 85\n service = "x"\n}',
    /^5: "a" forwards the same port already/,
  ],
  [
    'wireguard "w" {\n address = "10.9.0.1/24"\n peer "p" {\n public_key = "short"\n address = "10.9.0.2"\n }\n}',
    /^4: public_key: expected a WireGuard key/,
  ],
  ['wireguard "w" {}', /^1: a tunnel needs its address/],
  [
    'wan "f" {\n interface = "eth0"\n type = "pppoe"\n pppoe {\n  user = "me"\n  password_variable = "isp/login"\n }\n}',
    /^6: password_variable: expected the path of a variable and an item of it/,
  ],
  [
    'wan "f" {\n interface = "eth0"\n type = "pppoe"\n pppoe {\n  user = "me"\n  password = "x"\n  password_variable = "a#b"\n }\n}',
    /^1: a PPPoE line needs password_variable, password_file or password, one of them/,
  ],
  ['dyndns "d" { hostname = "a.b" }', /^1: dyndns2 needs password_variable, password_file or password/],
  ['upnp { zones = ["wan"] }', /would let strangers open ports/],
  ["wan {", /^1: /],
];

test("what is wrong is said at its line, with what was expected", (t) => {
  for (const [text, complaint] of WRONG) {
    const found = complaints(text);
    t.true(
      found.some((each) => complaint.test(each)),
      `${text}\n→ ${found.join("\n")}`,
    );
  }
});

test("ports do not collide where lines, sources or families keep them apart", (t) => {
  const two = (a: string, b: string) =>
    `${WAN}wan "lte" { interface = "eth2" }\nforward "a" {\n port = 80\n ${a}\n}\nforward "b" {\n port = 80\n ${b}\n}`;
  t.deepEqual(complaints(two('to = "10.0.0.1"\n wan = "fiber"', 'to = "10.0.0.2"\n wan = "lte"')), []);
  t.deepEqual(complaints(two('to = "10.0.0.1"', 'to = "fd00::2"')), []);
  t.deepEqual(complaints(two('to = "10.0.0.1"\n from = "1.0.0.0/8"', 'to = "10.0.0.2"')), []);
  t.is(complaints(two('to = "10.0.0.1"', 'to = "10.0.0.2"')).length, 1);
});

test("whatever is written, reading it ends with a configuration or with complaints", (t) => {
  const keys = [
    "wan",
    "lan",
    "forward",
    "zone",
    "rule",
    "wireguard",
    "interface",
    "address",
    "port",
    "to",
    ...Object.keys(router.blocks),
  ];
  const word = fc.constantFrom(
    ...keys,
    "{",
    "}",
    "=",
    '"a"',
    '"10.0.0.1/24"',
    "[",
    "]",
    "1",
    "\n",
    '"${x}"',
    "null",
    ",",
  );
  const garbled = fc
    .tuple(fc.nat(FULL.length), fc.nat(20), fc.string())
    .map(([at, cut, put]) => FULL.slice(0, at) + put + FULL.slice(at + cut));
  fc.assert(
    fc.property(
      fc.oneof(
        fc.array(word, { maxLength: 40 }).map((words) => words.join(" ")),
        garbled,
        fc.string(),
      ),
      (text) => {
        const read = readRouterConfig(source(text));
        return read.ok || read.diagnostics.length > 0;
      },
    ),
    { numRuns: 1000 },
  );
  t.pass();
});

test("addresses: canonical text is what was parsed, anything else is refused", (t) => {
  fc.assert(fc.property(fc.ipV4(), (text) => formatIp(parseIp(text) ?? { family: 6, value: 0n }) === text));
  fc.assert(
    fc.property(
      fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }),
      (value) => parseIp(formatIp({ family: 6, value }))?.value === value,
    ),
  );
  t.deepEqual(
    ["2001:db8:0:0:1:0:0:1", "::ffff:1.2.3.4", "::", "1::"].map((text) =>
      formatIp(parseIp(text) ?? { family: 4, value: 0n }),
    ),
    ["2001:db8::1:0:0:1", "::ffff:102:304", "::", "1::"],
  );
  for (const bad of [
    "",
    "1.2.3",
    "01.2.3.4",
    "1.2.3.4.5",
    "1.2.3.256",
    ":",
    ":::",
    "1::2::3",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8::",
    "g::",
    "fe80::1%eth0",
  ])
    t.is(parseIp(bad), undefined, bad);
  fc.assert(fc.property(fc.string(), (text) => parseIp(text) === undefined || text.length >= 2));
  const cidr = (text: string) => parseCidr(text) ?? t.fail(text);
  const network = cidr("10.1.2.3/12");
  if (network) t.is(formatCidr(networkOf(network)), "10.0.0.0/12");
  const [one, other] = [cidr("10.0.0.0/8"), cidr("10.9.0.0/16")];
  if (one && other) t.true(overlaps(one, other) && overlaps(other, one));
  t.is(parseCidr("10.0.0.0/33"), undefined);
});

test("the document's examples are configurations", (t) => {
  const examples = examplesIn("router.md", "hcl");
  t.true(examples.length > 0);
  for (const example of examples) t.deepEqual(complaints(example), [], example);
});
