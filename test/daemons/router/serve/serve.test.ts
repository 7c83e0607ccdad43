import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import test from "ava";
import { sourceRoot } from "#base/platform/embedded/files.ts";
import { createEnv } from "#base/platform/create-env.ts";
import * as v from "valibot";
import { emptyRouterConfig, type Dyndns } from "#daemons/router/config/model.ts";
import { readRouterConfig } from "#daemons/router/config/read-config.ts";
import { planRouter } from "#daemons/router/plan/plan.ts";
import { tellProvider } from "#daemons/router/serve/dyndns.ts";
import { dropRights } from "#drivers/lares/role-rights.ts";
import { Lab, until } from "../lab.ts";

const MAIN = `${sourceRoot()}/cli/main.ts`;

/** A provider: DHCP on a line, and the world behind it (192.0.2.1 on each). */
function provider(
  lab: Lab,
  space: string,
  { device, uplink, net }: { readonly device: string; readonly uplink: string; readonly net: string },
): void {
  lab.connect([space, uplink], ["router", device]);
  lab.ip(space, `address add ${net}.1/24 dev ${uplink}`);
  lab.ip(space, "address add 192.0.2.1/32 dev lo");
  lab.start(
    space,
    "dnsmasq",
    "--keep-in-foreground",
    "--conf-file=/dev/null",
    "--port=0",
    `--interface=${uplink}`,
    "--bind-interfaces",
    `--dhcp-range=${net}.50,${net}.60,2m`,
    `--dhcp-option=3,${net}.1`,
    `--dhcp-leasefile=${lab.dir}/${space}.leases`,
    `--pid-file=${lab.dir}/${space}.pid`,
    "--user=root",
  );
}

/** With the rights a task of this role has, and no others. */
function startRouter(lab: Lab): ChildProcess {
  const rights = dropRights("router", { uid: 0, own: false, groups: [] });
  return lab.start(
    "router",
    "env",
    `LARES_ROUTER_STATE=${lab.state}`,
    ...rights,
    process.execPath,
    MAIN,
    "role",
    "router",
  );
}

test("wake-on-LAN: the host's magic packet is on its wire", async (t) => {
  const lab = new Lab(t);
  lab.connect(["client", "c0"], ["router", "eth1"]);
  lab.ip("router", "address add 192.168.1.1/24 dev eth1");
  lab.ip("client", "address add 192.168.1.10/24 dev c0");
  const listen = `require("node:dgram").createSocket("udp4").on("message", (m) => console.log(m.toString("hex"))).bind(9, () => console.log("up"))`;
  const client = lab.start("client", process.execPath, "-e", listen);
  let heard = "";
  client.stdout?.on("data", (data: Buffer) => (heard += data.toString()));
  await until("it listens", async () => heard.includes("up"));
  const sent = await lab.router("wake", "-to", "192.168.1.255", "52:54:00:12:34:56");
  t.is(sent.code, 0, sent.stderr);
  await until("it is heard", async () => heard.includes(`${"ff".repeat(6)}${"525400123456".repeat(16)}\n`));
  t.regex((await lab.router("wake", "nobody")).stderr, /there is no host "nobody"/);
});

test("lines by DHCP, a dead one is left for the other and taken up again", async (t) => {
  const lab = new Lab(t);
  const [one, two] = [lab.device("a"), lab.device("b")];
  provider(lab, "fiber", { device: one, uplink: "f0", net: "203.0.113" });
  provider(lab, "lte", { device: two, uplink: "l0", net: "198.51.100" });
  lab.connect(["client", "c0"], ["router", "eth1"]);
  lab.ip("client", "address add 192.168.1.10/24 dev c0");
  lab.ip("client", "route add default via 192.168.1.1");
  await Promise.all([lab.serve("fiber", 80), lab.serve("lte", 80)]);
  const wan = (name: string, device: string) => `
wan "${name}" {
  interface = "${device}"
  ipv6      = false
  health {
    targets    = ["192.0.2.1"]
    interval   = "1s"
    timeout    = "1s"
    down_after = 2
    up_after   = 2
  }
}`;
  const file = lab.write(
    "router.hcl",
    `${wan("fiber", one)}\n${wan("lte", two)}\nlan "home" {\n  interface = "eth1"\n  address = "192.168.1.1/24"\n}\n`,
  );
  t.is((await lab.router("apply", "-auto-confirm", file)).code, 0);
  startRouter(lab);
  const world = (): Promise<string | undefined> => lab.get("client", "http://192.0.2.1/");
  const by = (line: string) =>
    until(`the way out is ${line}`, async () => ((await world())?.startsWith(line) === true ? true : undefined));
  await by("fiber 203.0.113.");
  const leased: unknown = JSON.parse((await lab.router("status", "-json")).stdout);
  const lines = v.parse(
    v.object({ lines: v.array(v.object({ state: v.string(), addresses: v.array(v.string()) })) }),
    leased,
  ).lines;
  t.regex(lines[0]?.addresses[0] ?? "", /^203\.0\.113\.5\d\/24$|^203\.0\.113\.60\/24$/);
  // The cable is in, the lease holds, but nothing answers.
  lab.ip("fiber", "address del 192.0.2.1/32 dev lo");
  lab.ip("fiber", "address del 203.0.113.1/24 dev f0");
  await by("lte 198.51.100.");
  lab.ip("fiber", "address add 203.0.113.1/24 dev f0");
  lab.ip("fiber", "address add 192.0.2.1/32 dev lo");
  await by("fiber 203.0.113.");
  // The cable is pulled: no check has to fail first, and who goes on sending is not stuck with the old line's address.
  let answers = 0;
  lab.start("client", "ping", "-n", "-i", "0.2", "192.0.2.1").stdout?.on("data", () => answers++);
  await until("a program is answered", async () => answers > 2);
  lab.ip("fiber", "link set f0 down");
  await by("lte 198.51.100.");
  const before = answers;
  await until("it is answered again", async () => answers > before + 3);
  t.regex((await lab.router("status")).stdout, /fiber .*no cable/);
  lab.ip("fiber", "link set f0 up");
  await by("fiber 203.0.113.");
});

test("a change whose watchdogs died is taken back by the router: when it is overdue, and after a restart", async (t) => {
  const lab = new Lab(t);
  lab.connect(["client", "c0"], ["router", "eth1"]);
  const lan = (net: string): string => `lan "home" {\n  interface = "eth1"\n  address = "192.168.${net}.1/24"\n}\n`;
  t.is((await lab.router("apply", "-auto-confirm", lab.write("one.hcl", lan("1")))).code, 0);
  const addresses = (): string => lab.ip("router", "-4 -o address show dev eth1");
  const pending = `${lab.state}/pending.json`;
  const tryOther = async (): Promise<void> => {
    t.is((await lab.router("apply", lab.write("two.hcl", lan("2")))).code, 0);
    t.regex(addresses(), /192\.168\.2\.1/);
    lab.kill("router", "watchdog");
  };
  const isTakenBack = () => until("it is taken back", async () => !existsSync(pending));
  await tryOther();
  const change = (more: object): void =>
    writeFileSync(pending, JSON.stringify({ ...JSON.parse(readFileSync(pending, "utf8")), ...more }));
  change({ bootId: "of a start before the power cut" });
  const role = startRouter(lab);
  await isTakenBack();
  t.regex(addresses(), /192\.168\.1\.1/);
  await tryOther();
  change({ deadlineMs: 1 });
  await isTakenBack();
  t.regex(addresses(), /192\.168\.1\.1/);
  t.notRegex(addresses(), /192\.168\.2\.1/);
  role.kill("SIGTERM");
});

test("the time: a host asks the router's chrony as it is configured", async (t) => {
  const lab = new Lab(t);
  lab.connect(["client", "c0"], ["router", "eth1"]);
  lab.ip("router", "address add 192.168.1.1/24 dev eth1");
  lab.ip("client", "address add 192.168.1.10/24 dev c0");
  const read = readRouterConfig({
    name: "r",
    text: 'lan "home" {\n  interface = "eth1"\n  address = "192.168.1.1/24"\n}\nntp {\n  servers = ["192.0.2.1"]\n}\n',
  });
  if (!read.ok) throw new Error("no configuration");
  mkdirSync(`${lab.dir}/run`);
  const known = { lines: {}, services: {}, devices: new Set<string>(), secrets: {}, stateDir: lab.dir };
  const chrony = planRouter(read.config, known).programs.find(({ name }) => name === "chronyd");
  for (const { path, text } of chrony?.files ?? []) writeFileSync(path, text);
  // Without its hands on the clock of the machine that tests.
  const [program = "", ...words] = chrony?.argv ?? [];
  lab.start("router", program, ...words, "-x");
  const ask = ["chronyd", "-Q", "-U", "-t", "5", "-f", "/dev/null", "server 192.168.1.1 iburst maxsamples 1"];
  const asked = await until("the router answers", async () => {
    const { stdout, stderr } = await lab.run("client", ...ask);
    return `${stdout}${stderr}`.includes("System clock wrong by") ? `${stdout}${stderr}` : undefined;
  });
  t.regex(asked ?? "", /wrong by -?0\.\d+ seconds/);
});

test("a forward follows its service to wherever it runs, and closes when it runs nowhere", async (t) => {
  const lab = new Lab(t);
  lab.connect(["outside", "o0"], ["router", "eth0"]);
  lab.ip("outside", "address add 203.0.113.1/24 dev o0");
  for (const [at, space] of ["one", "two"].entries()) {
    lab.connect([space, "s0"], ["router", `eth${at + 1}`]);
    lab.ip(space, `address add 192.168.1.${at + 20}/24 dev s0`);
    lab.ip(space, "route add default via 192.168.1.1");
  }
  await Promise.all([lab.serve("one", 8000), lab.serve("two", 8001)]);
  const file = lab.write(
    "router.hcl",
    `wan "fiber" {
  interface = "eth0"
  type      = "static"
  ipv6      = false
  address   = "203.0.113.9/24"
  gateway   = "203.0.113.1"
}
lan "home" {
  interface = ["eth1", "eth2"]
  address   = "192.168.1.1/24"
}
forward "web" {
  port    = 80
  service = "web"
}`,
  );
  t.is((await lab.router("apply", "-auto-confirm", file)).code, 0);
  lab.start("router", process.execPath, MAIN, "agent", "-dev", "-data-dir", `${lab.dir}/agent`);
  const api = (path: string, body: string) =>
    lab.run("router", "curl", "-sf", "-X", "PUT", "-d", body, `http://127.0.0.1:8500${path}`);
  const register = (address: string, port: number) => async (): Promise<true | undefined> =>
    (await api("/v1/agent/service/register", JSON.stringify({ ID: "web", Name: "web", Address: address, Port: port })))
      .code === 0
      ? true
      : undefined;
  await until("the agent takes a service", register("192.168.1.20", 8000));
  startRouter(lab);
  const asks = (): Promise<string | undefined> => lab.get("outside", "http://203.0.113.9/");
  await until("the forward leads to the first", async () => ((await asks()) === "one 203.0.113.1" ? true : undefined));
  await register("192.168.1.21", 8001)();
  await until("the forward leads to the second", async () => ((await asks()) === "two 203.0.113.1" ? true : undefined));
  await api("/v1/agent/service/deregister/web", "");
  await until("the forward is closed", async () => ((await asks()) === undefined ? true : undefined));
  t.regex((await lab.router("status")).stdout, /forward "web" is closed/);
});

/** RFC 6887, 11.1: asks for a port of TCP; prints the result, and the port and address outside. */
const PCP_MAP = `
const [gateway, own, port] = process.argv.slice(1);
const mapped = (text) => [...new Array(10).fill(0), 255, 255, ...text.split(".").map(Number)];
const request = Buffer.from([2, 1, 0, 0, 0, 0, 2, 88, ...mapped(own), ...Buffer.from("abcdefghijkl"), 6, 0, 0, 0, port >> 8, port & 255, port >> 8, port & 255, ...mapped("0.0.0.0")]);
const socket = require("node:dgram").createSocket("udp4");
const send = () => socket.send(request, 5351, gateway);
const timer = setInterval(send, 1000);
socket.on("message", (data) => {
  console.log(data[1] & 127, data[3], data.readUInt16BE(42), data.subarray(56, 60).join("."));
  clearInterval(timer);
  socket.close();
});
send();
`;

test("a host may open a port to itself where UPnP is on, and a new ruleset leaves it open", async (t) => {
  const lab = new Lab(t);
  // miniupnpd gives no ports out on addresses for documentation.
  lab.connect(["outside", "o0"], ["router", "eth0"]);
  lab.ip("outside", "address add 11.22.33.1/24 dev o0");
  lab.connect(["client", "c0"], ["router", "eth1"]);
  lab.ip("client", "address add 192.168.1.10/24 dev c0");
  lab.ip("client", "route add default via 192.168.1.1");
  await lab.serve("client", 8000);
  const text = `wan "fiber" {
  interface = "eth0"
  type      = "static"
  ipv6      = false
  address   = "11.22.33.9/24"
  gateway   = "11.22.33.1"
}
lan "home" {
  interface = "eth1"
  address   = "192.168.1.1/24"
}
`;
  t.is((await lab.router("apply", "-auto-confirm", lab.write("router.hcl", `${text}upnp {}\n`))).code, 0);
  startRouter(lab);
  await until("the port is opened", async () => {
    const { stdout } = await lab.run("client", "timeout", "10", "upnpc", "-a", "192.168.1.10", "8000", "8000", "tcp");
    return stdout.includes("is redirected to internal 192.168.1.10:8000") ? true : undefined;
  });
  t.is(await lab.reach("outside", "http://11.22.33.9:8000/"), "client 11.22.33.1");
  const natpmp = await lab.run("client", "natpmpc", "-g", "192.168.1.1", "-a", "8001", "8000", "tcp", "60");
  t.regex(natpmp.stdout, /Mapped public port 8001 protocol TCP to local port 8000/, natpmp.stderr);
  t.is(await lab.reach("outside", "http://11.22.33.9:8001/"), "client 11.22.33.1");
  await lab.serve("client", 8002);
  const pcp = ["timeout", "20", process.execPath, "-e", PCP_MAP, "192.168.1.1", "192.168.1.10", "8002"];
  t.is((await lab.run("client", ...pcp)).stdout, "1 0 8002 11.22.33.9\n");
  t.is(await lab.reach("outside", "http://11.22.33.9:8002/"), "client 11.22.33.1");
  const more = `${text}upnp {}\nforward "ssh" {\n  port = 22\n  to = "192.168.1.10"\n}\n`;
  t.is((await lab.router("apply", "-auto-confirm", lab.write("more.hcl", more))).code, 0);
  t.is(await lab.reach("outside", "http://11.22.33.9:8000/"), "client 11.22.33.1");
  t.is((await lab.router("apply", "-auto-confirm", lab.write("off.hcl", text))).code, 0);
  t.is(await lab.get("outside", "http://11.22.33.9:8000/"), undefined, "closed with UPnP");
});

/** Kea, which delegates one prefix and is asked again every two seconds. */
function delegate(lab: Lab, prefix: string): ChildProcess {
  const dhcp6 = {
    "interfaces-config": { interfaces: ["o0"] },
    "lease-database": { type: "memfile", persist: false },
    "server-id": { type: "LLT", persist: false, identifier: "020000000001" },
    "renew-timer": 2,
    "rebind-timer": 60,
    "preferred-lifetime": 90,
    "valid-lifetime": 120,
    subnet6: [
      {
        id: 1,
        subnet: "2001:db8:f::/64",
        interface: "o0",
        "pd-pools": [{ prefix, "prefix-len": 56, "delegated-len": 56 }],
      },
    ],
  };
  const file = lab.write("kea6.json", JSON.stringify({ Dhcp6: dhcp6 }));
  const places = [`KEA_PIDFILE_DIR=${lab.dir}`, `KEA_LOCKFILE_DIR=${lab.dir}`];
  return lab.start("provider", "env", ...places, "kea-dhcp6", "-c", file);
}

test("a delegated prefix reaches the hosts inside, as an address of theirs, and so does the next one", async (t) => {
  const lab = new Lab(t);
  const device = lab.device("p");
  lab.connect(["provider", "o0"], ["router", device]);
  lab.connect(["client", "c0"], ["router", "eth1"]);
  lab.ip("provider", "address add 2001:db8:f::1/64 dev o0 nodad");
  await until("the provider can speak", async () =>
    lab.ip("provider", "-6 address show dev o0 tentative") === "" ? true : undefined,
  );
  const first = delegate(lab, "2001:db8:1200::");
  const file = lab.write(
    "router.hcl",
    `wan "w" {\n  interface = "${device}"\n}\nlan "home" {\n  interface = "eth1"\n  subnet = 7\n}\n`,
  );
  t.is((await lab.router("apply", "-auto-confirm", file)).code, 0);
  startRouter(lab);
  const used = (prefix: string) => async (): Promise<string | undefined> =>
    new RegExp(`${prefix}:7:[0-9a-f:]+`).exec(
      lab.ip("client", "-6 address show dev c0 scope global -tentative -deprecated"),
    )?.[0];
  const own = await until("the client has an address of the prefix", used("2001:db8:1200"));
  await lab.serve("provider", 80);
  const far = /fe80::[0-9a-f:]+/.exec(lab.ip("router", `-6 address show dev ${device}`))?.[0] ?? "";
  lab.ip("provider", `route add 2001:db8:1200::/56 via ${far} dev o0`);
  lab.ip("router", `-6 route replace default via 2001:db8:f::1 dev ${device} onlink`);
  t.is(await lab.reach("client", "http://[2001:db8:f::1]/"), `provider ${own}`, "IPv6 is not translated");
  t.is(
    (await lab.run("provider", "curl", "-s", "-m", "2", `http://[${own}]:80/`)).code,
    28,
    "and strangers do not come in",
  );

  // The provider numbers anew: it says so when the line is asked for again.
  const ended = once(first, "exit");
  first.kill("SIGTERM");
  await ended;
  delegate(lab, "2001:db8:3400::");
  const next = await until("the client has an address of the new prefix", used("2001:db8:3400"));
  await until("the old one is used for nothing new", async () =>
    (await used("2001:db8:1200")()) === undefined ? true : undefined,
  );
  lab.ip("provider", `route add 2001:db8:3400::/56 via ${far} dev o0`);
  t.is(await lab.reach("client", "http://[2001:db8:f::1]/"), `provider ${next}`);
});

function dyndns(text: string): Dyndns {
  const read = readRouterConfig({ name: "x", text });
  const [first] = read.ok ? read.config.dyndns : emptyRouterConfig().dyndns;
  if (first === undefined) throw new Error("no dyndns block");
  return first;
}

test("dynamic DNS: each provider's words, its refusals, and no secret in what is said", async (t) => {
  const asked: { method: string; url: string; auth: string; body: string }[] = [];
  let answer: (request: IncomingMessage) => readonly [number, string] = () => [200, "good"];
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (data: Buffer) => (body += data.toString()));
    request.on("end", () => {
      asked.push({
        method: request.method ?? "",
        url: request.url ?? "",
        auth: request.headers.authorization ?? "",
        body,
      });
      const [status, text] = answer(request);
      response.writeHead(status).end(text);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const at = server.address();
  const url = `http://127.0.0.1:${typeof at === "object" && at !== null ? at.port : 0}`;
  const env = createEnv();
  t.teardown(() => (env.close(), server.close()));
  const address = { ipv4: "203.0.113.9", ipv6: "" };
  const block = (provider: string, more: string) =>
    dyndns(`dyndns "d" {\n provider = "${provider}"\n password = "s3cr&t"\n ${more}\n}`);

  const two = block("dyndns2", `hostname = ["a.example", "b.example"]\n user = "me"\n server = "${url}"`);
  t.like(await tellProvider(env, two, address), { ok: true, value: "good" });
  t.is(asked.at(-1)?.url, "/nic/update?hostname=a.example%2Cb.example&myip=203.0.113.9");
  t.is(asked.at(-1)?.auth, `Basic ${Buffer.from("me:s3cr&t").toString("base64")}`);
  answer = () => [200, "badauth"];
  const refused = await tellProvider(env, two, address);
  t.like(refused, {
    ok: false,
    error: { message: 'dyndns "d": the provider answered "badauth"', hint: "check user and password_file" },
  });
  answer = () => [200, "<html>sign in to this network</html>"];
  t.false((await tellProvider(env, two, address)).ok, "a captive portal is no provider");

  answer = () => [200, "OK"];
  t.true((await tellProvider(env, block("duckdns", `hostname = "me.duckdns.org"\n server = "${url}"`), address)).ok);
  t.is(asked.at(-1)?.url, "/update?domains=me&token=s3cr%26t&ip=203.0.113.9");

  answer = (request) => [200, request.method === "GET" ? '{"result":[{"id":"r1","content":"1.2.3.4"}]}' : "{}"];
  t.true(
    (
      await tellProvider(
        env,
        block("cloudflare", `hostname = "a.example"\n zone_id = "z"\n server = "${url}"`),
        address,
      )
    ).ok,
  );
  t.like(asked.at(-1), {
    method: "PATCH",
    url: "/client/v4/zones/z/dns_records/r1",
    auth: "Bearer s3cr&t",
    body: '{"content":"203.0.113.9"}',
  });

  t.true((await tellProvider(env, block("url", `url = "${url}/set?p={password}&a={ip}"`), address)).ok);
  t.is(asked.at(-1)?.url, "/set?p=s3cr%26t&a=203.0.113.9");
  server.close();
  server.closeAllConnections();
  const gone = await tellProvider(env, block("url", `url = "${url}/set?p={password}"`), address);
  t.false(gone.ok);
  t.notRegex(JSON.stringify(gone), /s3cr/);
});
