import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { createPrivateKey, createPublicKey, verify } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer as createTcpServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import fc from "fast-check";
import * as v from "valibot";
import { freePort, freePorts } from "#test/free-ports.ts";
import type { Instance } from "#base/client/templates/dependency.ts";
import { createEnv } from "#base/platform/create-env.ts";
import { makeEcKey } from "#base/platform/ec-key.ts";
import { jwkOf, keyAuthorization, signJws } from "#ingress/acme/jws.ts";
import { startIngress } from "#ingress/controller.ts";
import { Haproxy } from "#ingress/haproxy/haproxy.ts";
import { placeAddress, readAddresses } from "#ingress/vip/address.ts";
import { announcementOf } from "#ingress/vip/announcement.ts";
import { keepalivedTemplate } from "#ingress/vip/keepalived-config.ts";
import { priorityOf, shareAddresses } from "#ingress/vip/share.ts";
import { testAgent, until } from "../scenario/agent.ts";
import { startPebble } from "./acme/pebble.ts";
import { dataOf, instance } from "./catalog.ts";
import { ask, Catalog, shown, site } from "./live.ts";
import { statusOf } from "./role-process.ts";
import { Nodes } from "./vip/nodes.ts";

test("a real HAProxy follows the catalog: routes come and go, reloads lose no request, a death is mended, nothing stays", async (t) => {
  const env = createEnv({ logToStderr: false });
  // As deep as a task's folder can be: HAProxy takes no socket path above 97 characters.
  const dir = join(mkdtempSync(join(tmpdir(), "lares-ingress-")), "x".repeat(100));
  mkdirSync(dir);
  const sites = await Promise.all([site("one"), site("two"), site("three")]);
  const served = (at: number, tags: readonly string[]): Instance => ({
    ...instance(`s${at}`, at, tags),
    port: sites[at]?.port ?? 0,
  });
  const catalog = new Catalog();
  const port = await freePort();
  const haproxyProgram = await env.exec.find("haproxy");
  t.truthy(haproxyProgram, "HAProxy is needed (apt-get install haproxy)");
  const ingress = startIngress({
    env,
    get: catalog.get,
    haproxyProgram: haproxyProgram ?? "",
    dir,
    host: "127.0.0.1",
    port,
    accessLog: { appendTo: join(dir, "access.log") },
  });
  const masters = (): readonly string[] =>
    spawnSync("pgrep", ["-f", `${dir}/haproxy.cfg`], { encoding: "utf8" })
      .stdout.split("\n")
      .filter((pid) => pid !== "");
  try {
    catalog.set([served(0, ["urlprefix-/"])]);
    await until("the first route", async () => (await ask(port, "/x")) === "200 one");
    catalog.set([served(0, ["urlprefix-/"]), served(1, ["urlprefix-/two strip=/two"])]);
    await until("the second route", async () => (await ask(port, "/two/y")) === "200 two");

    const seen = new Set<string>();
    let stop = false;
    const load = Promise.all(
      Array.from({ length: 8 }, async () => {
        while (!stop) seen.add(await ask(port, "/"));
      }),
    );
    for (let round = 0; round < 6; round++) {
      catalog.set([served(0, ["urlprefix-/"]), served(2, [`urlprefix-/round${round}`])]);
      await until("the changed route", async () => (await ask(port, `/round${round}`)) === "200 three");
    }
    stop = true;
    await load;
    t.deepEqual([...seen], ["200 one"], "no request failed while HAProxy reloaded");

    catalog.set([served(2, ["v1"])]);
    await until("nothing exposed", async () => (await ask(port, "/")).startsWith("404 No route"));
    catalog.set([served(2, ["urlprefix-/", "urlprefix-/broken\npath"])]);
    await until("a broken tag harms nothing else", async () => (await ask(port, "/")) === "200 three");

    // Workers of former configurations end by themselves meanwhile.
    for (const pid of masters()) spawnSync("kill", ["-9", pid]);
    await until("HAProxy comes back", async () => (await ask(port, "/")) === "200 three");
  } finally {
    await ingress.stop();
    for (const { server } of sites) server.close();
    env.close();
  }
  t.deepEqual(masters(), [], "no HAProxy is left");
  rmSync(dir, { recursive: true });
});

test("a configuration HAProxy refuses leaves the last good one serving", async (t) => {
  const env = createEnv({ logToStderr: false });
  const dir = mkdtempSync(join(tmpdir(), "lares-ingress-"));
  const port = await freePort();
  const haproxy = new Haproxy({ env, program: (await env.exec.find("haproxy")) ?? "", dir, accessLog: "ignore" });
  const good = `global\n stats socket unix@haproxy.sock mode 600 level admin\ndefaults\n mode http\n timeout connect 1s\n timeout client 1s\n timeout server 1s\nfrontend f\n bind 127.0.0.1:${port}\n http-request return status 200 content-type text/plain string good\n`;
  const files = (text: string): ReadonlyMap<string, string> => new Map([["haproxy.cfg", text]]);
  try {
    t.deepEqual(await haproxy.apply(files(good)), { ok: true, value: "started" });
    t.is(await ask(port, "/"), "200 good");
    const refused = await haproxy.apply(files(`${good} bindd\n`), files(good));
    t.false(refused.ok);
    if (!refused.ok) t.regex(refused.error.message, /refused the new configuration.*bindd/s);
    t.is(await ask(port, "/"), "200 good");
    t.is(readFileSync(join(dir, "haproxy.cfg"), "utf8"), good);

    const squatter = createTcpServer();
    const taken = await freePort();
    await new Promise<void>((resolve) => squatter.listen(taken, "127.0.0.1", resolve));
    const failed = await haproxy.apply(files(`${good} bind 127.0.0.1:${taken}\n`), files(good));
    t.false(failed.ok, "it passes the check, but cannot start");
    if (!failed.ok) t.regex(failed.error.message, /could not start.*in use/s);
    t.is(await ask(port, "/"), "200 good");
    t.is(readFileSync(join(dir, "haproxy.cfg"), "utf8"), good, "the file is what runs");
    squatter.close();
    t.deepEqual(await haproxy.apply(files(`${good} maxconn 100\n`), files(good)), { ok: true, value: "reloaded" });
  } finally {
    await haproxy.stop();
    env.close();
    rmSync(dir, { recursive: true });
  }
});

const VIP = "10.77.0.100";
const OTHER = "10.77.0.101";
const SIX = "fd77::100";
const NAMES = ["a", "b", "c"];

const addressesOf = (text: string) => {
  const read = readAddresses(text);
  if (!read.ok) throw new Error(read.error.message);
  return read.value;
};

test("addresses are read, or refused with what is wrong", (t) => {
  t.deepEqual(addressesOf("192.168.1.51, 192.168.1.50/24,fd00::50"), [
    { address: "192.168.1.50", family: 4, bits: 24 },
    { address: "192.168.1.51", family: 4, bits: undefined },
    { address: "fd00::50", family: 6, bits: undefined },
  ]);
  for (const wrong of ["", "192.168.1", "0.0.0.0", "10.0.0.1/33", "10.0.0.1 dev eth0", "a\n}"])
    t.false(readAddresses(wrong).ok, wrong);
  t.false(readAddresses(Array.from({ length: 65 }, (_, at) => `10.0.0.${at + 1}`).join(",")).ok);
  fc.assert(fc.property(fc.string(), (text) => typeof readAddresses(text).ok === "boolean"));
  const lan = {
    name: "eth1",
    address: "192.168.1.7",
    family: 4,
    cidr: "192.168.1.7/23",
    mac: "",
    internal: false,
  } as const;
  const [first, second] = addressesOf("192.168.0.50,10.9.9.9");
  t.is(first === undefined ? "" : placeAddress(first, [lan], "eth0").cidr, "10.9.9.9/32");
  t.deepEqual(second && { ...placeAddress(second, [lan], "eth0"), address: "" }, {
    address: "",
    device: "eth1",
    cidr: "192.168.0.50/23",
  });
});

test("addresses are shared evenly, by all nodes alike, and few move when a node goes", (t) => {
  const addresses = addressesOf(Array.from({ length: 12 }, (_, at) => `10.0.0.${at + 1}`).join(","));
  const firsts = (nodes: readonly string[]) =>
    new Map(shareAddresses(addresses, nodes).map(({ address, order }) => [address.address, order[0] ?? ""]));
  fc.assert(
    fc.property(fc.uniqueArray(fc.ipV4(), { minLength: 1, maxLength: 6 }), (nodes) => {
      const shares = shareAddresses(addresses, nodes);
      t.deepEqual(shares, shareAddresses(addresses.toReversed(), nodes.toReversed()));
      t.is(new Set(shares.map(({ router }) => router)).size, addresses.length);
      for (const node of nodes)
        t.true(shares.filter(({ order }) => order[0] === node).length <= Math.ceil(12 / nodes.length));
      for (const { order } of shares) t.is(new Set(order.map((node) => priorityOf(order, node))).size, nodes.length);
    }),
  );
  const [before, after] = [firsts(["n1", "n2", "n3", "n4"]), firsts(["n1", "n2", "n3"])];
  const moved = [...before].filter(([address, node]) => node !== "n4" && after.get(address) !== node);
  t.true(moved.length <= 2, `${moved.length} moved that need not`);
});

test("keepalived takes the configuration; names and addresses in the catalog add nothing to it", (t) => {
  const self = ["10.77.0.11", "fd77::11"];
  const eth = { name: "eth0", mac: "02:00:00:00:00:01", internal: false };
  const template = keepalivedTemplate({
    addresses: addressesOf("10.77.0.100/24,10.77.0.101,fd77::100"),
    self,
    interfaces: () => [
      { ...eth, address: "10.77.0.11", family: 4, cidr: "10.77.0.11/24" },
      { ...eth, address: "fd77::11", family: 6, cidr: "fd77::11/64" },
    ],
    service: "lares-vip",
    advertMs: 150,
    healthFile: "/run/x/unhealthy",
  });
  const peer = { ...instance("lares-vip", 1, []), address: "10.77.0.12", passing: false };
  const bad = { ...peer, address: "10.0.0.1\n}\nvrrp_script evil {" };
  const text = template(dataOf([peer, bad, { ...peer, address: "10.77.0.11" }, { ...peer, address: "fd77::12" }]));
  t.snapshot(text);
  const checked = spawnSync("keepalived", ["-t", "-P", "-f", "/dev/stdin"], { input: text, encoding: "utf8" });
  // eth0 need not be there: what is wrong with the text itself is said otherwise.
  t.notRegex(checked.stderr, /Unknown keyword|invalid|evil/i);
});

test("announcements are the frames that neighbours believe", (t) => {
  const arp = Buffer.from(announcementOf("10.77.0.100", "02:00:00:00:00:01") ?? []).toString("hex");
  t.is(arp, `ffffffffffff020000000001080600010800060400010200000000010a4d0064${"00".repeat(6)}0a4d0064`);
  const advertisement = announcementOf("fd77::100", "02:00:00:00:00:01") ?? new Uint8Array();
  t.is(advertisement.length, 86);
  t.is(announcementOf("nothing", "02:00:00:00:00:01"), undefined);
  t.is(announcementOf("10.0.0.1", ""), undefined);
});

interface Fleet {
  readonly nodes: Nodes;
  readonly proxies: Map<string, ChildProcess>;
  readonly vips: Map<string, ChildProcess>;
  /** The one node that has it; undefined: none, or several. */
  readonly holder: (address: string) => string | undefined;
  /** The node whose MAC the client has for an address; undefined: none, or it is not sure of it. */
  readonly neighbour: (address: string) => string | undefined;
}

async function fleet(
  t: ExecutionContext,
  addresses: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<Fleet> {
  const nodes = await Nodes.start(t, NAMES);
  const proxies = new Map<string, ChildProcess>();
  const vips = new Map<string, ChildProcess>();
  for (const name of NAMES) await nodes.register(name);
  for (const name of NAMES) {
    proxies.set(name, nodes.haproxy(name, addresses));
    vips.set(name, await nodes.vip(name, { LARES_VIP_ADDRESSES: addresses.join(","), ...env }));
  }
  const holder = (address: string): string | undefined => {
    const holders = nodes.holdersOf(NAMES, address);
    return holders.length === 1 ? holders[0] : undefined;
  };
  const neighbour = (address: string): string | undefined => {
    const mac = /lladdr (\S+)/.exec(nodes.lab.ip("client", `neighbour show ${address}`))?.[1];
    return NAMES.find((name) => mac !== undefined && nodes.lab.ip(name, "link show").includes(mac));
  };
  return { nodes, proxies, vips, holder, neighbour };
}

test.serial(
  "VRRP: an address moves when its node, its HAProxy or its keepalived is lost, and is never on two for long",
  async (t) => {
    t.timeout(180_000);
    const { nodes, proxies, vips, holder, neighbour } = await fleet(t, [VIP, OTHER, SIX], {});
    try {
      // Until all have come up, others than those they belong to may hold them.
      const shares = shareAddresses(
        addressesOf(`${VIP},${OTHER},${SIX}`),
        NAMES.map((name) => nodes.addressOf(name)),
      );
      const owners = shares.map(({ address, order }) => ({
        address: address.address,
        name: NAMES.find((name) => nodes.addressOf(name) === order[0]) ?? "",
      }));
      t.is(new Set(owners.map(({ name }) => name)).size, 3);
      await until("each is held by whom it belongs to", () =>
        owners.every(({ address, name }) => holder(address) === name),
      );
      const first = holder(VIP) ?? "";
      const probe = nodes.probe(VIP);
      const answersFrom = (what: string, wanted: (name: string) => boolean) =>
        until(what, () => wanted(probe.answers().at(-1) ?? ""));
      await answersFrom("its node answers", (name) => name === first);

      nodes.cable(first, "down");
      await answersFrom("another node answers", (name) => name !== first && name !== "");
      nodes.cable(first, "up");
      await answersFrom("it is back where it belongs", (name) => name === first);

      const six = nodes.probe(SIX);
      const sixth = holder(SIX) ?? "";
      const sixFrom = (what: string, wanted: (name: string) => boolean) =>
        until(what, () => wanted(six.answers().at(-1) ?? ""));
      await sixFrom("IPv6 answers", (name) => name === sixth);
      nodes.cable(sixth, "down");
      await sixFrom("an address of IPv6 is answered by another node", (name) => ![sixth, ""].includes(name));
      await until("neighbours were told", () => neighbour(SIX) === six.answers().at(-1));
      nodes.cable(sixth, "up");
      await sixFrom("it is back, too", (name) => name === sixth);
      await six.stop();

      proxies.get(first)?.kill("SIGKILL");
      await answersFrom("a node whose HAProxy lives answers", (name) => name !== first);
      const second = probe.answers().at(-1) ?? "";
      proxies.set(first, nodes.haproxy(first, [VIP, OTHER, SIX]));
      await answersFrom("the node has HAProxy again, and the address", (name) => name === first);

      const pids = spawnSync("ip", ["netns", "pids", nodes.lab.space(first)], { encoding: "utf8" }).stdout.split("\n");
      for (const pid of pids.filter((each) =>
        /keepalived/.test(spawnSync("cat", [`/proc/${each}/cmdline`], { encoding: "utf8" }).stdout),
      ))
        spawnSync("kill", ["-9", pid]);
      await until(
        "keepalived is started again, and one node holds it",
        () => holder(VIP) === first && nodes.said.includes("keepalived ended"),
      );

      await nodes.deregister(second);
      await nodes.deregister(first);
      await nodes.register(first);
      await answersFrom("peers that come and go in the catalog move nothing", (name) => name === first);

      vips.get(first)?.kill("SIGTERM");
      await answersFrom("it was handed over", (name) => name !== first);
      await until("it is off the node", () => !nodes.holds(first, VIP) && !nodes.holds(first, OTHER));
      await probe.stop();
    } finally {
      await nodes.stop();
    }
    for (const name of NAMES) t.deepEqual(nodes.holdersOf([name], VIP), [], `${name} let go of it`);
  },
);

test.serial("lock: without keepalived one node at a time holds an address, and hands it over", async (t) => {
  t.timeout(180_000);
  const { nodes, proxies, vips, holder, neighbour } = await fleet(t, [VIP, OTHER, SIX], { LARES_VIP_MODE: "lock" });
  try {
    await until("each is held by a node of its own", () => {
      const all = [VIP, OTHER, SIX].map(holder);
      return !all.includes(undefined) && new Set(all).size === 3;
    });
    const [six, sixth] = [nodes.probe(SIX), holder(SIX) ?? ""];
    await until("IPv6 answers", () => six.answers().at(-1) === sixth);
    await until("the client knows where", () => neighbour(SIX) === sixth);
    const probe = nodes.probe(VIP);
    const first = holder(VIP) ?? "";
    await until("it is answered", () => probe.answers().at(-1) === first);
    proxies.get(first)?.kill("SIGKILL");
    await until("a node whose HAProxy lives has it", () => ![first, undefined].includes(probe.answers().at(-1)));
    proxies.get(sixth)?.kill("SIGKILL");
    await until("another node answers by IPv6", () => ![sixth, undefined].includes(six.answers().at(-1)));
    await until("neighbours were told", () => neighbour(SIX) === six.answers().at(-1));
    proxies.set(sixth, nodes.haproxy(sixth, [VIP, OTHER, SIX]));
    await six.stop();
    const second = probe.answers().at(-1) ?? "";
    vips.get(second)?.kill("SIGTERM");
    await until("it was handed over", () => ![second, first].includes(probe.answers().at(-1) ?? ""));
    const third = probe.answers().at(-1) ?? "";
    proxies.set(first, nodes.haproxy(first, [VIP, OTHER, SIX]));
    vips.get(third)?.kill("SIGKILL");
    nodes.cable(third, "down");
    await until("the lock of a node that is lost ends with its session", () => probe.answers().at(-1) === first);
    t.true((await probe.stop()).length > 0);
  } finally {
    await nodes.stop();
  }
});

const DAY_MS = 86_400_000;
const main = new URL("../../cli/main.ts", import.meta.url).pathname;

test("requests are signed as ES256 wants, by the key or by the account", async (t) => {
  const key = createPrivateKey(await makeEcKey());
  const JwsSchema = v.object({ protected: v.string(), payload: v.string(), signature: v.string() });
  for (const account of ["", "https://acme.test/acct/1"]) {
    const text = signJws({ url: "https://acme.test/x", nonce: "n", key, account, payload: undefined });
    const jws = v.parse(v.pipe(v.string(), v.parseJson(), JwsSchema), text);
    const signed = Buffer.from(`${jws.protected}.${jws.payload}`);
    const signature = Buffer.from(jws.signature, "base64url");
    t.true(verify("sha256", signed, { key: createPublicKey(key), dsaEncoding: "ieee-p1363" }, signature));
    t.is(jws.payload, "");
    const head: unknown = JSON.parse(Buffer.from(jws.protected, "base64url").toString("utf8"));
    const who = account === "" ? { jwk: jwkOf(key) } : { kid: account };
    t.deepEqual(head, { alg: "ES256", nonce: "n", url: "https://acme.test/x", ...who });
  }
  t.regex(keyAuthorization("token", key), /^token\.[A-Za-z0-9_-]{43}$/);
});

test("two ingresses get one certificate each name by ACME, from a real server, and swap it in without a reload", async (t) => {
  t.timeout(300_000);
  const agent = await testAgent();
  const dir = mkdtempSync(join(tmpdir(), "lares-acme-"));
  const web = await site("served");
  const [http1 = 0, https1 = 0, admin1 = 0, http2 = 0, https2 = 0, admin2 = 0] = await freePorts(6);
  const roles: ChildProcess[] = [];
  t.teardown(async () => {
    const ended = roles.map((role) => new Promise((resolve) => role.once("exit", resolve)));
    for (const role of roles) role.kill("SIGTERM");
    await Promise.all(ended);
    web.server.close();
    await agent.remove();
    rmSync(dir, { recursive: true, force: true });
  });
  const pebble = await startPebble({ httpPort: http1, dns: `127.0.0.1:${agent.dnsPort}` });
  t.teardown(() => pebble.stop());
  const register = async (name: string, id: string, fields: object): Promise<void> => {
    const body = JSON.stringify({
      Node: id,
      Address: "127.0.0.1",
      Service: { ID: id, Service: name, Address: "127.0.0.1", ...fields },
    });
    t.true((await fetch(`${agent.consul}/v1/catalog/register`, { method: "PUT", body })).ok);
  };
  const serve = (name: string, host = `${name}.service.consul`) =>
    register(name, name, { Port: web.port, Tags: [`lares.host=${host}`, "lares.certificate=acme"] });
  const start = (node: string, ports: readonly [number, number, number]): ChildProcess =>
    spawn(process.execPath, ["--disable-warning=ExperimentalWarning", main, "role", "ingress"], {
      stdio: "ignore",
      env: {
        PATH: process.env["PATH"],
        NOMAD_TASK_DIR: join(dir, node),
        NOMAD_NODE_NAME: node,
        NOMAD_ADDR_http: `127.0.0.1:${ports[0]}`,
        NOMAD_ADDR_https: `127.0.0.1:${ports[1]}`,
        NOMAD_ADDR_admin: `127.0.0.1:${ports[2]}`,
        CONSUL_HTTP_ADDR: agent.consul,
        LARES_INGRESS_ACME: pebble.directory,
        LARES_INGRESS_ACME_CA: pebble.ca,
        LARES_INGRESS_ACME_EMAIL: "admin@example.com",
      },
    });
  const status = () => statusOf(agent, "n1");
  for (const node of ["n1", "n2"]) mkdirSync(join(dir, node));
  await serve("site");
  await register("lares-ingress", "n1", { Port: http1 });
  await register("lares-ingress", "n2", { Port: http2 });
  roles.push(start("n1", [http1, https1, admin1]), start("n2", [http2, https2, admin2]));
  const name = "site.service.consul";
  await until("both show a certificate for the name", async () => {
    const both = await Promise.all([shown(https1, name), shown(https2, name)]);
    return both.every((one) => one !== undefined && one.checkHost(name) !== undefined);
  });
  const [one, two] = await Promise.all([shown(https1, name), shown(https2, name)]);
  t.is(one?.fingerprint256, two?.fingerprint256, "both have the same");
  t.regex(one?.issuer ?? "", /Pebble/);
  t.true(Date.parse(one?.validTo ?? "") > Date.now() + DAY_MS);

  // The start, and the port of HTTPS.
  await until("both changes are told", async () => (await status()).haproxy.reloads === 2);
  await serve("more");
  await until(
    "a second name has one",
    async () => (await shown(https1, "more.service.consul"))?.checkHost("more.service.consul") !== undefined,
  );
  t.is((await shown(https1, name))?.fingerprint256, one?.fingerprint256, "the first is as it was");
  await serve("gone", "gone.nowhere.test");
  await until("what cannot be proven is reported", async () =>
    (await status()).problems.some(({ message }) => /no certificate for gone\.nowhere\.test/.test(message)),
  );
  await until("all changes are told", async () => (await status()).haproxy.reloads >= 4);
  t.is((await status()).haproxy.reloads, 4, "a reload for each new backend, none for a certificate");
  t.is(pebble.log().split("Issued certificate serial").length - 1, 2, "one for each name, not for each ingress");
});
