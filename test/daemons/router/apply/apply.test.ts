import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import test from "ava";
import fc from "fast-check";
import { sourceRoot } from "#base/platform/embedded/files.ts";
import { nextPrefixes } from "#daemons/router/apply/former-prefixes.ts";
import { missingFeature } from "#daemons/router/apply/kernel-features.ts";
import { NO_LEASE, readLease } from "#daemons/router/apply/leases.ts";
import { publicKeyOf } from "#daemons/router/apply/tunnel-keys.ts";
import { Lab, until } from "../lab.ts";

/** A household: a server outside, the router, a client and a server inside, and a guest. */
function household(lab: Lab): void {
  lab.connect(["outside", "o0"], ["router", "eth0"]);
  lab.connect(["client", "c0"], ["router", "eth1"]);
  lab.connect(["server", "s0"], ["router", "eth2"]);
  lab.connect(["guest", "g0"], ["router", "eth3"]);
  lab.ip("outside", "address add 203.0.113.1/24 dev o0");
  for (const [space, device, net] of [
    ["client", "c0", "1.10"],
    ["server", "s0", "1.20"],
    ["guest", "g0", "20.10"],
  ] as const) {
    lab.ip(space, `address add 192.168.${net}/24 dev ${device}`);
    lab.ip(space, `route add default via 192.168.${net.split(".")[0]}.1`);
  }
}

const HOME = `
wan "fiber" {
  interface = "eth0"
  type      = "static"
  address   = "203.0.113.9/24"
  gateway   = "203.0.113.1"
}
lan "home" {
  interface = ["eth1", "eth2"]
  address   = "192.168.1.1/24"
}
lan "guests" {
  interface = "eth3"
  address   = "192.168.20.1/24"
  zone      = "guest"
}
forward "web" {
  port    = 8080
  to      = "192.168.1.20"
  to_port = 80
}
`;

test("a household behind one address: NAT, a forward, hairpin, guests apart, strangers out", async (t) => {
  const lab = new Lab(t);
  household(lab);
  await Promise.all([lab.serve("outside", 80), lab.serve("server", 80), lab.serve("router", 9090)]);
  // Somebody else's table stays as it is.
  const others = 'add table inet others; add chain inet others c; add rule inet others c counter accept comment "mine"';
  t.is((await lab.run("router", "nft", others)).code, 0);
  t.is(await lab.get("client", "http://203.0.113.1/"), undefined, "no way out yet");

  const file = lab.write("router.hcl", HOME);
  const planned = await lab.router("plan", file);
  t.is(planned.code, 2, planned.stderr);
  t.regex(planned.stdout, /^\+ the firewall$/m);
  t.is(await lab.get("client", "http://203.0.113.1/"), undefined, "a plan does nothing");
  const applied = await lab.router("apply", "-auto-confirm", file);
  t.is(applied.code, 0, applied.stdout + applied.stderr);

  t.is(await lab.reach("client", "http://203.0.113.1/"), "outside 203.0.113.9", "seen outside as the router");
  t.is(await lab.reach("outside", "http://203.0.113.9:8080/"), "server 203.0.113.1", "the forward keeps who asks");
  t.is(await lab.reach("client", "http://203.0.113.9:8080/"), "server 192.168.1.1", "hairpin within one network");
  t.is(await lab.reach("guest", "http://203.0.113.9:8080/"), "server 192.168.20.10", "hairpin from another network");
  t.is(await lab.reach("guest", "http://203.0.113.1/"), "outside 203.0.113.9");
  t.is(await lab.get("guest", "http://192.168.1.20/"), undefined, "guests are apart");
  t.is(await lab.get("guest", "http://192.168.20.1:9090/"), undefined, "and reach little of the router");
  t.is(await lab.reach("client", "http://192.168.1.1:9090/"), "router 192.168.1.10");

  const scan = await lab.run(
    "outside",
    "nmap",
    "-Pn",
    "-n",
    "-sS",
    "-p",
    "1-1024,8080,9090",
    "--max-retries",
    "1",
    "-T5",
    "-oG",
    "-",
    "203.0.113.9",
  );
  t.regex(scan.stdout, /Ports: 8080\/open\/tcp/, scan.stdout + scan.stderr);
  t.notRegex(scan.stdout, /9090\/(open|closed)/);
  t.regex(scan.stdout, /Ignored State: filtered \(1025\)/);
  lab.ip("outside", "route add 192.168.1.0/24 via 203.0.113.9");
  t.is(await lab.get("outside", "http://192.168.1.20/"), undefined, "no way in beside the forward");

  const again = await lab.router("plan", file);
  t.is(again.code, 0, `a second plan changes nothing: ${again.stdout}`);
  t.regex((await lab.run("router", "nft", "list", "table", "inet", "others")).stdout, /mine/);
});

test("from outside, by IPv4 and IPv6: open is what is meant to be, and nobody is somebody else", async (t) => {
  const lab = new Lab(t);
  household(lab);
  lab.ip("outside", "address add 2001:db8:f::1/64 dev o0 nodad");
  lab.ip("server", "address add fd00:1::20/64 dev s0 nodad");
  lab.ip("server", "route add default via fd00:1::1");
  const text = HOME.replace('"203.0.113.9/24"', '["203.0.113.9/24", "2001:db8:f::9/64"]')
    .replace('"203.0.113.1"', '["203.0.113.1", "2001:db8:f::1"]')
    .replace('"192.168.1.1/24"', '["192.168.1.1/24", "fd00:1::1/64"]');
  const more = `forward "game" {
  port     = 7777
  protocol = "udp"
  to       = "192.168.1.20"
}
forward "web6" {
  port = 80
  to   = "fd00:1::20"
}
`;
  const file = lab.write("router.hcl", text + more);
  await Promise.all([lab.serve("server", 80), lab.serve("router", 9090)]);
  t.is((await lab.router("apply", "-auto-confirm", file)).code, 0);
  /** Ports that answer at all. */
  const scan = async (...words: readonly string[]): Promise<readonly string[]> => {
    const { stdout } = await lab.run("outside", "nmap", "-Pn", "-n", "--max-retries", "1", "-T5", "-oG", "-", ...words);
    t.regex(stdout, /Ports: /);
    return stdout.match(/\d+\/(open|closed)(?=\/)/g) ?? [];
  };
  const wide = ["-sS", "-p", "22,53,80,443,5000,8080,9090"];
  t.deepEqual(await scan("-6", ...wide, "2001:db8:f::9"), []);
  t.deepEqual(await scan("-sU", "-p", "53,67,123,1900,5351,51820", "203.0.113.9"), []);
  lab.ip("outside", "route add fd00:1::/64 via 2001:db8:f::9");
  t.deepEqual(await scan("-6", ...wide, "fd00:1::20"), ["80/open"]);

  const inside = await lab.listen("server", 7777);
  const outside = await lab.listen("outside", 7777);
  lab.ip("outside", "address add 192.168.1.77/32 dev o0");
  lab.ip("client", "address add 10.9.9.9/32 dev c0");
  await lab.send("outside", "192.168.1.77", ["203.0.113.9", 7777], "spoofed");
  await lab.send("client", "10.9.9.9", ["203.0.113.1", 7777], "spoofed");
  await lab.send("outside", "203.0.113.1", ["203.0.113.9", 7777], "honest");
  await lab.send("client", "192.168.1.10", ["203.0.113.1", 7777], "honest");
  await until("what is honest arrives", async () => inside().includes("honest") && outside().includes("honest"));
  t.is(inside(), "up\nhonest 203.0.113.1\n");
  t.is(outside(), "up\nhonest 203.0.113.9\n");
});

test("what a kernel lacks is said", (t) => {
  t.regex(
    missingFeature(
      ["ip", "link", "add", "link", "eth0", "name", "eth0.7", "type", "vlan", "id", "7"],
      "Error: Unknown device type.",
    ) ?? "",
    /no VLANs \(8021q\)/,
  );
  t.regex(
    missingFeature(
      ["tc", "qdisc", "replace", "dev", "eth0", "root", "cake", "nat"],
      "Error: Specified qdisc kind is unknown.",
    ) ?? "",
    /CAKE/,
  );
  t.is(missingFeature(["ip", "link", "set", "dev", "eth9", "up"], 'Cannot find device "eth9"'), undefined);
});

test("a prefix that is gone is remembered for two hours, and hosts are told to forget it", (t) => {
  const lease = (prefix: string) => new Map([["w", { ...NO_LEASE, prefix }]]);
  const [one, two] = ["2001:db8:1::/56", "2001:db8:2::/56"];
  const hour = 3_600_000;
  const first = nextPrefixes({}, lease(one), 0);
  t.deepEqual(first, { w: { current: one, former: [] } });
  const second = nextPrefixes(first, lease(two), hour);
  t.deepEqual(second["w"]?.former, [{ prefix: one, untilMs: 3 * hour }]);
  t.deepEqual(nextPrefixes(second, lease(two), 2 * hour), second, "it stays while nothing changes");
  t.deepEqual(nextPrefixes(second, lease(two), 3 * hour)["w"]?.former, []);
  t.deepEqual(nextPrefixes(second, lease(one), 2 * hour)["w"], {
    current: one,
    former: [{ prefix: two, untilMs: 4 * hour }],
  });
  t.deepEqual(nextPrefixes(first, lease(""), 0)["w"]?.former.length, 1, "taken away is gone, too");
});

test("without confirmation everything is as it was; with it, it stays", async (t) => {
  const lab = new Lab(t);
  household(lab);
  await lab.serve("outside", 80);
  const before = await look(lab);
  const file = lab.write("router.hcl", HOME);
  const applied = await lab.router("apply", "-within", "2s", file);
  t.is(applied.code, 0, applied.stderr);
  // The command is gone, its watchdog is not.
  await until("the change is taken back", async () => !existsSync(`${lab.state}/pending.json`));
  t.deepEqual(await look(lab), before);

  t.is((await lab.router("apply", file)).code, 0);
  t.is((await lab.router("apply", file)).code, 1, "one change at a time");
  t.is((await lab.router("confirm")).code, 0);
  t.is(await lab.reach("client", "http://203.0.113.1/"), "outside 203.0.113.9");
  const stands = await look(lab);
  const other = lab.write("other.hcl", HOME.replace("192.168.20.1/24", "192.168.21.1/24").replace(/forward[^}]*}/, ""));
  t.is((await lab.router("apply", other)).code, 0);
  t.notDeepEqual(await look(lab), stands);
  t.is((await lab.router("rollback")).code, 0);
  t.deepEqual(await look(lab), stands, "back to what was confirmed, not to nothing");
  t.is((await lab.router("rollback")).code, 1, "nothing waits");
  t.is((await lab.router("status")).code, 0);
});

test("killed at any step of a change: the old firewall or the new one, and then the old one again", async (t) => {
  const lab = new Lab(t);
  household(lab);
  t.is((await lab.router("apply", "-auto-confirm", lab.write("router.hcl", HOME))).code, 0);
  const stands = await look(lab);
  const other = lab.write("other.hcl", HOME.replace("192.168.20.1/24", "192.168.21.1/24").replace(/forward[^}]*}/, ""));
  const firewall = async (): Promise<string> =>
    (await lab.run("router", "nft", "-s", "list", "table", "inet", "lares")).stdout;
  const before = await firewall();
  t.is((await lab.router("apply", other)).code, 0);
  const after = await firewall();
  t.not(after, before);
  t.is((await lab.router("rollback")).code, 0);
  const shims = killingShims(lab, ["ip", "nft", "tee"]);
  const apply = (step: number, within = "1s") => {
    const environment = [`PATH=${shims.folder}:${process.env["PATH"] ?? ""}`, `KILL_AT=${step}`];
    const words = ["router", "apply", "-state", lab.state, "-within", within, other];
    return lab.run("router", "env", ...environment, process.execPath, `${sourceRoot()}/cli/main.ts`, ...words);
  };
  const isWhole = (seen: string): boolean => seen === before || seen === after;
  const isOver = (): Promise<unknown> =>
    until("it is taken back", async () => !existsSync(`${lab.state}/pending.json`));
  t.is((await apply(0, "10m")).code, 0);
  const steps = shims.count();
  t.true(steps >= 3, `${steps} steps`);
  t.is((await lab.router("rollback")).code, 0);
  for (let step = 1; step <= steps; step++) {
    shims.reset();
    t.not((await apply(step)).code, 0, `killed at step ${step} of ${steps}`);
    t.true(isWhole(await firewall()), `after ${step} steps`);
    await isOver();
    t.deepEqual(await look(lab), stands, `taken back after ${step} steps`);
  }
});

/** Programs that change the machine, counted; whoever calls the one numbered `KILL_AT` is killed before it runs. */
function killingShims(lab: Lab, programs: readonly string[]) {
  const folder = `${lab.dir}/shims`;
  const counter = lab.write("calls", "");
  mkdirSync(folder);
  for (const program of programs) {
    const real = execFileSync("sh", ["-c", `command -v ${program}`], { encoding: "utf8" }).trim();
    const looks = '*" -c "* | *" show "* | *" list "* | *" monitor "* | *" -j "*';
    const script = `#!/bin/sh
case " $* " in ${looks}) exec ${real} "$@" ;; esac
echo >>${counter}
if [ "$(wc -l <${counter})" = "$KILL_AT" ]; then kill -9 $PPID; exit 1; fi
exec ${real} "$@"
`;
    writeFileSync(`${folder}/${program}`, script, { mode: 0o755 });
  }
  return {
    folder,
    count: () => readFileSync(counter, "utf8").length,
    reset: () => writeFileSync(counter, ""),
  };
}

test("a step that fails takes everything back at once", async (t) => {
  const lab = new Lab(t);
  household(lab);
  const before = await look(lab);
  const failed = await lab.router("apply", lab.write("router.hcl", HOME.replace('"eth3"', '"eth9"')));
  t.is(failed.code, 1);
  t.regex(failed.stderr, /interface eth9.*failed.*everything is as it was/s);
  t.deepEqual(await look(lab), before);
  t.false(existsSync(`${lab.state}/active.hcl`));
});

test("what somebody else changed in the firewall is seen and put right", async (t) => {
  const lab = new Lab(t);
  household(lab);
  const file = lab.write("router.hcl", HOME);
  t.is((await lab.router("apply", "-auto-confirm", file)).code, 0);
  await lab.run("router", "nft", "flush", "chain", "inet", "lares", "forward_wan");
  const status = await lab.router("status");
  t.is(status.code, 1);
  t.regex(status.stdout, /differs from the plan: ~ the firewall \(somebody changed it\)/);
  t.is((await lab.router("apply", "-auto-confirm", file)).code, 0);
  t.is((await lab.router("status")).code, 0);
});

/** All that a configuration changes: rules, addresses, routes, policy, forwarding. */
async function look(lab: Lab): Promise<readonly string[]> {
  const asked = [
    ["nft", "-s", "list", "ruleset"],
    ["ip", "-o", "-4", "address", "show", "scope", "global"],
    ["ip", "-4", "route", "show", "table", "all"],
    ["ip", "rule"],
    [
      "cat",
      "/proc/sys/net/ipv4/ip_forward",
      "/proc/sys/net/ipv6/conf/all/forwarding",
      "/proc/sys/net/ipv4/conf/eth0/rp_filter",
    ],
  ];
  const seen: string[] = [];
  for (const argv of asked) seen.push((await lab.run("router", ...argv)).stdout);
  return seen;
}

test("leases come from strangers: addresses are taken, everything else is nothing", (t) => {
  const lease = (said: Readonly<Record<string, string>>) =>
    readLease(
      Object.entries(said)
        .map(([name, value]) => `${name}=${value}`)
        .join("\0"),
    );
  const good = {
    reason: "BOUND",
    new_ip_address: "203.0.113.7",
    new_subnet_cidr: "24",
    new_routers: "203.0.113.1 203.0.113.2",
  };
  t.like(lease(good), { address: "203.0.113.7/24", gateway: "203.0.113.1", prefix: "" });
  t.deepEqual(
    lease({ ...good, new_classless_static_routes: "0.0.0.0/0 203.0.113.5 10.0.0.0/8 203.0.113.6 bad 1" }).routes,
    [{ to: "10.0.0.0/8", via: "203.0.113.6" }],
  );
  t.is(lease({ ...good, new_classless_static_routes: "0.0.0.0/0 203.0.113.5" }).gateway, "203.0.113.5");
  t.deepEqual(lease({ ...good, reason: "EXPIRE" }), NO_LEASE);
  t.like(
    lease({ reason: "BOUND6", new_dhcp6_ia_pd1_prefix1: "2001:db8:1200::", new_dhcp6_ia_pd1_prefix1_length: "56" }),
    { prefix: "2001:db8:1200::/56" },
  );
  const renumbered = {
    reason: "REBIND6",
    new_dhcp6_ia_pd1_prefix1: "2001:db8:1200::",
    new_dhcp6_ia_pd1_prefix1_length: "56",
    new_dhcp6_ia_pd1_prefix1_pltime: "0",
    new_dhcp6_ia_pd1_prefix1_vltime: "0",
    new_dhcp6_ia_pd1_prefix2: "2001:db8:3400::",
    new_dhcp6_ia_pd1_prefix2_length: "56",
    new_dhcp6_ia_pd1_prefix2_pltime: "27000",
    new_dhcp6_ia_pd1_prefix2_vltime: "43200",
  };
  t.is(lease(renumbered).prefix, "2001:db8:3400::/56", "the one that is taken back does not count");
  for (const bad of ["$(reboot)", "1.2.3.4; flush ruleset", "", "0.0.0.0", "203.0.113.7\nx"])
    t.is(lease({ ...good, new_ip_address: bad }).address, "", bad);
  fc.assert(
    fc.property(fc.string(), fc.string(), (address, routes) => {
      const read = lease({ ...good, new_ip_address: address, new_classless_static_routes: routes });
      return /^[0-9a-f:./]*$/.test(
        [read.address, read.gateway, ...read.routes.flatMap(({ to, via }) => [to, via])].join(""),
      );
    }),
  );
});

test("public keys of tunnels are wg's", (t) => {
  const made = execFileSync("wg", ["genkey"], { encoding: "utf8" });
  t.is(publicKeyOf(made), execFileSync("wg", ["pubkey"], { input: made, encoding: "utf8" }).trim());
});
