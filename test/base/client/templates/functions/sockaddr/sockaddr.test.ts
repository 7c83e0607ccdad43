import test from "ava";
import type { InterfaceInput } from "#base/client/templates/functions/sockaddr/interface-address.ts";
import { parseIp, printAddress, printIp } from "#base/client/templates/functions/sockaddr/ip.ts";
import { evaluateSockaddr } from "#base/client/templates/functions/sockaddr/sockaddr-functions.ts";
import fc from "fast-check";
import { BlockList } from "node:net";

const interfaces: readonly InterfaceInput[] = [
  { name: "lo", cidr: "127.0.0.1/8", flags: ["up", "loopback"], isDefault: false },
  { name: "eth0", cidr: "10.1.2.3/24", flags: ["up", "broadcast", "multicast"], isDefault: true },
  { name: "eth0", cidr: "fe80::1/64", flags: ["up", "broadcast", "multicast"], isDefault: true },
  { name: "wan", cidr: "8.8.4.4/30", flags: ["up", "broadcast"], isDefault: false },
  { name: "docker0", cidr: "172.17.0.1/16", flags: ["broadcast"], isDefault: false },
  { name: "wg0", cidr: "2a00:1:0:0:5::7/56", flags: ["up", "point-to-point"], isDefault: false },
];

function rendered(pipeline: string): string {
  const text = evaluateSockaddr(pipeline, () => interfaces);
  return typeof text === "string" ? text : `error: ${text.message.replace(/^.*error calling \w+: /, "")}`;
}

test("sockaddr asks for the machine's addresses in a language of its own", (t) => {
  const cases: [string, string][] = [
    ["GetPrivateIP", "10.1.2.3"],
    ["GetPublicIP", "8.8.4.4"],
    ["GetPrivateIPs", "172.17.0.1 10.1.2.3"],
    ["GetPublicIPs", "8.8.4.4 2a00:1::5:0:0:7"],
    ['GetInterfaceIP "eth0"', "10.1.2.3"],
    ['GetInterfaceIPs "eth.*"', "10.1.2.3 fe80::1"],
    ['GetAllInterfaces | include "name" "lo" | attr "network"', "127.0.0.0"],
    [
      'GetAllInterfaces | exclude "type" "ipv6" | join "string" ","',
      "127.0.0.1/8,10.1.2.3/24,8.8.4.4/30,172.17.0.1/16",
    ],
    ['GetAllInterfaces | include "rfc" "1918" | join "name" ","', "eth0,docker0"],
    ['GetAllInterfaces | include "network" "10.0.0.0/8" | attr "hex"', "0a010203"],
    ['GetAllInterfaces | include "flags" "point-to-point" | attr "size"', "4722366482869645213696"],
    ['GetAllInterfaces | include "type" "ipv4" | sort "-address" | limit 1 | attr "name"', "docker0"],
    ['GetDefaultInterfaces | sort "type" | unique "name" | math "network" "-1" | attr "address"', "10.1.2.255"],
    ['GetDefaultInterfaces | math "address" "+256" | attr "address"', "10.1.3.3"],
    ['GetDefaultInterfaces | math "mask" "16" | attr "string"', "10.1.0.0/16"],
    ['GetDefaultInterfaces | offset -1 | attr "uint128"', "338288524927261089654018896841347694593"],
    ['GetDefaultInterfaces | attr "broadcast"', "10.1.2.255"],
    ['GetDefaultInterfaces | attr "netmask"', "255.255.255.0"],
    ['GetDefaultInterfaces | attr "first_usable"', "10.1.2.1"],
    ['GetDefaultInterfaces | attr "octets"', "10 1 2 3"],
    ['GetAllInterfaces | sort "height"', 'error: unknown sort type: "height"'],
    ['GetAllInterfaces | include "flag" "odd"', 'error: Unknown interface flag: "odd"'],
    ['GetAllInterfaces | include "name" "("', "error: error parsing regexp: missing closing ): `(`"],
    ['GetAllInterfaces | math "address" "5"', 'error: sign (+/-) is required for operation "address"'],
  ];
  for (const [template, expected] of cases) t.is(rendered(template), expected, template);
});

test("addresses are printed as they are read", (t) => {
  fc.assert(
    fc.property(fc.ipV6(), (text) => {
      const ip = parseIp(text);
      if (ip === undefined) return text.includes(".");
      const printed = printAddress(ip);
      const list = new BlockList();
      list.addAddress(text, "ipv6");
      return list.check(printed, "ipv6") && printIp(ip) === printed;
    }),
  );
  fc.assert(fc.property(fc.ipV4(), (text) => printAddress(parseIp(text) ?? { version: 6, address: 0n }) === text));
  for (const bad of [
    "",
    "1.2.3",
    "1.2.3.256",
    "01.2.3.4",
    "1.2.3.4/33",
    "::1::",
    "1:2:3:4:5:6:7:8:9",
    "g::",
    "1.2.3.4/a",
  ])
    t.is(parseIp(bad), undefined, bad);
});
