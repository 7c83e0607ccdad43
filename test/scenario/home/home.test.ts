import { join } from "node:path";
import test from "ava";
import { until } from "../../daemons/dhcp/server/lab.ts";
import { Household, type Machine } from "./household.ts";

const PACKS = new URL("../../../packs", import.meta.url).pathname;
/** Network namespaces are root's to make. */
const household = process.getuid?.() === 0 ? test : test.skip;

/** Clients told apart by an identifier of their own, all on one host, one after another. */
class Clients {
  readonly leases = new Map<string, string>();
  readonly #house: Household;
  readonly #host: string;

  constructor(house: Household, host: string) {
    this.#house = house;
    this.#host = host;
  }

  /** Its address, from whoever answers. */
  async ask(id: number, name = `box${id}`): Promise<string> {
    const hex = id.toString(16).padStart(8, "0");
    let told: Readonly<Record<string, string>> | undefined;
    await until(`client ${id} is served`, async () => {
      told = await this.#house.lab.udhcpc(this.#host, ["-C", "-x", `0x3d:ff${hex}`, "-x", `hostname:${name}`]);
      return told !== undefined;
    });
    const address = told?.["ip"] ?? "";
    for (const [other, taken] of this.leases)
      if (taken === address && other !== hex) throw new Error(`${address} was given to ${other} and to ${hex}`);
    this.leases.set(hex, address);
    return address;
  }
}

household("the packs dns and dhcp on three nodes, of which one dies, and then the one with the store", async (t) => {
  t.timeout(600_000);
  const house = await Household.open(t, { name: "p", count: 3 });
  const { lab } = house;
  const [one, two, three] = house.machines;
  if (one === undefined || two === undefined || three === undefined) return t.fail();
  for (const host of ["c", "u"]) await lab.host(host, host === "u" ? "192.168.77.250/24" : "192.168.77.90/24");
  lab.start("u", [
    "dnsmasq",
    "--keep-in-foreground",
    "--conf-file=/dev/null",
    "--no-resolv",
    "--no-hosts",
    "--address=/example/198.51.100.7",
    `--pid-file=${join(lab.dir, "u.pid")}`,
    "--user=root",
  ]);

  const servers = house.machines.map(({ address }) => `"${address}"`).join(",");
  const run = (pack: string, ...variables: readonly string[]): Promise<string> => {
    const words = variables.flatMap((each) => ["-var", each]);
    return house.lares(one, "job", "run", ...words, `${PACKS}/${pack}/${pack}.nomad.hcl`);
  };
  await run("dns", "count=3", 'upstreams=["192.168.77.250"]');
  const pool = "pool=192.168.77.100-192.168.77.199";
  const six = 'subnets6=[{network="fd00:77::/64",interface="eth0",pools=["fd00:77::1000-fd00:77::10ff"]}]';
  await run("dhcp", "count=3", "network=192.168.77.0/24", pool, `dns=[${servers}]`, six);
  const answered = (server: Machine, ...question: readonly string[]) => house.dig("c", server, ...question);
  for (const machine of house.machines)
    await until(`${machine.name} resolves`, async () => (await answered(machine, "www.example")) === "198.51.100.7");
  for (const family of ["dhcp", "dhcp6"])
    await until("the DHCP servers know each other", async () => {
      const keys = await house.lares(one, "kv", "get", "-keys", `lares/${family}/instances/`).catch(() => "");
      return keys.trim().split("\n").length === 3;
    });

  const clients = new Clients(house, "c");
  const phone = await clients.ask(1, "phone");
  for (let id = 2; id <= 4; id++) await clients.ask(id);
  for (const machine of house.machines)
    await until(`${machine.name} knows the phone`, async () => (await answered(machine, "phone.lan")) === phone);
  await house.lares(two, "dns", "block", "ads.example");
  for (const machine of house.machines)
    await until(`${machine.name} blocks, too`, async () => (await answered(machine, "ads.example")) === "0.0.0.0");

  await house.powerOff(two);
  t.is(await answered(two, "www.example"), "", "it is dead");
  // What a resolver does: the next server.
  for (const name of ["www.example", "other.example", "phone.lan"])
    t.not(await answered(three, name), "", `${name} at the first retry`);
  t.is(await clients.ask(1), phone, "another one renews it");
  for (let id = 5; id <= 8; id++) await clients.ask(id);

  await house.powerOff(one);
  t.is(await answered(three, "www.example"), "198.51.100.7", "without the store, too");
  t.is(await answered(three, "ads.example"), "0.0.0.0");
  t.is(await clients.ask(1), phone);
  for (let id = 9; id <= 11; id++) await clients.ask(id);

  await house.plugIn(one);
  await until("what was promised without the store is in it", async () => {
    const leases = await house.lares(one, "dhcp", "leases").catch(() => "");
    return [...clients.leases.values()].every((address) => leases.includes(address));
  });
  for (let id = 12; id <= 13; id++) await clients.ask(id);
  t.is(new Set(clients.leases.values()).size, 13, "nobody has another's address");
});
