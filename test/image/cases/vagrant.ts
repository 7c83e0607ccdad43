import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as v from "valibot";
import { Browser } from "../browser.ts";
import type { Case, Stage } from "../case.ts";
import { nameOf } from "../cluster.ts";
import { Lan } from "../lan.ts";
import { Machine, makeKey, overlay } from "../machine.ts";
import { seedText } from "../workbench.ts";

const ROOT = new URL("../../../", import.meta.url).pathname;
const VAGRANT = "/usr/bin/vagrant";

export const vagrantCases: readonly Case[] = [
  {
    name: "Vagrant reads the Vagrantfile",
    run: vagrantfile,
    needs: () => (existsSync(VAGRANT) ? undefined : "vagrant, of Debian's package"),
  },
  { name: "two machines behind NAT with a second card", run: behindNat },
];

/** Vagrant itself, as a library: no provider has to be there, and no box. */
const READ = `require "json"
require "vagrant"
at = { home_path: ARGV[1], local_data_path: ARGV[1], ui_class: Vagrant::UI::Silent }
env = Vagrant::Environment.new(cwd: ARGV[0], **at)
read = [:virtualbox, :libvirt].to_h do |provider|
  found = env.vagrantfile.machine_names.to_h do |name|
    [name, env.vagrantfile.machine_config(name, provider, nil, nil, false)[:config].vm.networks.map { |kind, more| [kind, more.slice(:type, :auto_config)] }]
  end
  [provider, found]
end
puts JSON.generate(read)
`;
const NetworksSchema = v.array(v.tuple([v.string(), v.record(v.string(), v.unknown())]));
const ReadSchema = v.record(v.picklist(["virtualbox", "libvirt"]), v.record(v.string(), NetworksSchema));

/** Of VirtualBox every machine gets a second card; libvirt's first one is a network of all. */
function vagrantfile({ say }: Stage): Promise<void> {
  const home = mkdtempSync(join(tmpdir(), "lares-vagrant-"));
  try {
    writeFileSync(join(home, "read.rb"), READ);
    const env = { ...process.env, VAGRANT_HOME: home, LARES_MACHINES: "2" };
    const said = execFileSync("ruby", [join(home, "read.rb"), ROOT, home], { encoding: "utf8", env });
    const { virtualbox, libvirt } = v.parse(ReadSchema, JSON.parse(said));
    const privateOf = (networks: v.InferOutput<typeof NetworksSchema> | undefined): readonly unknown[] =>
      (networks ?? []).filter(([kind]) => kind === "private_network").map(([, more]) => more);
    for (const name of ["lares-1", "lares-2"]) {
      assert.deepEqual(privateOf(virtualbox?.[name]), [{ type: "dhcp", auto_config: false }], name);
      assert.deepEqual(privateOf(libvirt?.[name]), [], name);
    }
    assert.deepEqual(Object.keys(virtualbox ?? {}), ["lares-1", "lares-2"]);
    say("a private network with addresses by DHCP, which Vagrant leaves to the machine, for VirtualBox alone");
  } finally {
    rmSync(home, { recursive: true });
  }
  return Promise.resolve();
}

const HOST_ONLY = "192.168.56.0/24";
const AT = /This is \S+ at (192\.168\.56\.\d+); it looks/;
const FOUNDED = /first server of cluster/;
const CODE = /lares node approve (\d{3} \d{3})/g;
const NodesSchema = v.array(v.object({ Name: v.string(), Address: v.string(), Status: v.string() }));
const SelfSchema = v.object({ member: v.object({ Name: v.string(), Addr: v.string() }) });

/**
 * As VirtualBox has it with the Vagrantfile: the first card of each is a NAT of its own, where all have the address 10.0.2.15; on the
 * second they hear each other, and nobody leads out.
 */
async function behindNat({ bench, say }: Stage): Promise<void> {
  const lan = await Lan.open({ apart: HOST_ONLY });
  const { key, line } = makeKey(bench.folder);
  const base = await bench.disk("nat.img", { "lares.hcl": seedText(line) });
  const machines = ["0001", "0002"].map((number) => {
    const disk = overlay(join(bench.folder, `nat-${number}.qcow2`), base, "raw", "4G");
    const card = "e1000,mac=08:00:27:00:00:01";
    const own = { folder: bench.folder, name: `nat-${number}`, serial: `NAT${number}`, key, card };
    return new Machine({ ...own, disk, memoryMib: 640, lan, behindNat: true });
  });
  try {
    for (const machine of machines) await machine.start();
    const addresses = new Map<string, string>();
    for (const machine of machines) {
      await machine.whenShown(AT);
      addresses.set(nameOf(machine), AT.exec(machine.transcript())?.[1] ?? "");
    }
    assert.equal(new Set(addresses.values()).size, machines.length, "an address for each");
    say(`${[...addresses].join(" and ")}`);
    const [one, other] = machines;
    if (one === undefined || other === undefined) return;
    await one.until("one founds a cluster", () => machines.some((each) => FOUNDED.test(each.transcript())));
    const [founder, guest] = FOUNDED.test(one.transcript()) ? [one, other] : [other, one];
    say(`${nameOf(founder)} founds a cluster`);
    await founder.whenApi();
    await admit({ founder, guest, say });
    await seen(founder, addresses);
    say("both are ready, each at its own address");
    await guest.restarted("systemctl reboot");
    await guest.whenApi();
    const token = await tokenOf(founder);
    const self = v.parse(SelfSchema, JSON.parse(await ask(guest, "/v1/agent/self", token)));
    assert.equal(self.member.Addr, addresses.get(nameOf(guest)), "it is known by the same address again");
    await seen(founder, addresses);
    assert.doesNotMatch(guest.transcript(), FOUNDED);
    say("and so it is when one was started again");
  } finally {
    for (const machine of machines) await machine.cut();
    await lan.close();
  }
}

interface Admission {
  readonly founder: Machine;
  readonly guest: Machine;
  readonly say: Stage["say"];
}

/** By the code of the guest's page, which a browser shows while it waits, and which becomes the agent's when it was let in. */
async function admit({ founder, guest, say }: Admission): Promise<void> {
  await guest.until("it shows a code", () => codeOf(guest) !== undefined);
  const browser = await Browser.open(`http://127.0.0.1:${guest.apiPort}/ui/`);
  try {
    await guest.until("its page shows the code of its screen", async () => {
      const code = codeOf(guest);
      const text = await browser.text();
      return code !== undefined && text.includes(code) && /waits to be let in/.test(text);
    });
    const text = await browser.text();
    assert.match(text, new RegExp(nameOf(guest)));
    assert.match(text, /192\.168\.56\.\d+ 10\.0\.2\.15/, "its addresses, first the one others reach");
    say(`the page of ${nameOf(guest)} shows its code`);
    const approve = `NOMAD_TOKEN=$(cat /var/lib/lares/management-token) lares node approve`;
    await guest.until("it is let in", async () => {
      const { code } = await founder.run(`${approve} ${codeOf(guest) ?? ""}`);
      return code === 0;
    });
    await guest.until("the browser shows the agent's page", async () =>
      /Only for those who may/.test(await browser.text()),
    );
    say(`${nameOf(guest)} was let in, and the browser shows its agent's page`);
  } finally {
    await browser.close();
  }
}

function codeOf(machine: Machine): string | undefined {
  return [...machine.transcript().matchAll(CODE)].at(-1)?.[1];
}

/** The cluster has these nodes, and they are ready, at these addresses. */
async function seen(founder: Machine, addresses: ReadonlyMap<string, string>): Promise<void> {
  const token = await tokenOf(founder);
  const wanted = [...addresses]
    .map(([name, address]) => `${name} ${address} ready`)
    .toSorted()
    .join();
  await founder.until(`its nodes are ${wanted}`, async () => {
    const nodes = v.safeParse(NodesSchema, parsed(await ask(founder, "/v1/nodes", token)));
    if (!nodes.success) return false;
    return (
      nodes.output
        .map(({ Name, Address, Status }) => `${Name} ${Address} ${Status}`)
        .toSorted()
        .join() === wanted
    );
  });
}

async function tokenOf(founder: Machine): Promise<string> {
  return (await founder.must("cat /var/lib/lares/management-token")).trim();
}

async function ask({ apiPort }: Machine, path: string, token: string): Promise<string> {
  const options = { headers: { "X-Nomad-Token": token }, signal: AbortSignal.timeout(30_000) };
  const answer = await fetch(`http://127.0.0.1:${apiPort}${path}`, options).catch(() => undefined);
  return (await answer?.text().catch(() => "")) ?? "";
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
