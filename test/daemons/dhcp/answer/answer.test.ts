import test from "ava";
import fc from "fast-check";
import { formatIpv4 } from "#daemons/dhcp/packet/ipv4.ts";
import { encodeSubOptions } from "#daemons/dhcp/packet/relay-info.ts";
import { decodePacket } from "#daemons/dhcp/packet/packet.ts";
import { Prng } from "#sim/prng.ts";
import { askBytes, ip, text } from "../packets.ts";
import { mutate } from "../packet/mutate.ts";
import { REAL_NAMES, realPacket } from "../packet/real-packets.ts";
import { Responder } from "#daemons/dhcp/answer/responder.ts";
import { ALONE } from "#daemons/dhcp/leases/authority.ts";
import { LeaseTable } from "#daemons/dhcp/leases/lease-table.ts";
import { compileSettings } from "#daemons/dhcp/settings/compile.ts";
import { INFINITE_MS } from "#daemons/dhcp/settings/settings.ts";
import { BenchServer } from "./bench-server.ts";

const LAN = { network: "192.168.1.0/24", interface: "lan0", pools: ["192.168.1.100-192.168.1.109"] };
const [A, B, C] = ["02:00:00:00:00:0a", "02:00:00:00:00:0b", "02:00:00:00:00:0c"];
const SELF = "192.168.1.1";

function home(more: object = {}, subnet: object = {}): BenchServer {
  return new BenchServer({ leaseTime: "1h", domain: "lan", subnets: [{ ...LAN, ...subnet }], ...more });
}

test("four messages, an address, and the times that go with it", (t) => {
  const server = home({ options: { router: "self", "dns-servers": "self, 9.9.9.9" } });
  const offer = server.ask({ type: 1, mac: A, list: [3, 6, 15, 1] });
  t.is(offer.said, "offer");
  t.is(offer.to, `hardware ${offer.yiaddr}`);
  const ack = server.ask({ type: 3, mac: A, requested: offer.yiaddr, serverId: SELF, list: [3, 6, 15, 1] });
  t.is(ack.said, "ack");
  t.is(ack.yiaddr, offer.yiaddr);
  const codes = [54, 51, 58, 59, 1, 3, 6, 15];
  t.deepEqual(
    codes.map((code) => ack.option(code)),
    [SELF, "3600", "1800", "3150", "255.255.255.0", SELF, `${SELF}, 9.9.9.9`, "lan"],
  );
  t.is(server.table.get(ip(ack.yiaddr))?.endMs, server.nowMs + 3_600_000);
});

test("what was not asked for is not sent, unless it is forced; without a list everything is", (t) => {
  const server = home({ options: { "ntp-servers": SELF, wpad: "http://x/", "224:ip": "1.2.3.4" }, force: ["wpad"] });
  t.deepEqual(
    [42, 252, 224, 15].map((code) => server.ask({ type: 1, list: [42] }).option(code)),
    [SELF, "http://x/", undefined, undefined],
  );
  t.is(server.ask({ type: 1 }).option(224), "01020304");
});

test("a client comes back to its address: at once, after the end, and after others came", (t) => {
  const server = home();
  const first = server.lease(A);
  t.is(server.lease(A), first);
  server.nowMs += 2 * 3_600_000;
  t.is(server.lease(A), first);
  t.not(server.lease(B), first);
});

test("a full pool gives the address that ended longest ago, and nothing while none has", (t) => {
  const server = home();
  const given = new Set(Array.from({ length: 10 }, (_, i) => server.lease(`02:00:00:00:01:0${i}`)));
  t.is(given.size, 10);
  t.is(server.lease(B), "ignore");
  server.nowMs += 3_600_001;
  t.true(given.has(server.lease(B)));
});

test("no address is ever given to two, whatever clients do", (t) => {
  const step = fc.record({ who: fc.nat(14), what: fc.nat(6), wait: fc.nat(4000), wanted: fc.nat(12) });
  t.notThrows(() =>
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const server = home();
        const held = new Map<string, { readonly mac: string; readonly endMs: number }>();
        for (const { who, what, wait, wanted } of steps) {
          server.nowMs += wait * 1000;
          const mac = `02:00:00:00:02:${who.toString(16).padStart(2, "0")}`;
          const mine = [...held].find(([, holder]) => holder.mac === mac)?.[0];
          const requested = `192.168.1.${98 + wanted}`;
          if (what === 0 && mine !== undefined) {
            server.ask({ type: 7, mac, ciaddr: mine, serverId: SELF });
            held.delete(mine);
          } else if (what === 1 && mine !== undefined) {
            server.ask({ type: 4, mac, requested: mine, serverId: SELF });
            held.delete(mine);
          } else {
            const asked =
              what < 4 ? { type: 3, mac, requested } : what === 4 ? { type: 3, mac, ciaddr: requested } : undefined;
            const answer = asked === undefined ? undefined : server.ask(asked);
            const got =
              answer === undefined ? server.lease(mac, { requested }) : answer.said === "ack" ? answer.yiaddr : "";
            if (!got.includes(".")) continue;
            const holder = held.get(got);
            if (holder !== undefined && holder.mac !== mac && holder.endMs > server.nowMs) return false;
            held.set(got, { mac, endMs: server.nowMs + 3_600_000 });
          }
        }
        return true;
      }),
      { numRuns: 150 },
    ),
  );
});

test("requests of clients that come back: right, wrong network, somebody else's, unknown", (t) => {
  const server = home();
  const mine = server.lease(A);
  t.is(server.ask({ type: 3, mac: A, requested: mine }).said, "ack", "after a restart");
  const wrong = server.ask({ type: 3, mac: A, requested: "10.0.0.5" });
  t.deepEqual([wrong.said, wrong.to, wrong.yiaddr], ["nak", "broadcast", "0.0.0.0"]);
  t.is(server.ask({ type: 3, mac: B, requested: mine }).said, "nak");
  const renewed = server.ask({ type: 3, mac: A, ciaddr: mine });
  t.deepEqual([renewed.said, renewed.to], ["ack", `host ${mine}`]);
  t.is(server.ask({ type: 3, mac: B, ciaddr: mine }).said, "nak");
  t.is(
    server.ask({ type: 3, mac: C, requested: "192.168.1.108" }).said,
    "ack",
    "a lost lease is taken up again where it is free",
  );
  t.is(server.ask({ type: 3, mac: B, requested: "192.168.1.50" }).said, "nak", "no pool has it");
  t.is(home({ authoritative: false }).ask({ type: 3, mac: A, requested: "10.0.0.5" }).said, "ignore");
});

test("a choice of another server frees what was offered here", (t) => {
  const server = home({}, { pools: ["192.168.1.100"] });
  t.is(server.ask({ type: 1, mac: A }).yiaddr, "192.168.1.100");
  t.is(server.ask({ type: 1, mac: B }).said, "ignore");
  t.is(server.ask({ type: 3, mac: A, requested: "192.168.1.9", serverId: "192.168.1.2" }).said, "ignore");
  t.is(server.ask({ type: 1, mac: B }).yiaddr, "192.168.1.100");
  t.is(server.ask({ type: 3, mac: A, requested: "192.168.1.100", serverId: SELF }).said, "nak", "offered to another");
  server.nowMs += 60_000;
  t.is(server.ask({ type: 1, mac: A }).yiaddr, "192.168.1.100", "offers run out");
});

test("declined addresses rest, released ones are free", (t) => {
  const server = home({}, { pools: ["192.168.1.100-192.168.1.101"] });
  const bad = server.lease(A);
  t.is(server.ask({ type: 4, mac: B, requested: bad, serverId: SELF }).said, "ignore", "only by whom it was given to");
  t.is(server.ask({ type: 4, mac: A, requested: bad, serverId: SELF }).said, "change");
  const other = server.lease(A);
  t.not(other, bad);
  t.is(server.lease(B), "ignore", "one rests, one is held");
  t.is(server.ask({ type: 7, mac: B, ciaddr: other }).said, "ignore");
  t.is(server.ask({ type: 7, mac: A, ciaddr: other, serverId: SELF }).said, "change");
  t.is(server.lease(B), other);
  server.nowMs += 3_600_001;
  t.is(server.lease(C), bad, "it rested long enough");
});

test("inform: everything but an address", (t) => {
  const answer = home().ask({ type: 8, ciaddr: "192.168.1.7", list: [1, 15] });
  t.deepEqual(
    [answer.said, answer.yiaddr, answer.to, answer.option(51), answer.option(15)],
    ["ack", "0.0.0.0", "host 192.168.1.7", undefined, "lan"],
  );
});

test("reservations by mac, client id and name; their addresses are for nobody else", (t) => {
  const server = home({
    reservations: [
      { mac: A, address: "192.168.1.100", name: "nas", options: { mtu: 9000 }, force: ["mtu"] },
      { clientId: "ff:01:02", address: "192.168.1.5", leaseTime: "infinite" },
      { hostname: "Printer", address: "192.168.1.6" },
      { mac: C, name: "phone", tags: ["voip"] },
    ],
    classes: [{ name: "voip", options: { "tftp-servers": "192.168.1.9" }, force: ["tftp-servers"] }],
  });
  const nas = server.ask({ type: 1, mac: A, list: [12] });
  t.deepEqual([nas.yiaddr, nas.option(12), nas.option(26)], ["192.168.1.100", "nas", "9000"]);
  const byId = server.ask({ type: 1, mac: B, options: [[61, Buffer.from("ff0102", "hex")]] });
  t.deepEqual([byId.yiaddr, byId.option(51), byId.option(58)], ["192.168.1.5", "4294967295", undefined]);
  t.is(server.ask({ type: 1, mac: B, options: [[12, text("printer")]] }).yiaddr, "192.168.1.6");
  t.is(server.ask({ type: 1, mac: C }).option(150), "192.168.1.9");
  t.is(server.ask({ type: 3, mac: B, requested: "192.168.1.100" }).said, "nak");
  t.is(server.ask({ type: 3, mac: A, requested: "192.168.1.101" }).said, "nak", "it has another reserved");
  const others = Array.from({ length: 9 }, (_, i) => server.lease(`02:00:00:00:03:0${i}`));
  t.false(others.includes("192.168.1.100"));
});

test("relays: their subnet, their port, their option back", (t) => {
  const far = {
    network: "10.0.2.0/24",
    pools: ["10.0.2.50-10.0.2.59"],
    relays: ["172.16.0.1"],
    options: { router: "10.0.2.1" },
  };
  const server = new BenchServer({ subnets: [LAN, far] });
  const info = encodeSubOptions([[1, Uint8Array.of(7)]]);
  const offer = server.ask({ type: 1, giaddr: "10.0.2.1", options: [[82, info]], list: [3] });
  t.regex(offer.yiaddr, /^10\.0\.2\.5\d$/);
  t.deepEqual([offer.to, offer.option(82), offer.option(3)], ["host 10.0.2.1", "010107", "10.0.2.1"]);
  t.is([...(offer.packet?.options.keys() ?? [])].at(-1), 82, "last");
  t.regex(server.ask({ type: 1, giaddr: "172.16.0.1" }).yiaddr, /^10\.0\.2/);
  const linked = encodeSubOptions([
    [5, Buffer.from([10, 0, 2, 0])],
    [11, Buffer.from([172, 16, 9, 9])],
  ]);
  const chosen = server.ask({ type: 1, giaddr: "172.16.9.9", options: [[82, linked]] });
  t.regex(chosen.yiaddr, /^10\.0\.2/);
  t.is(chosen.option(54), "172.16.9.9", "the relay is the server that clients see");
  t.is(
    server.ask({
      type: 3,
      giaddr: "172.16.9.9",
      requested: chosen.yiaddr,
      serverId: "172.16.9.9",
      options: [[82, linked]],
    }).said,
    "ack",
  );
  const nak = server.ask({ type: 3, giaddr: "10.0.2.1", requested: "192.168.1.100" });
  t.deepEqual([nak.said, nak.to, nak.packet?.flags], ["nak", "host 10.0.2.1", 0x8000]);
  t.is(server.ask({ type: 1, giaddr: "10.9.9.9" }).said, "ignore");
  t.regex(server.ask({ type: 1, options: [[118, Buffer.from([10, 0, 2, 0])]] }).yiaddr, /^10\.0\.2/, "RFC 3011");
  t.is(server.ask({ type: 1 }, { interface: "lan9" }).said, "ignore");
});

test("classes choose pools and options by what the client shows", (t) => {
  const server = home(
    {
      classes: [
        { name: "phone", vendorClass: "snom*", options: { "vlan-id": 1 } },
        { name: "port7", circuitId: "00:07" },
        { name: "vm", mac: "52:54:00*" },
        { name: "arm", arch: 11 },
        { name: "user", userClass: "staff" },
      ].map(({ options: _none, ...rest }) => rest),
    },
    { pools: [{ range: "192.168.1.200-192.168.1.209", tags: ["phone", "vm"] }, "192.168.1.100-192.168.1.109"] },
  );
  t.regex(server.ask({ type: 1, mac: A, options: [[60, text("snom870")]] }).yiaddr, /\.20\d$/);
  t.regex(server.ask({ type: 1, mac: "52:54:00:00:00:01" }).yiaddr, /\.20\d$/);
  t.regex(server.ask({ type: 1, mac: B }).yiaddr, /\.10\d$/);
});

test("network boot: firmware gets the loader, the loader its script, HTTP clients a URL", (t) => {
  const server = home({
    boot: [
      { when: ["ipxe"], file: "http://192.168.1.1/boot.ipxe" },
      { when: ["http", "efi-x64"], file: "http://192.168.1.1/grub.efi" },
      { when: ["pxe", "efi-x64"], file: "ipxe.efi", server: "192.168.1.9", serverName: "boot" },
      { when: ["pxe", "bios"], file: "undionly.kpxe" },
    ],
  });
  const arch = (code: number) => [93, Uint8Array.of(0, code)] as const;
  const uuid = [97, new Uint8Array(17)] as const;
  const bios = server.ask({
    type: 1,
    list: [60, 66, 67],
    options: [[60, text("PXEClient:Arch:00000:UNDI:002001")], arch(0), uuid],
  });
  t.deepEqual(
    [bios.packet?.file, bios.option(67), bios.option(60), bios.option(43)],
    ["undionly.kpxe", "undionly.kpxe", "PXEClient", "060108ff"],
  );
  t.is(bios.option(97), "00".repeat(17));
  t.is(formatIpv4(bios.packet?.siaddr ?? 0), SELF);
  const efi = server.ask({ type: 1, list: [66, 67], options: [[60, text("PXEClient:Arch:00007")], arch(7)] });
  t.deepEqual(
    [efi.packet?.file, formatIpv4(efi.packet?.siaddr ?? 0), efi.packet?.sname, efi.option(66)],
    ["ipxe.efi", "192.168.1.9", "boot", "boot"],
  );
  const ipxe = server.ask({ type: 1, options: [[60, text("PXEClient:Arch:00007")], arch(7), [77, text("iPXE")]] });
  t.is(ipxe.packet?.file, "http://192.168.1.1/boot.ipxe");
  const http = server.ask({ type: 1, list: [60, 67], options: [[60, text("HTTPClient:Arch:00016")], arch(16)] });
  t.deepEqual([http.option(60), http.option(67)], ["HTTPClient", "http://192.168.1.1/grub.efi"]);
  t.is(server.ask({ type: 1 }).packet?.file, "", "others boot by themselves");
});

test("rapid commit: two messages, where it is switched on", (t) => {
  const asked = { type: 1, mac: A, options: [[80, new Uint8Array()]] } as const;
  t.is(home().ask(asked).said, "offer");
  const answer = home({ rapidCommit: true }).ask(asked);
  t.deepEqual([answer.said, answer.option(80), answer.decision.kind], ["ack", "yes", "grant"]);
});

test("names: the client's, cleaned; the reserved one first; nobody gets a name another holds", (t) => {
  const server = home({ reservations: [{ mac: C, name: "nas" }] });
  const named = (mac: string, name: string): string => {
    const address = server.lease(mac, { options: [[12, text(name)]] });
    return server.table.get(ip(address))?.name ?? "?";
  };
  t.is(named(A, "My Phone (old).local"), "my-phone-old");
  t.is(named(B, "my-phone-old"), "");
  t.is(named(C, "whatever"), "nas");
  t.is(named("02:00:00:00:00:0d", "\u0000\u001b[31m"), "31m");
  const fqdn = server.ask({
    type: 1,
    mac: A,
    options: [[81, Buffer.from("05000002746 1036c616e00".replace(" ", ""), "hex")]],
  });
  t.is(fqdn.option(81), "05ffff027461036c616e00");
});

test("an early renewal is answered without a write, a later one prolongs", (t) => {
  const server = home();
  const mine = server.lease(A);
  server.nowMs += 60_000;
  const early = server.ask({ type: 3, mac: A, ciaddr: mine });
  t.deepEqual([early.decision.kind, early.option(51)], ["reply", "3540"]);
  server.nowMs += 1_200_000;
  const late = server.ask({ type: 3, mac: A, ciaddr: mine });
  t.deepEqual([late.decision.kind, late.option(51)], ["grant", "3600"]);
});

test("BOOTP: a reserved address with its settings, and nothing of DHCP; others are not answered", (t) => {
  const server = home({
    options: { router: "self" },
    boot: [{ file: "kernel", server: "192.168.1.7" }],
    reservations: [{ mac: A, address: "192.168.1.8", name: "printer" }],
  });
  const whole = askBytes({ mac: A });
  // As RFC 951 has it: a vendor field of 64 zeros.
  const plain = Buffer.concat([whole.subarray(0, 236), Buffer.alloc(64)]);
  for (const bytes of [whole, plain]) {
    const { packet: reply, yiaddr, to } = server.hear(bytes);
    if (reply === undefined) return t.fail();
    t.deepEqual([yiaddr, formatIpv4(reply.siaddr), reply.file], ["192.168.1.8", "192.168.1.7", "kernel"]);
    t.deepEqual(
      [1, 3, 12, 15, 51, 53, 54, 58].filter((code) => reply.options.has(code)),
      [1, 3, 12, 15],
    );
    t.is(to, "hardware 192.168.1.8");
  }
  t.is(server.ask({ mac: B }).said, "ignore", "nothing is reserved");
  t.not(server.ask({ type: 1, mac: B }).yiaddr, "192.168.1.8");
});

test("BOOTP for anybody, where that is wanted: an address of a pool, for good, and pools of their own", (t) => {
  const pools = [{ range: "192.168.1.50", tags: ["bootp"] }, ...LAN.pools];
  const server = home({ bootp: "any" }, { pools });
  const first = server.ask({ mac: A });
  t.deepEqual([first.decision.kind, first.yiaddr, first.option(51)], ["grant", "192.168.1.50", undefined]);
  t.is(server.table.get(ip(first.yiaddr))?.endMs, INFINITE_MS);
  const again = server.ask({ mac: A });
  t.deepEqual([again.decision.kind, again.yiaddr], ["reply", first.yiaddr], "asked twice, written once");
  t.not(server.lease(B), first.yiaddr);
  server.nowMs += 400 * 86_400_000;
  t.not(server.lease(C, { requested: first.yiaddr }), first.yiaddr);
  const short = home({ bootp: "any", bootpTime: "30d" });
  const address = short.ask({ mac: A }).yiaddr;
  t.is(short.table.get(ip(address))?.endMs, short.nowMs + 30 * 86_400_000);
  const cutOff = new BenchServer(
    { leaseTime: "1h", bootp: "any", subnets: [LAN] },
    { ...ALONE, latestEnd: (_, nowMs) => nowMs + 1_800_000 },
  );
  t.is(cutOff.ask({ mac: A }).said, "ignore", "nothing can be promised for ever");
  t.is(cutOff.ask({ type: 1, mac: A }).said, "offer");
});

test("beside another server, machines that boot are told what, at both ports, and nobody gets an address", (t) => {
  const boot = [{ when: ["pxe", "efi-x64"], file: "ipxe.efi", server: "192.168.1.5" }];
  const server = home({ boot, options: { router: "self" } }, { pools: [], proxy: true });
  const pxe = {
    mac: A,
    options: [
      [60, text("PXEClient:Arch:00007")],
      [93, Uint8Array.of(0, 7)],
    ] as const,
  };
  const offer = server.ask({ type: 1, ...pxe });
  t.deepEqual([offer.said, offer.yiaddr, offer.to], ["offer", "0.0.0.0", "broadcast"]);
  t.deepEqual([offer.packet?.file, formatIpv4(offer.packet?.siaddr ?? 0)], ["ipxe.efi", "192.168.1.5"]);
  t.deepEqual(
    [1, 3, 43, 51, 54, 60].map((code) => offer.option(code)),
    [undefined, undefined, "060108ff", undefined, SELF, "PXEClient"],
  );
  t.is(server.ask({ type: 1, mac: B }).said, "ignore", "an ordinary client");
  t.is(server.ask({ type: 3, ...pxe, requested: "192.168.1.20", serverId: "192.168.1.254" }).said, "ignore");
  t.is(server.ask({ type: 3, ...pxe, ciaddr: "192.168.1.20" }).said, "ignore", "not ours to refuse");
  const told = server.askBoot({ type: 3, ...pxe, ciaddr: "192.168.1.20" }, "192.168.1.20");
  t.deepEqual([told.said, told.to, told.packet?.file], ["ack", "host 192.168.1.20", "ipxe.efi"]);
  t.is(server.askBoot({ type: 3, ...pxe }, "192.168.1.21").to, "host 192.168.1.21");
  t.is(server.askBoot({ type: 3, mac: B }, "192.168.1.22").said, "ignore");
  const wrong = compileSettings({ subnets: [{ ...LAN, proxy: true }] });
  t.regex(wrong.ok ? "" : wrong.error.message, /subnets\[0\]: proxy .* no pools/);
});

test("what is not to be answered", (t) => {
  const server = home();
  t.is(server.ask({ type: 2 }).said, "ignore", "an offer");
  t.is(server.ask({ type: 5 }).said, "ignore");
  t.is(server.ask({ type: 99 }).said, "ignore");
  t.is(server.ask({ type: 3 }).said, "ignore", "a request for nothing");
  t.is(server.ask({ type: 8 }).said, "ignore", "an inform from nowhere");
  t.is(server.ask({ type: 1, mac: "" }).said, "ignore", "nobody");
});

test("20,000 mutations of real packets: decisions without a crash, and every reply reads", (t) => {
  const settings = compileSettings({
    rapidCommit: true,
    boot: [{ file: "x" }],
    options: { router: "self" },
    subnets: [LAN, { network: "10.0.2.0/24", pools: ["10.0.2.2-10.0.2.250"] }],
  });
  if (!settings.ok) return t.fail(settings.error.message);
  const table = new LeaseTable(settings.value);
  const responder = new Responder({ settings: settings.value, table, authority: ALONE });
  const random = new Prng(5);
  const whole = REAL_NAMES.map(realPacket);
  let replies = 0;
  for (let i = 0; i < 20_000; i++) {
    const read = decodePacket(mutate(whole[i % whole.length] ?? new Uint8Array(), random));
    if (!read.ok) continue;
    const decision = responder.handle(
      read.value,
      { interface: "lan0", self: ip(SELF) },
      { nowMs: 1_790_000_000_000 + i * 100, isLast: true },
    );
    if (!("reply" in decision)) continue;
    replies += 1;
    const back = decodePacket(decision.reply.bytes);
    if (!back.ok || back.value.xid !== read.value.xid) t.fail("a reply that does not read");
  }
  t.true(replies > 1000, String(replies));
});
