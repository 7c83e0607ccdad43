import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import * as v from "valibot";
import { systemClock } from "#base/platform/clock.ts";
import { arpProbe, arpSender, udpFrame } from "#base/platform/udp-frame.ts";
import { blockSizeOf } from "#daemons/dhcp/leases/pool.ts";
import { formatIpv4 } from "#daemons/dhcp/packet/ipv4.ts";
import type { DhcpPacket } from "#daemons/dhcp/packet/packet.ts";
import { Flood } from "#daemons/dhcp/server/flood.ts";
import { LeaseClock, saneTimes } from "#daemons/dhcp/server/lease-clock.ts";
import { askBytes, packetOf, text, type Ask } from "../packets.ts";
import { openCuttable } from "./cuttable.ts";
import { openKv } from "./kv-socket.ts";
import { Lab, until } from "./lab.ts";

const MAIN = new URL("../../../../cli/main.ts", import.meta.url).pathname;
const isRoot = process.getuid?.() === 0;
/** Network namespaces are root's to make. */
const lab = isRoot ? test : test.skip;

/** Says something from a client's port until somebody answers, and prints the answer. */
const SAY = `
  const [packet, to] = process.argv.slice(1);
  const [host, port] = to.split(" ");
  const socket = require("node:dgram").createSocket("udp4");
  socket.on("message", (data) => {
    process.stdout.write(data.toString("hex"));
    process.exit();
  });
  socket.bind(68, () => {
    socket.setBroadcast(true);
    const say = () => socket.send(Buffer.from(packet, "hex"), Number(port), host);
    say();
    setInterval(say, 1000);
  });
`;

const ShareSchema = v.object({
  contactMs: v.optional(v.number()),
  blocks: v.optional(v.record(v.string(), v.array(v.number())), {}),
});
const SUBNET = { network: "192.168.77.0/24", interface: "eth0", pools: ["192.168.77.100-192.168.77.150"] };
const HOME = {
  domain: "lan",
  leaseTime: "10m",
  options: { router: "self", "dns-servers": "self", "ntp-servers": "192.168.77.9" },
  subnets: [SUBNET],
};

lab("clients of Debian get addresses, options and the same address again: udhcpc, dhclient, dhcpcd", async (t) => {
  const wire = await Lab.open(t, "a");
  await wire.host("s", "192.168.77.1/24");
  await wire.host("c");
  const server = await wire.serve("s", HOME);
  const told = await wire.served("c", ["-O", "ntpsrv", "-x", "hostname:My-Box"]);
  t.like(told, {
    subnet: "255.255.255.0",
    router: "192.168.77.1",
    dns: "192.168.77.1",
    domain: "lan",
    lease: "600",
    serverid: "192.168.77.1",
    ntpsrv: "192.168.77.9",
  });
  const address = told["ip"] ?? "";
  t.regex(address, /^192\.168\.77\.1[0-5]\d$/);
  t.regex(wire.read("s/leases.1.log"), /"name":"my-box"/, "the lease is on the disk");
  t.is((await wire.served("c"))["ip"], address);

  const leases = join(wire.dir, "dhclient.leases");
  await wire.in("c", [
    "dhclient",
    "-1",
    "-sf",
    "/bin/true",
    "-lf",
    leases,
    "-pf",
    join(wire.dir, "dhclient.pid"),
    "eth0",
  ]);
  t.true(wire.read("dhclient.leases").includes(`fixed-address ${address};`), "no client id, the same machine");
  t.regex(wire.read("dhclient.leases"), /option domain-name "lan"/);

  const script = join(wire.dir, "dhcpcd.sh");
  writeFileSync(script, '#!/bin/sh\necho "$reason $new_ip_address" >> "$(dirname "$0")/dhcpcd.out"\n', { mode: 0o755 });
  // What it keeps is of an eth0, and must not be taken for this machine's.
  const apart = 'mount -t tmpfs none /run && mount -t tmpfs none /var/lib/dhcpcd && exec timeout 90 dhcpcd "$@"';
  const options = ["-B", "-4", "--oneshot", "-c", script, "eth0"];
  await wire.in("c", ["unshare", "-m", "--propagation", "private", "sh", "-c", apart, "sh", ...options]);
  t.regex(wire.read("dhcpcd.out"), /BOUND 192\.168\.77\.1[0-5]\d/);

  server.kill("SIGKILL");
  await until("the server is gone", () => server.signalCode !== null || server.exitCode !== null);
  await wire.serve("s", HOME);
  t.is((await wire.served("c"))["ip"], address, "nothing was forgotten");
});

lab("systemd-networkd configures an interface", async (t) => {
  const wire = await Lab.open(t, "n");
  await wire.host("s", "192.168.77.1/24");
  await wire.host("c");
  await wire.serve("s", HOME);
  const network = join(wire.dir, "eth0.network");
  writeFileSync(network, "[Match]\nName=eth0\n[Network]\nDHCP=ipv4\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n");
  // Its own /run and configuration, so that nothing of the machine's is touched; a /sys that cannot be written tells it that
  // there is no udev to wait for.
  const setUp =
    'mount -t tmpfs none /run && mount -o remount,ro /sys && mkdir -p /run/systemd/network /run/systemd/netif/links /run/systemd/netif/leases && chmod -R 777 /run/systemd && cp "$0" /run/systemd/network/ && exec /lib/systemd/systemd-networkd';
  const networkd = wire.start("c", ["unshare", "-m", "--propagation", "private", "sh", "-c", setUp, network]);
  await until("an address from the server", async () => {
    if (networkd.exitCode !== null) throw new Error(networkd.said());
    return /inet 192\.168\.77\.1[0-5]\d/.test(await wire.in("c", ["ip", "-4", "addr", "show", "dev", "eth0"]));
  });
  t.regex(await wire.in("c", ["ip", "route"]), /default via 192\.168\.77\.1 .*proto dhcp/);
});

lab("an address somebody took by himself is found out while it is offered, and not given", async (t) => {
  const wire = await Lab.open(t, "x");
  await wire.host("s", "192.168.77.1/24");
  await wire.host("c");
  await wire.host("squatter", "192.168.77.100/24");
  const server = await wire.serve("s", { ...HOME, subnets: [{ ...SUBNET, pools: ["192.168.77.100-192.168.77.101"] }] });
  // Asks for the very address that is taken.
  await until(
    "the other address",
    async () => (await wire.udhcpc("c", ["-r", "192.168.77.100"], 10))?.["ip"] === "192.168.77.101",
  );
  t.regex(server.said(), /in use by somebody who was not given it.*192\.168\.77\.100/);
});

lab("without node:ffi clients are served by broadcast", async (t) => {
  const wire = await Lab.open(t, "f");
  await wire.host("s", "192.168.77.1/24");
  await wire.host("c");
  await wire.serve("s", HOME, { LARES_DHCP_FFI: "off" });
  t.is((await wire.served("c"))["serverid"], "192.168.77.1");
});

lab("beside another server, what to boot is said at both ports", async (t) => {
  const wire = await Lab.open(t, "p");
  await wire.host("s", "192.168.77.1/24");
  await wire.host("c", "192.168.77.20/24");
  const boot = [{ when: ["pxe"], file: "ipxe.efi", server: "192.168.77.9" }];
  const server = await wire.serve("s", { boot, subnets: [{ ...SUBNET, pools: [], proxy: true }] });
  const pxe = [
    [60, text("PXEClient:Arch:00007")],
    [93, Uint8Array.of(0, 7)],
  ] as const;
  const say = async (ask: Ask, to: string): Promise<DhcpPacket> =>
    packetOf(
      Buffer.from(
        await wire.in("c", [process.execPath, "-e", SAY, Buffer.from(askBytes(ask)).toString("hex"), to]),
        "hex",
      ),
    );
  const offer = await say({ type: 1, options: pxe }, "192.168.77.255 67");
  t.deepEqual([offer.yiaddr, offer.file, formatIpv4(offer.siaddr)], [0, "ipxe.efi", "192.168.77.9"]);
  const told = await say({ type: 3, ciaddr: "192.168.77.20", options: pxe }, "192.168.77.1 4011");
  t.deepEqual([told.options.get(53)?.[0], told.file], [5, "ipxe.efi"]);
  t.is(await wire.udhcpc("c", [], 1), undefined, "addresses are another's");
  t.notRegex(server.said(), /another DHCP server/);
});

lab("two instances share: one dies, the other knows its leases, and the cluster knows the names", async (t) => {
  const wire = await Lab.open(t, "h");
  const cluster = await openKv(wire.dir);
  t.teardown(() => cluster.close());
  await wire.host("s1", "192.168.77.1/24");
  await wire.host("s2", "192.168.77.2/24");
  await wire.host("c");
  const shared = { LARES_DHCP_CLUSTER: `unix://${cluster.socketPath}` };
  const [one, two] = [await wire.serve("s1", HOME, shared), await wire.serve("s2", HOME, shared)];
  await until("both share", () => [one, two].every((each) => each.said().includes("leases are shared")));
  let told = await wire.served("c", ["-x", "hostname:box"]);
  let address = told["ip"] ?? "";
  // Before the client heard of it, unless the store took its time.
  const stored = (): string => cluster.value(`lares/dhcp/leases/${address}`) ?? "";
  await until("it is in the store", () => stored() !== "");
  t.regex(stored(), /"name":"box"/);
  await until("the name is there for the DNS", () => cluster.value(`lares/dhcp/names/${address}`) !== undefined);
  t.deepEqual(JSON.parse(cluster.value(`lares/dhcp/names/${address}`) ?? ""), {
    name: "box",
    domain: "lan",
    address,
    mac: JSON.parse(stored()).mac,
  });

  const cli = (host: string, ...words: string[]) =>
    wire.in(host, [process.execPath, "--disable-warning=ExperimentalWarning", MAIN, "dhcp", ...words]);
  const http = ["-http-addr", `unix://${cluster.socketPath}`];
  t.regex(await cli("c", "leases", ...http), new RegExp(`${address.replaceAll(".", "\\.")} +box +[0-9a-f:]+ +bound`));
  await cli("c", "reserve", ...http, "-mac", "02:00:00:00:77:01", "-address", "192.168.77.9", "-name", "nas");
  t.regex(await cli("c", "reserve", ...http), /02:00:00:00:77:01 +.*192\.168\.77\.9/);
  // Both take it over, and nobody restarts them.
  await until("the reservation is served", async () => {
    const offers: { server: string; address: string }[] = JSON.parse(
      await cli("c", "test", "-json", "-wait", "1s", "-mac", "02:00:00:00:77:01", "eth0").catch(() => "[]"),
    );
    return offers.length === 2 && offers.every((offer) => offer.address === "192.168.77.9");
  });

  // Taken back, the address is nobody's until its machine asks again.
  const names = (): string | undefined => cluster.value(`lares/dhcp/names/${address}`);
  const isBack = async (): Promise<void> => {
    told = await wire.served("c", ["-x", "hostname:box", "-r", address]);
    // Of two that hear it the one may give only another.
    address = told["ip"] ?? "";
    await until("its name is there again", () => names() !== undefined);
    // Whichever of them dies next: the other has it on its disk.
    const newest = (host: string) =>
      wire
        .read(`${host}/leases.1.log`)
        .split("\n")
        .findLast((line) => line.includes(`"${address}"`));
    await until("both instances have it", () =>
      ["s1", "s2"].every((host) => newest(host)?.includes('"released"') === false),
    );
  };
  t.regex(await cli("c", "release", ...http, address), /is no longer box's/);
  t.like(JSON.parse(stored()), { state: "released", name: "box" });
  t.is(names(), undefined);
  const bothKnow = (times: number) =>
    until("both instances know, and have it on their disks", () =>
      ["s1", "s2"].every((host) => wire.read(`${host}/leases.1.log`).split('"released"').length > times),
    );
  await bothKnow(1);
  t.regex(String(await t.throwsAsync(cli("c", "release", ...http, address))), /nobody has 192\.168\.77/);
  await isBack();
  const { mac } = JSON.parse(stored());
  t.regex(await cli("c", "release", ...http, "-json", mac), new RegExp(`"address": ?"${address}"`));
  t.is(names(), undefined);
  await bothKnow(2);
  await isBack();

  const [dead, alive] = told["serverid"] === "192.168.77.1" ? [one, "192.168.77.2"] : [two, "192.168.77.1"];
  dead.kill("SIGKILL");
  await until("it is dead", () => dead.signalCode !== null || dead.exitCode !== null);
  const again = await wire.served("c", ["-r", address]);
  t.like(again, { ip: address, serverid: alive });
  await wire.host("d");
  const other = await wire.served("d");
  t.is(other["serverid"], alive);
  t.not(other["ip"], address);

  await cluster.close();
  await wire.host("e");
  await until("served without the store, too", async () => (await wire.udhcpc("e"))?.["serverid"] === alive);
  t.like(await wire.served("c", ["-r", address]), { ip: address });
});

lab("apart from each other and from the store, each gives its own; together again nothing is lost", async (t) => {
  const wire = await Lab.open(t, "b");
  const cluster = await openKv(wire.dir);
  const ways = await Promise.all(
    ["s1", "s2"].map((name) => openCuttable(join(wire.dir, `${name}.sock`), cluster.socketPath)),
  );
  t.teardown(async () => {
    for (const way of ways) await way.close();
    await cluster.close();
  });
  for (const [at, name] of ["s1", "s2"].entries()) await wire.host(name, `192.168.77.${at + 1}/24`);
  for (const name of ["c1", "c2"]) await wire.host(name);
  const start = (name: string) => {
    const kv = join(wire.dir, `${name}.sock`);
    return wire.serve(name, HOME, { LARES_DHCP_CLUSTER: `unix://${kv}` });
  };
  const one = await start("s1");
  await start("s2");
  const remembered = (name: string) => {
    const text = existsSync(join(wire.dir, name, "share.json")) ? wire.read(`${name}/share.json`) : "{}";
    return v.parse(ShareSchema, JSON.parse(text));
  };
  const blocks = (name: string): readonly number[] => remembered(name).blocks[SUBNET.network] ?? [];
  await until("each owns a part, and remembers that there is a store", () =>
    ["s1", "s2"].every((name) => blocks(name).length > 0 && remembered(name).contactMs !== undefined),
  );

  const held = new Map<number, string>();
  /** A client's address from whoever answers on its side; nobody has another's, and nobody's changes. */
  const ask = async (host: string, id: number): Promise<string> => {
    let address: string | undefined;
    const client = ["-C", "-x", `0x3d:ff${id.toString(16).padStart(8, "0")}`];
    await until(
      `client ${id} is served`,
      async () => (address = (await wire.udhcpc(host, client))?.["ip"]) !== undefined,
    );
    for (const [other, taken] of held) if (other !== id) t.not(address, taken, `${id} has what ${other} has`);
    t.is(held.get(id) ?? address, address, `${id} keeps its address`);
    held.set(id, address ?? "");
    return address ?? "";
  };
  for (const id of [1, 2]) await ask("c1", id);
  // An instance hears of what the others give within a second or two.
  const isKnown = (): boolean => {
    const logs = ["s1", "s2"].map((name) => wire.read(`${name}/leases.1.log`));
    return [...held.values()].every((address) => logs.every((log) => log.includes(`"${address}"`)));
  };
  await until("both know both", isKnown);

  for (const way of ways) way.cut();
  await wire.part("s2", "c2");
  const own = { c1: blocks("s1"), c2: blocks("s2") };
  t.deepEqual(
    own.c1.filter((block) => own.c2.includes(block)),
    [],
    "no block is both's",
  );
  const isOwn = (address: string, part: readonly number[]): boolean =>
    part.includes(Math.floor(Number(address.split(".")[3]) / blockSizeOf({ base: 0, prefix: 24 })));
  for (const id of [11, 12, 13]) t.true(isOwn(await ask("c1", id), own.c1));
  for (const id of [21, 22, 23]) t.true(isOwn(await ask("c2", id), own.c2));
  // Known to both, and so served by both.
  await ask("c1", 1);
  await ask("c2", 2);
  // Who dies alone remembers what it promised alone.
  one.kill("SIGKILL");
  await until("it is dead", () => one.signalCode !== null || one.exitCode !== null);
  await start("s1");
  await ask("c1", 11);
  t.true(isOwn(await ask("c1", 14), own.c1));

  await wire.mend();
  for (const way of ways) way.mend();
  await until("the store has what was promised without it", () =>
    [...held.values()].every((address) => cluster.value(`lares/dhcp/leases/${address}`) !== undefined),
  );
  await until("both know all of it", isKnown);
  // Each on the other side's wire, whoever gave it.
  for (const id of [11, 12, 13, 14, 1]) await ask("c2", id);
  for (const id of [21, 22, 23, 2]) await ask("c1", id);
  for (const id of [31, 32, 33]) await ask("c1", id);
  t.is(new Set(held.values()).size, held.size);
});

lab("another server on the wire is seen and reported", async (t) => {
  const wire = await Lab.open(t, "r");
  await wire.host("s", "192.168.77.1/24");
  await wire.host("rogue", "192.168.77.66/24");
  await wire.host("c");
  const settings = { ...HOME, subnets: [{ ...SUBNET, pools: [] }] };
  const server = await wire.serve("s", settings, { LARES_DHCP_METRICS: "127.0.0.1:9167" });
  const config = join(wire.dir, "udhcpd.conf");
  writeFileSync(join(wire.dir, "udhcpd.leases"), "");
  writeFileSync(
    config,
    `start 192.168.77.200\nend 192.168.77.210\ninterface eth0\nlease_file ${wire.dir}/udhcpd.leases\npidfile ${wire.dir}/udhcpd.pid\noption subnet 255.255.255.0\n`,
  );
  wire.start("rogue", ["busybox", "udhcpd", "-f", config]);
  await until("the rogue serves", async () => (await wire.udhcpc("c"))?.["serverid"] === "192.168.77.66");
  await until("it is reported", () => /another DHCP server is on this network.*192\.168\.77\.66/.test(server.said()));
  const figures = await wire.in("s", ["curl", "-sf", "http://127.0.0.1:9167/metrics"]);
  t.true(figures.includes('lares_dhcp_other_server{server="192.168.77.66",interface="eth0"} 1\n'), figures);
  t.regex(figures, /lares_dhcp_received_total\{family="ipv4"\} [1-9]/);
  for (const line of figures.trim().split("\n")) t.regex(line, /^(# (HELP|TYPE) |lares_dhcp_\w+\{.*\} [\d.]+$)/);
});

test("a frame is what tcpdump calls correct: lengths, checksums, addresses", (t) => {
  const from = { mac: "02:00:00:00:00:01", ip: "192.168.1.1", port: 67 };
  const to = { mac: "02:00:00:00:00:02", ip: "192.168.1.9", port: 68 };
  const frame = udpFrame(from, to, Uint8Array.of(1, 2, 3));
  t.is(Buffer.from(frame.subarray(0, 14)).toString("hex"), "0200000000020200000000010800");
  const sum = (bytes: Uint8Array, start: number): number => {
    let all = start;
    for (let i = 0; i < bytes.length; i += 2) all += ((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0);
    while (all > 0xff_ff) all = (all & 0xff_ff) + (all >>> 16);
    return all;
  };
  t.is(sum(frame.subarray(14, 34), 0), 0xff_ff, "the header adds up");
  t.is(sum(frame.subarray(34), sum(frame.subarray(26, 34), 17 + 11)), 0xff_ff, "and so does the datagram");
  t.deepEqual(arpSender(arpProbe("02:00:00:00:00:03", "192.168.1.7")), { mac: "02:00:00:00:00:03", ip: "0.0.0.0" });
  t.is(arpSender(frame), undefined);
});

test("the lease clock: 1970 at boot, set right later, set back, and what was stored", (t) => {
  let [wall, monotonic] = [1000, 0];
  const clock = { ...systemClock, nowMs: () => wall, monotonicMs: () => monotonic };
  const lease = new LeaseClock(clock, 1_790_000_000_000);
  t.is(lease.nowMs(), 1_790_000_000_000, "time cannot be before what was stored");
  monotonic += 5000;
  t.is(lease.nowMs(), 1_790_000_005_000);
  t.is(lease.adjust(), 0);
  wall = 1_790_003_600_000;
  t.is(lease.adjust(), 3_595_000, "the clock was set");
  t.is(lease.nowMs(), wall);
  wall -= 86_400_000;
  t.is(lease.adjust(), 0, "set back: ignored");
  t.is(lease.nowMs(), 1_790_003_600_000);
  lease.learn(1_790_010_000_000);
  t.is(lease.adjust(), 6_400_000, "another instance knows better");
  t.deepEqual(saneTimes({ startMs: 5000, endMs: 65_000 }, 1_790_000_000_000), {
    startMs: 1_790_000_000_000,
    endMs: 1_790_000_060_000,
  });
  t.deepEqual(saneTimes({ startMs: 5000, endMs: 65_000 }, 6000), { startMs: 5000, endMs: 65_000 });
});

test("a client that floods is heard twenty times a second, others are not held up", (t) => {
  let monotonic = 0;
  const flood = new Flood({ ...systemClock, monotonicMs: () => monotonic });
  const heard = Array.from({ length: 30 }, () => flood.admits("a")).filter(Boolean).length;
  t.is(heard, 20);
  t.true(flood.admits("b"));
  monotonic = 1000;
  t.true(flood.admits("a"));
});
