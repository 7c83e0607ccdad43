import test from "ava";
import fc from "fast-check";
import { decodeFqdn, encodeFqdnReply } from "#daemons/dhcp/packet/client-fqdn.ts";
import { decodeRoutes } from "#daemons/dhcp/packet/classless-routes.ts";
import { decodeDomains, encodeDomains } from "#daemons/dhcp/packet/domain-list.ts";
import { encodePacket, type PacketFields, type WireOption } from "#daemons/dhcp/packet/encode.ts";
import { formatIpv4, isInside, parseIpv4, parseNetwork } from "#daemons/dhcp/packet/ipv4.ts";
import { optionCoded, optionNamed, OPTION_KINDS, OPTION_NAMES } from "#daemons/dhcp/packet/option-table.ts";
import { encodeOption, showOption } from "#daemons/dhcp/packet/option-value.ts";
import { decodePacket } from "#daemons/dhcp/packet/packet.ts";
import { decodeRelayInfo, decodeSubOptions, encodeSubOptions } from "#daemons/dhcp/packet/relay-info.ts";
import { decodeUserClasses } from "#daemons/dhcp/packet/user-class.ts";
import { Prng } from "#sim/prng.ts";
import { mutate } from "./mutate.ts";
import { REAL_NAMES, realPacket } from "./real-packets.ts";

/** `FUZZ_ROUNDS=1000000` for the long mode. */
const ROUNDS = Number(process.env["FUZZ_ROUNDS"] ?? 20_000);

const hex = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString("hex");
const bytesOf = (text: string): Uint8Array => Buffer.from(text.replaceAll(" ", ""), "hex");

function reply(options: readonly WireOption[], rest: Partial<PacketFields> = {}): PacketFields {
  const zero = { hops: 0, secs: 0, flags: 0, ciaddr: 0, yiaddr: 0, siaddr: 0, giaddr: 0 };
  return { op: 2, htype: 1, xid: 7, ...zero, chaddr: bytesOf("020000000001"), sname: "", file: "", options, ...rest };
}

test("real packets read as what they are", (t) => {
  const read = (name: string) => {
    const packet = decodePacket(realPacket(name));
    if (!packet.ok) throw new Error(packet.error.message);
    return packet.value;
  };
  const udhcpc = read("udhcpc discover");
  t.is(hex(udhcpc.chaddr), "52e9b51bc25c");
  t.is(udhcpc.xid, 0x6a1ab20f);
  t.is(hex(udhcpc.options.get(61)), "0152e9b51bc25c");
  t.is(Buffer.from(udhcpc.options.get(60) ?? []).toString(), "udhcp 1.35.0");
  t.is(read("dhcpcd discover").options.get(80)?.length, 0, "rapid commit has no value");
  t.is(Buffer.from(read("dhclient discover").options.get(12) ?? []).toString(), "vm");
  const ipxe = read("ipxe discover");
  t.deepEqual(decodeUserClasses(ipxe.options.get(77) ?? bytesOf("")), ["iPXE"]);
  t.is(decodeSubOptions(ipxe.options.get(175) ?? bytesOf(""))?.get(0x15)?.[0], 1);
  const relayed = read("relayed request");
  t.is(formatIpv4(relayed.giaddr), "10.0.2.1");
  const info = decodeRelayInfo(relayed.options.get(82) ?? bytesOf(""));
  t.deepEqual([hex(info?.circuitId), hex(info?.remoteId)], ["00000001", "aabbccddeeff01"]);
});

test("what is no packet is said to be none, and why", (t) => {
  const whole = realPacket("udhcpc discover");
  const changed = (at: number, value: number): Uint8Array => {
    const copy = Buffer.from(whole);
    copy[at] = value;
    return copy;
  };
  const cases: readonly (readonly [Uint8Array, RegExp])[] = [
    [whole.subarray(0, 239), /239 bytes are too few/],
    [new Uint8Array(9001), /more than 9000/],
    [changed(236, 0), /no DHCP cookie/],
    [Buffer.concat([whole.subarray(0, 236), Buffer.from("63825364", "hex"), whole.subarray(240)]), /no DHCP cookie/],
    [changed(0, 3), /operation 3/],
    [changed(2, 17), /hardware address of 17/],
    [Buffer.concat([whole.subarray(0, 240), bytesOf("3505")]), /option 53 at byte 0 of options runs past/],
    [Buffer.concat([whole.subarray(0, 240), bytesOf("340104ff")]), /option 52/],
    [Buffer.concat([whole.subarray(0, 240), bytesOf("3402 0101 ff")]), /option 52/],
  ];
  for (const [packet, expected] of cases) {
    const read = decodePacket(packet);
    t.regex(read.ok ? "" : read.error.message, expected);
  }
});

test("options come back whole: split ones, and those in file and sname", (t) => {
  const option = fc.tuple(fc.integer({ min: 1, max: 250 }), fc.uint8Array({ maxLength: 600 }));
  const list = fc.uniqueArray(option, { selector: ([code]) => code, maxLength: 12 });
  t.notThrows(() =>
    fc.assert(
      fc.property(list, fc.integer({ min: 300, max: 1472 }), (given, maxBytes) => {
        const options = given.filter(([code]) => code !== 52);
        const { bytes, dropped } = encodePacket(reply(options), maxBytes);
        if (bytes.length > maxBytes || bytes.length < 300) return false;
        const read = decodePacket(bytes);
        if (!read.ok) return false;
        return options.every(
          ([code, value]) => dropped.includes(code) || hex(read.value.options.get(code)) === hex(value),
        );
      }),
      { numRuns: 300 },
    ),
  );
});

test("what finds no room is left out from the end, and overload is used only where it must", (t) => {
  const filler = (code: number, size: number): WireOption => [code, new Uint8Array(size).fill(code)];
  const small = encodePacket(reply([filler(53, 1)], { file: "boot" }), 300);
  t.false(decodeOf(small.bytes).options.has(52));
  t.is(decodeOf(small.bytes).file, "boot");
  const full = encodePacket(
    reply([filler(53, 1), filler(43, 200), filler(17, 90), filler(18, 60), filler(19, 60)]),
    548,
  );
  t.deepEqual(full.dropped, []);
  t.is(decodeOf(full.bytes).options.get(52)?.[0], 1);
  t.is(hex(decodeOf(full.bytes).options.get(19)), hex(filler(19, 60)[1]));
  const both = encodePacket(reply([43, 44, 45, 46].map((code) => filler(code, 54))), 300);
  t.is(decodeOf(both.bytes).options.get(52)?.[0], 3);
  const over = encodePacket(reply([filler(53, 1), filler(43, 400)], { file: "boot", sname: "host" }), 548);
  t.deepEqual(over.dropped, [43], "file and sname are taken");
});

function decodeOf(bytes: Uint8Array) {
  const read = decodePacket(bytes);
  if (!read.ok) throw new Error(read.error.message);
  return read.value;
}

test("the table: the package's rows, and what it lacks or has otherwise than its RFC", (t) => {
  t.deepEqual(optionNamed("router"), { code: 3, name: "router", kind: "ips" });
  t.is(optionCoded(15).name, "domain-name");
  t.is(optionCoded(20).kind, "bool", "one byte, where the package writes none");
  t.is(optionCoded(119).kind, "domains");
  t.is(optionCoded(121).kind, "routes");
  t.is(optionCoded(61).kind, "bytes", "a client id is no text");
  t.deepEqual(optionCoded(224), { code: 224, name: "224", kind: "bytes" });
  t.is(optionNamed("static"), undefined, "the package's own settings are no options");
  t.is(new Set(OPTION_NAMES).size, OPTION_NAMES.length);
  for (const name of OPTION_NAMES) t.true(OPTION_KINDS.includes(optionNamed(name)?.kind ?? "flag"));
});

const VALUES: readonly (readonly [
  kind: Parameters<typeof encodeOption>[0],
  setting: Parameters<typeof encodeOption>[1],
  hex: string,
  shown: string,
])[] = [
  ["ip", "192.168.1.1", "c0a80101", "192.168.1.1"],
  ["ips", "1.1.1.1, 9.9.9.9", "0101010109090909", "1.1.1.1, 9.9.9.9"],
  ["ips", ["1.1.1.1"], "01010101", "1.1.1.1"],
  ["pairs", ["10.0.0.0", "10.1.1.1"], "0a0000000a010101", "10.0.0.0, 10.1.1.1"],
  ["u8", 7, "07", "7"],
  ["u16", "1492", "05d4", "1492"],
  ["u32", 4294967295, "ffffffff", "4294967295"],
  ["i32", -3600, "fffff1f0", "-3600"],
  ["u16s", "68, 296", "00440128", "68, 296"],
  ["bool", "yes", "01", "1"],
  ["flag", true, "", "yes"],
  ["text", "http://boot/x, y", "687474703a2f2f626f6f742f782c2079", "http://boot/x, y"],
  ["bytes", "01:02:FF", "0102ff", "0102ff"],
  ["bytes", '"ab"', "6162", "6162"],
  // RFC 3397 §3's example.
  [
    "domains",
    ["eng.apple.com", "marketing.apple.com"],
    "03656e67056170706c6503636f6d00096d61726b6574696e67c004",
    "eng.apple.com, marketing.apple.com",
  ],
  // RFC 3442's widths.
  [
    "routes",
    ["10.0.0.0/8 via 10.0.0.1", "10.17.0.0/16 via 10.0.0.2"],
    "080a0a000001100a110a000002",
    "10.0.0.0/8 via 10.0.0.1, 10.17.0.0/16 via 10.0.0.2",
  ],
  [
    "routes",
    "default via 10.0.0.1, 10.229.0.128/25 via 10.0.0.3",
    "000a0000011 90ae500800a000003".replace(" ", ""),
    "0.0.0.0/0 via 10.0.0.1, 10.229.0.128/25 via 10.0.0.3",
  ],
];

for (const [kind, setting, wire, shown] of VALUES)
  test(`a setting of kind ${kind}: ${JSON.stringify(setting)}`, (t) => {
    const encoded = encodeOption(kind, setting);
    t.is(encoded.ok ? hex(encoded.value) : encoded.error.message, wire);
    t.is(showOption(kind, bytesOf(wire)), shown);
  });

test("a setting that does not read says what was expected", (t) => {
  const cases: readonly (readonly [Parameters<typeof encodeOption>[0], Parameters<typeof encodeOption>[1], RegExp])[] =
    [
      ["ip", "192.168.1.256", /"192\.168\.1\.256".*IPv4 address/],
      ["ip", "1.1.1.1,2.2.2.2", /one IPv4 address/],
      ["pairs", ["1.1.1.1"], /in pairs/],
      ["u8", 256, /from 0 to 255/],
      ["u16", "12x", /whole number/],
      ["bool", "perhaps", /true or false/],
      ["text", "", /at least one byte/],
      ["bytes", "xyz", /hexadecimal/],
      ["domains", ["a..b"], /not a domain name/],
      ["routes", ["10.0.0.0/33 via 1.1.1.1"], /not a route/],
      ["routes", ["10.0.0.0/8"], /not a route/],
    ];
  for (const [kind, setting, expected] of cases) {
    const encoded = encodeOption(kind, setting);
    t.regex(encoded.ok ? "" : encoded.error.message, expected);
  }
});

test("domain lists: any list comes back, loops and cuts do not", (t) => {
  const label = fc.string({ unit: fc.constantFrom("a", "b", "x", "0", "9", "-"), minLength: 1, maxLength: 20 });
  const name = fc.array(label, { minLength: 1, maxLength: 5 }).map((labels) => labels.join("."));
  fc.assert(
    fc.property(fc.array(name, { maxLength: 20 }), (names) => {
      const encoded = encodeDomains(names);
      return encoded.ok && JSON.stringify(decodeDomains(encoded.value)) === JSON.stringify(names);
    }),
  );
  for (const broken of ["c000", "0361", "03616263c0", "0161c005", "0161c0000161c003c00b"])
    t.is(decodeDomains(bytesOf(broken)), undefined, broken);
});

test("client names of option 81 in both encodings", (t) => {
  t.deepEqual(decodeFqdn(bytesOf("00000061626320")), { flags: 0, name: "abc " });
  t.deepEqual(decodeFqdn(bytesOf("050000 0470726e74 036c616e 00")), { flags: 5, name: "prnt.lan" });
  t.deepEqual(decodeFqdn(bytesOf("040000 0470726e74")), { flags: 4, name: "prnt" });
  t.is(decodeFqdn(bytesOf("0100")), undefined);
  t.is(hex(encodeFqdnReply({ flags: 5, name: "x" }, "x.lan")), "05ffff0178036c616e00");
  t.is(hex(encodeFqdnReply({ flags: 0, name: "x" }, "x")), "03ffff78");
});

test("relay sub-options, user classes, networks", (t) => {
  t.is(decodeRelayInfo(bytesOf("0105aa")), undefined);
  t.is(
    hex(
      encodeSubOptions([
        [1, bytesOf("aa")],
        [2, bytesOf("bbcc")],
      ]),
    ),
    "0101aa0202bbcc",
  );
  t.is(hex(decodeRelayInfo(bytesOf("0504c0a80200"))?.linkSelection), "c0a80200");
  t.deepEqual(decodeUserClasses(bytesOf("0161 026262")), ["a", "bb"]);
  t.deepEqual(decodeUserClasses(Buffer.from("plain")), ["plain"]);
  for (const text of ["1.2.3", "01.2.3.4", "1.2.3.4.5", "1.2.3.256", "", "a.b.c.d", "1.2.3.-4"])
    t.is(parseIpv4(text), undefined, text);
  fc.assert(fc.property(fc.integer({ min: 0, max: 0xffffffff }), (ip) => parseIpv4(formatIpv4(ip)) === ip));
  const lan = parseNetwork("192.168.7.9/24") ?? { base: 0, prefix: 32 };
  t.true(isInside(0xc0a80701, lan) && !isInside(0xc0a80801, lan));
  t.is(decodeRoutes(bytesOf("210a")), undefined);
});

test(`${ROUNDS} mutations of real packets: an answer or a reason, never a crash`, (t) => {
  const random = new Prng(42);
  const whole = REAL_NAMES.map(realPacket);
  let [read, refused] = [0, 0];
  for (let i = 0; i < ROUNDS; i++) {
    const decoded = decodePacket(mutate(whole[i % whole.length] ?? bytesOf(""), random));
    if (!decoded.ok) {
      refused += 1;
      if (decoded.error.message === "") t.fail("a refusal without a reason");
      continue;
    }
    read += 1;
    const { options, chaddr } = decoded.value;
    if (chaddr.length > 16) t.fail("a hardware address longer than its field");
    for (const [code, value] of options) {
      showOption(optionCoded(code).kind, value);
      decodeRelayInfo(value);
      decodeUserClasses(value);
      decodeFqdn(value);
    }
    const list = [...options].filter(([code]) => code !== 52);
    const again = decodePacket(encodePacket({ ...decoded.value, options: list, sname: "", file: "" }, 9000).bytes);
    if (!again.ok || again.value.options.size !== list.length) t.fail("what was read is not written the same");
  }
  t.true(read > ROUNDS / 20 && refused > ROUNDS / 20, `${read} read, ${refused} refused`);
});
