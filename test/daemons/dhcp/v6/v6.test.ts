import { createHmac } from "node:crypto";
import { writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { createEnv } from "#base/platform/create-env.ts";
import { ALONE } from "#daemons/dhcp/leases/authority.ts";
import { LeaseTable } from "#daemons/dhcp/leases/lease-table.ts";
import { LeaseClock } from "#daemons/dhcp/server/lease-clock.ts";
import { compileSettings } from "#daemons/dhcp/settings/compile.ts";
import { associationsOf, type Association } from "#daemons/dhcp/v6/association.ts";
import { MESSAGE, OPTION, STATUS } from "#daemons/dhcp/v6/codes.ts";
import {
  decodePacket6,
  encodeMessage6,
  findOption,
  readOptions6,
  uint16,
  uint32,
  type Message6,
} from "#daemons/dhcp/v6/message.ts";
import { Reconfigurer } from "#daemons/dhcp/v6/reconfigurer.ts";
import { Responder6 } from "#daemons/dhcp/v6/responder.ts";
import { Prng } from "#sim/prng.ts";
import { mutate } from "../packet/mutate.ts";
import { openKv } from "../server/kv-socket.ts";
import { Lab, until } from "../server/lab.ts";
import { dhclient6, dhcpcd6, host6 } from "./lab6.ts";
import { clientOption, message6, relayed, requestOption, wish } from "./messages6.ts";

/** Network namespaces are root's to make. */
const lab = process.getuid?.() === 0 ? test : test.skip;

const LINK = {
  network: "fd00:77::/64",
  interface: "eth0",
  pools: ["fd00:77::1000-fd00:77::10ff"],
  delegate: { from: "fd00:8000::/40", length: 56 },
  dnsServers: ["fd00:77::1"],
  domainSearch: ["lan", "home.example"],
};
const HOME = {
  domain: "lan",
  leaseTime: "10m",
  subnets: [{ network: "192.168.77.0/24", interface: "eth0", pools: ["192.168.77.100-192.168.77.150"] }],
  subnets6: [LINK],
};
const OWN = Buffer.from("0004000102030405060708090a0b0c0d0e0f", "hex");
const SERVER_ID = { code: OPTION.serverId, data: OWN };
const MAC = "02:00:00:00:00:07";

interface Said {
  readonly message: Message6;
  readonly associations: readonly Association[];
  readonly lives: readonly number[];
}

class Bench {
  nowMs = 1_790_000_000_000;
  readonly table: LeaseTable;
  readonly responder: Responder6;

  constructor(settings: object = HOME) {
    const compiled = compileSettings(settings);
    if (!compiled.ok || compiled.value.six === undefined) throw new Error(JSON.stringify(compiled));
    this.table = new LeaseTable(compiled.value.six.leases);
    this.responder = new Responder6({ settings: compiled.value.six, table: this.table, authority: ALONE, duid: OWN });
  }

  /** Everything it does is durable at once. */
  ask(bytes: Uint8Array, name = "eth0"): Said | undefined {
    const packet = decodePacket6(bytes);
    if (!packet.ok) return undefined;
    const at = { interface: name, nowMs: this.nowMs, isLast: false };
    const decision = this.responder.handle(packet.value, at);
    if (decision.kind !== "answer") return undefined;
    for (const { lease } of decision.changes) this.table.settle(lease);
    const answer = decodePacket6(decision.write(new Set()));
    if (!answer.ok) throw new Error(answer.error.message);
    const { message } = answer.value;
    const inner = message.options.flatMap(({ code, data }) =>
      code === OPTION.iaNa || code === OPTION.iaPd ? (readOptions6(data.subarray(12)) ?? []) : [],
    );
    const lives = inner.flatMap(({ code, data }) =>
      code === OPTION.iaAddress ? [uint32(data, 20)] : code === OPTION.iaPrefix ? [uint32(data, 4)] : [],
    );
    return { message, associations: associationsOf(message), lives };
  }

  lease(iaid = 1, mac = MAC): string {
    const said = this.ask(message6(MESSAGE.request, clientOption(mac), SERVER_ID, wish("address", iaid)));
    return said?.associations[0]?.items[0] ?? "";
  }
}

function statusOf({ options }: Message6, kind?: number): number | undefined {
  const within =
    kind === undefined ? options : (readOptions6(findOption(options, kind)?.subarray(12) ?? new Uint8Array(0)) ?? []);
  const data = findOption(within, OPTION.statusCode);
  return data === undefined ? undefined : uint16(data, 0);
}

test("solicit, request, renew: an address and a prefix, told with what was asked for, and the same again", (t) => {
  const bench = new Bench();
  const asked = [clientOption(MAC), wish("address"), wish("prefix", 2), requestOption(OPTION.dnsServers)];
  const offer = bench.ask(message6(MESSAGE.solicit, ...asked));
  t.is(offer?.message.type, MESSAGE.advertise);
  t.is(offer?.message.xid, 0x12_34_56);
  t.is([...bench.table.leases()].length, 0, "an offer is no lease");
  const [address, prefix] = offer?.associations.map(({ items }) => items[0] ?? "") ?? [];
  t.regex(address ?? "", /^fd00:77::10[0-9a-f]{2}$/);
  t.regex(prefix ?? "", /^fd00:80[0-9a-f]{2}:[0-9a-f]+(?::[0-9a-f]+00)?::\/56$/);
  const options = offer?.message.options ?? [];
  t.is(Buffer.from(findOption(options, OPTION.dnsServers) ?? []).toString("hex"), "fd000077000000000000000000000001");
  t.is(findOption(options, OPTION.domainList), undefined, "not asked for");
  const given = bench.ask(message6(MESSAGE.request, ...asked, SERVER_ID));
  t.is(given?.message.type, MESSAGE.reply);
  t.deepEqual(
    given?.associations.map(({ items }) => items),
    [[address], [prefix]],
  );
  t.deepEqual(given?.lives, [600, 600]);
  bench.nowMs += 300_000;
  const again = [clientOption(MAC), SERVER_ID, wish("address", 1, address ?? ""), wish("prefix", 2, prefix ?? "")];
  t.deepEqual(bench.ask(message6(MESSAGE.renew, ...again))?.lives, [600, 600]);
  t.not(bench.lease(9), address, "another association of the same client is another address");
});

test("rapid commit, where it is allowed, answers at once", (t) => {
  const rapid = { code: OPTION.rapidCommit, data: new Uint8Array(0) };
  const solicit = message6(MESSAGE.solicit, clientOption(MAC), wish("address"), rapid);
  t.is(new Bench().ask(solicit)?.message.type, MESSAGE.advertise);
  const bench = new Bench({ ...HOME, rapidCommit: true });
  const reply = bench.ask(solicit);
  t.is(reply?.message.type, MESSAGE.reply);
  t.not(findOption(reply?.message.options ?? [], OPTION.rapidCommit), undefined);
  t.is([...bench.table.leases()].length, 1);
});

test("what is not known, not here, or somebody else's", (t) => {
  const bench = new Bench();
  const address = bench.lease();
  const ask = (type: number, mac: string, text: string) =>
    bench.ask(
      message6(type, clientOption(mac), ...(type === MESSAGE.renew ? [SERVER_ID] : []), wish("address", 1, text)),
    );
  const other = "02:00:00:00:00:08";
  t.deepEqual(ask(MESSAGE.renew, other, address)?.lives, [600, 0], "it is told to stop using it, and gets another");
  t.deepEqual(ask(MESSAGE.rebind, MAC, "fd00:99::1")?.lives, [0], "it moved");
  t.is(ask(MESSAGE.rebind, MAC, address)?.lives[0], 600);
  t.is(statusOf(ask(MESSAGE.confirm, MAC, address)!.message), STATUS.success);
  t.is(statusOf(ask(MESSAGE.confirm, MAC, "fd00:99::1")!.message), STATUS.notOnLink);
  const renewal = message6(MESSAGE.renew, clientOption(other), SERVER_ID, wish("address", 4));
  t.is(statusOf(bench.ask(renewal)!.message, OPTION.iaNa), STATUS.noBinding);
  const elsewhere = message6(MESSAGE.request, clientOption(MAC), SERVER_ID, wish("address", 1, "fd00:99::1"));
  t.is(statusOf(bench.ask(elsewhere)!.message, OPTION.iaNa), STATUS.notOnLink);
  const stranger = { code: OPTION.serverId, data: Buffer.from("000400", "hex") };
  for (const type of [MESSAGE.request, MESSAGE.renew, MESSAGE.release, MESSAGE.decline, MESSAGE.solicit])
    t.is(bench.ask(message6(type, clientOption(MAC), stranger, wish("address"))), undefined, `${type} is another's`);
  t.is(bench.ask(message6(MESSAGE.solicit, wish("address"))), undefined, "it does not say who it is");
  t.is(bench.ask(message6(MESSAGE.solicit, clientOption(MAC), wish("address")), "eth9"), undefined, "no such network");
});

test("released it is given to others, declined it rests", (t) => {
  const bench = new Bench({ ...HOME, subnets6: [{ ...LINK, pools: ["fd00:77::1000"], delegate: undefined }] });
  const address = bench.lease();
  const end = (type: number, mac: string) =>
    bench.ask(message6(type, clientOption(mac), SERVER_ID, wish("address", 1, address)));
  const other = "02:00:00:00:00:08";
  t.is(bench.lease(1, other), "", "there is no second");
  t.is(statusOf(end(MESSAGE.release, other)!.message, OPTION.iaNa), STATUS.noBinding, "not its own to release");
  t.is(statusOf(end(MESSAGE.release, MAC)!.message), STATUS.success);
  t.is(bench.lease(1, other), address);
  t.is(statusOf(end(MESSAGE.decline, other)!.message), STATUS.success);
  t.is(bench.lease(1, other), "");
  bench.nowMs += 3_600_001;
  bench.table.sweep(bench.nowMs);
  t.is(bench.lease(1, other), address);
});

test("an information-request brings settings and no address; through relays, answers go back the same way", (t) => {
  const bench = new Bench();
  const reply = bench.ask(message6(MESSAGE.informationRequest, requestOption(OPTION.domainList)));
  t.deepEqual(
    reply?.message.options.map(({ code }) => code),
    [OPTION.serverId, OPTION.domainList, 32],
  );
  const inner = message6(MESSAGE.solicit, clientOption(MAC), wish("address"));
  const through = relayed("::", relayed("fd00:77::9", inner), "switch");
  const packet = decodePacket6(through);
  if (!packet.ok) return t.fail(packet.error.message);
  const decision = bench.responder.handle(packet.value, { interface: "", nowMs: bench.nowMs, isLast: false });
  if (decision.kind !== "answer") return t.fail(JSON.stringify(decision));
  const back = decodePacket6(decision.write(new Set()));
  if (!back.ok) return t.fail(back.error.message);
  t.is(back.value.message.type, MESSAGE.advertise);
  t.deepEqual(
    back.value.relays.map(({ interfaceId }) => Buffer.from(interfaceId ?? []).toString()),
    ["switch", "port 7"],
  );
});

test("reservations by hardware address and identifier, in the pool and beside it", (t) => {
  const reservations6 = [
    { mac: "02-00-00-00-00-07", address: "fd00:77::5", prefix: "fd00:8000:0:4200::/56", name: "nas" },
    { duid: "00030001020000000009", address: "fd00:77::1001" },
  ];
  const bench = new Bench({ ...HOME, reservations6 });
  t.is(bench.lease(), "fd00:77::5");
  const prefix = message6(MESSAGE.request, clientOption(MAC), SERVER_ID, wish("prefix", 2));
  t.deepEqual(bench.ask(prefix)?.associations[0]?.items, ["fd00:8000:0:4200::/56"]);
  t.true([...bench.table.leases()].every(({ name }) => name === "nas"));
  t.is(bench.lease(1, "02:00:00:00:00:09"), "fd00:77::1001");
  const renewal = message6(MESSAGE.renew, clientOption(MAC), SERVER_ID, wish("address", 1, "fd00:77::5"));
  t.deepEqual(bench.ask(renewal)?.lives, [600]);
});

test("settings that do not read are told where and why", (t) => {
  const told = (subnet: object, more: object = {}): string => {
    const compiled = compileSettings({ ...HOME, subnets6: [{ ...LINK, ...subnet }], ...more });
    return compiled.ok ? "" : compiled.error.message;
  };
  t.regex(told({ network: "fd00:77::1" }), /subnets6\[0\]: network/);
  t.regex(told({ pools: ["fd00:78::1-fd00:78::2"] }), /pools\[0\]: .*not within/);
  t.regex(told({ pools: ["fd00:77::1000-fd00:77::2:0"] }), /last 16 bits/);
  t.regex(told({ pools: ["fd00:77::1000-fd00:77::1fff", "fd00:77::1f00"] }), /overlap/);
  t.regex(told({ delegate: { from: "fd00::/32", length: 56 } }), /65,536 prefixes/);
  t.regex(told({ delegate: { from: "fd00::/56", length: 48 } }), /does not read/);
  t.regex(told({ options: { 3: "00" } }), /server's own/);
  t.regex(told({}, { reservations6: [{ mac: MAC, address: "fd00:1::1" }] }), /not of a network/);
  t.regex(told({}, { reservations6: [{ address: "fd00:77::5" }] }), /duid or a mac/);
});

test("mutated messages: no exception, no answer that does not read, no two clients with one address", (t) => {
  const bench = new Bench();
  const random = new Prng(20_261_121);
  const seeds = [
    message6(MESSAGE.solicit, clientOption(MAC), wish("address"), wish("prefix", 2), requestOption(23, 24)),
    message6(MESSAGE.request, clientOption(MAC), SERVER_ID, wish("address", 1, "fd00:77::1001")),
    message6(
      MESSAGE.rebind,
      clientOption(MAC),
      wish("address", 1, "fd00:77::1001"),
      wish("prefix", 2, "fd00:8000::/56"),
    ),
    message6(MESSAGE.release, clientOption(MAC), SERVER_ID, wish("address", 1, "fd00:77::1001")),
    relayed("fd00:77::9", message6(MESSAGE.solicit, clientOption(MAC), wish("address"))),
  ];
  const rounds = Number(process.env["FUZZ_ROUNDS"] ?? 20_000);
  for (let i = 0; i < rounds; i++) {
    const seed = seeds[i % seeds.length] ?? new Uint8Array(0);
    // The head of these is short.
    const bytes = mutate(Buffer.concat([new Uint8Array(236), seed]), random).subarray(236);
    bench.ask(bytes);
    bench.nowMs += 50;
  }
  const held = [...bench.table.leases()].filter(({ state, endMs }) => state === "bound" && endMs > bench.nowMs);
  t.is(new Set(held.map(({ ip }) => ip)).size, held.length);
});

lab("dhclient, dhcpcd and systemd-networkd; what they have survives the server", async (t) => {
  const wire = await Lab.open(t, "v");
  await host6(wire, "s", "192.168.77.1/24", "fd00:77::1/64");
  for (const name of ["c", "d", "n"]) await host6(wire, name);
  const server = await wire.serve("s", HOME);
  const first = await dhclient6(wire, "c", "-P");
  t.regex(first.address ?? "", /^fd00:77::10[0-9a-f]{2}$/);
  t.regex(first.prefix ?? "", /^fd00:80.*::\/56$/);
  t.regex(first.text, /name-servers fd00:77::1;[^]*domain-search "lan.", "home.example.";/);
  t.regex(await dhcpcd6(wire, "d"), /reason=BOUND6[^]*new_dhcp6_ia_na1_ia_addr1=fd00:77::10/);

  const network = join(wire.dir, "eth0.network");
  // Without a router there is nobody who says that DHCPv6 is served here.
  writeFileSync(network, "[Match]\nName=eth0\n[Network]\nDHCP=ipv6\nIPv6AcceptRA=no\n[DHCPv6]\nWithoutRA=solicit\n");
  const setUp =
    'mount -t tmpfs none /run && mount -o remount,ro /sys && mkdir -p /run/systemd/network /run/systemd/netif/links /run/systemd/netif/leases && chmod -R 777 /run/systemd && cp "$0" /run/systemd/network/ && exec /lib/systemd/systemd-networkd';
  const networkd = wire.start("n", ["unshare", "-m", "--propagation", "private", "sh", "-c", setUp, network]);
  await until("networkd has an address", async () => {
    if (networkd.exitCode !== null) throw new Error(networkd.said());
    return /inet6 fd00:77::10/.test(await wire.in("n", ["ip", "-6", "addr", "show", "dev", "eth0"]));
  });
  server.kill("SIGKILL");
  await until("the server is gone", () => server.signalCode !== null || server.exitCode !== null);
  await wire.serve("s", HOME);
  const again = await dhclient6(wire, "c", "-P");
  t.like(again, { address: first.address, prefix: first.prefix, serverId: first.serverId });
});

test("a Reconfigure is signed with the key its client was told, goes the way the client came, and is not repeated to whoever came", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "lares-dhcp6-"));
  const env = createEnv({ logToStderr: false });
  t.teardown(async () => {
    env.close();
    await rm(folder, { recursive: true });
  });
  const open = (dnsServers: readonly string[]) => {
    const compiled = compileSettings({ ...HOME, subnets6: [{ ...LINK, dnsServers }] });
    if (!compiled.ok || compiled.value.six === undefined) throw new Error(JSON.stringify(compiled));
    const clock = new LeaseClock(env.clock, 0);
    return Reconfigurer.open({ env, settings: compiled.value.six, clock, duid: OWN, dir: folder });
  };
  const accept = { code: OPTION.reconfigureAccept, data: new Uint8Array(0) };
  const request = message6(MESSAGE.request, clientOption(MAC), SERVER_ID, accept, wish("address"));
  const packet = decodePacket6(relayed("fd00:77::9", request));
  if (!packet.ok) return t.fail(packet.error.message);
  const from = { host: "fe80::9%eth0", port: 1547, interface: "eth0" };
  const first = await open(["fd00:77::1"]);
  first.start(() => t.fail("nothing has changed"));
  t.deepEqual(
    first.optionsFor(clientOption(MAC).data, MESSAGE.advertise).map(({ code }) => code),
    [OPTION.reconfigureAccept],
  );
  const keyed = first.optionsFor(clientOption(MAC).data, MESSAGE.reply)[1]?.data ?? new Uint8Array(0);
  t.deepEqual([keyed.length, ...keyed.subarray(0, 3), keyed[11]], [28, 3, 1, 0, 1]);
  first.note(packet.value, from);
  await first.stop();

  const second = await open(["fd00:77::53"]);
  const sent: { readonly data: Uint8Array; readonly host: string; readonly port: number }[] = [];
  second.start((data, { host, port }) => sent.push({ data, host, port }));
  t.teardown(() => second.stop());
  t.like(sent, [{ host: "fe80::9%eth0", port: 547 }]);
  const back = decodePacket6(sent[0]?.data ?? new Uint8Array(0));
  if (!back.ok) return t.fail(back.error.message);
  t.is(Buffer.from(back.value.relays[0]?.interfaceId ?? []).toString(), "port 7");
  const { message } = back.value;
  t.deepEqual([message.type, message.xid], [MESSAGE.reconfigure, 0]);
  t.deepEqual([...(findOption(message.options, OPTION.reconfigureMessage) ?? [])], [MESSAGE.renew]);
  const proof = Buffer.from(findOption(message.options, OPTION.authentication) ?? []);
  const blank = encodeMessage6({
    ...message,
    options: message.options.map(({ code, data }) =>
      code === OPTION.authentication
        ? { code, data: Buffer.concat([data.subarray(0, 12), Buffer.alloc(16)]) }
        : { code, data },
    ),
  });
  t.deepEqual([...proof.subarray(0, 3), proof[11]], [3, 1, 0, 2]);
  t.is(proof.subarray(12).toString("hex"), createHmac("md5", keyed.subarray(12)).update(blank).digest("hex"));
  t.true(proof.readBigUInt64BE(3) > Buffer.from(keyed).readBigUInt64BE(3), "no earlier word can be played again");
  await until("it is said again", () => sent.length === 2);
  // As Dibbler does: that it takes a word was said with the request, and is not said again.
  const renewal = decodePacket6(relayed("fd00:77::9", message6(MESSAGE.renew, clientOption(MAC), SERVER_ID)));
  if (!renewal.ok) return t.fail(renewal.error.message);
  second.note(renewal.value, from);
  await second.stop();
  const third = await open(["fd00:77::53"]);
  third.start(() => t.fail("it knows"));
  await third.stop();
  const fourth = await open(["fd00:77::54"]);
  sent.length = 0;
  fourth.start((data, { host, port }) => sent.push({ data, host, port }));
  t.is(sent.length, 1);
  const release = decodePacket6(message6(MESSAGE.release, clientOption(MAC), SERVER_ID));
  if (!release.ok) return t.fail(release.error.message);
  fourth.note(release.value, from);
  await fourth.stop();
  const fifth = await open(["fd00:77::55"]);
  fifth.start(() => t.fail("it is gone"));
  await fifth.stop();
});

lab("two instances share; one dies, the other knows its leases and gives nothing twice", async (t) => {
  const wire = await Lab.open(t, "w");
  const cluster = await openKv(wire.dir);
  t.teardown(() => cluster.close());
  await host6(wire, "s1", "192.168.77.1/24", "fd00:77::1/64");
  await host6(wire, "s2", "192.168.77.2/24", "fd00:77::2/64");
  for (const name of ["c", "d"]) await host6(wire, name);
  const shared = { LARES_DHCP_CLUSTER: `unix://${cluster.socketPath}` };
  const [one, two] = [await wire.serve("s1", HOME, shared), await wire.serve("s2", HOME, shared)];
  const both = (): boolean =>
    [one, two].every((each) => each.said().split("leases are shared").length === 3) &&
    cluster.value("lares/dhcp6/slices/fd00:77::_64") !== undefined;
  await until("both share both families", both);
  const first = await dhclient6(wire, "c");
  t.regex(cluster.value(`lares/dhcp6/leases/${first.address}`) ?? "", /"client":"duid:00030001/);
  const ids = ["s1", "s2"].map((name) => wire.read(`${name}/v6/duid`).trim());
  const dhclients = first.serverId
    ?.split(":")
    .map((part) => part.padStart(2, "0"))
    .join("");
  const dead = ids[0] === dhclients ? one : two;
  dead.kill("SIGKILL");
  await until("it is dead", () => dead.signalCode !== null || dead.exitCode !== null);
  const again = await dhclient6(wire, "c");
  t.is(again.address, first.address);
  t.not(again.serverId, first.serverId);
  const other = await dhclient6(wire, "d");
  t.truthy(other.address);
  t.not(other.address, first.address);
});
