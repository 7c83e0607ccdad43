import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import * as v from "valibot";
import { shows, type Case, type Stage } from "../case.ts";
import { Lan } from "../lan.ts";
import { Machine, makeKey, overlay } from "../machine.ts";
import { seedText, type Workbench } from "../workbench.ts";

export const memberCases: readonly Case[] = [
  { name: "two machines of one name, a join token in the seed, and a disk that was copied", run: seconds },
];

const LARES = "NOMAD_TOKEN=$(cat /var/lib/lares/management-token) lares";
const NodesSchema = v.array(v.object({ Name: v.string(), Status: v.string() }));

/** The second is called as the first, then otherwise, and then there are two of it. */
async function seconds(stage: Stage): Promise<void> {
  const { bench, say } = stage;
  const lan = await Lan.open();
  const first = await machineOf(bench, { lan, name: "first", seed: 'hostname = "twin"\r\n' });
  const running: Machine[] = [first];
  try {
    await first.start();
    const address = await first.addressed();
    await first.settled("A");
    assert.equal(await lan.whereIs("twin"), address, "its name is told by mDNS");
    say("twin.local is found");
    const second = await joining(stage, { lan, address, first });
    running.push(second);
    await copied(stage, { lan, first, second });
  } finally {
    for (const machine of running) await machine.cut();
    await lan.close();
  }
}

interface Placed {
  readonly lan: Lan;
  readonly name: string;
  readonly seed: string;
}

async function machineOf(bench: Workbench, { lan, name, seed }: Placed): Promise<Machine> {
  const { key, line } = makeKey(bench.folder);
  const base = await bench.disk(`member-${name}.img`, { "lares.hcl": seedText(line, seed) });
  const disk = overlay(join(bench.folder, `member-${name}.qcow2`), base, "raw", "4G");
  return new Machine({ folder: bench.folder, name: `member-${name}`, disk, key, lan });
}

/** The name is taken: it says so, and can be reached, until it is given another one; then it comes by itself. */
async function joining(
  { bench, say }: Stage,
  { lan, address, first }: { readonly lan: Lan; readonly address: string; readonly first: Machine },
): Promise<Machine> {
  const line = await first.must(`${LARES} join-token create`);
  const [, server = "", token = ""] = /lares join (\S+) (\S+)/.exec(line) ?? [];
  assert.ok(server.startsWith(address), line);
  const second = await machineOf(bench, { lan, name: "second", seed: 'hostname = "twin"\r\n' });
  try {
    await second.start();
    await second.addressed();
    await second.whenShown(/another node of the cluster is called twin/);
    say("a second twin is not let in, and tells");
    await second.whenSsh();
    const seed = `hostname = "second"\r\njoin {\r\n  address = "${server}"\r\n  token = "${token}"\r\n}\r\n`;
    const encoded = Buffer.from(seed).toString("base64");
    await second.must(`mount -o remount,rw /boot; echo ${encoded} | base64 -d >/boot/lares.hcl; sync`);
    await second.restarted("systemctl reboot");
    await second.whenApi();
    await second.settled("A");
    shows(await second.must("cat /boot/lares.hcl.applied.txt"), /Applied, and wiped/, "the seed file");
    await first.until("both are ready", async () => (await nodes(first)).join() === "second ready,twin ready");
    say("with another name and a join token it comes by itself");
    return second;
  } catch (error) {
    await second.cut();
    throw error;
  }
}

async function nodes(machine: Machine): Promise<readonly string[]> {
  const { code, stdout } = await machine.run(`${LARES} node status -json`);
  if (code !== 0) return [];
  return v
    .parse(NodesSchema, JSON.parse(stdout))
    .map(({ Name, Status }) => `${Name} ${Status}`)
    .toSorted();
}

/** Its disk, as it was when it was switched off, in another machine. */
async function copied(
  { bench, say }: Stage,
  { lan, first, second }: { readonly lan: Lan; readonly first: Machine; readonly second: Machine },
): Promise<void> {
  await second.run("systemctl poweroff");
  await second.ended();
  const disk = join(bench.folder, "member-copy.qcow2");
  execFileSync("cp", [second.options.disk ?? "", disk]);
  const copy = new Machine({ ...second.options, name: "member-copy", disk, lan });
  try {
    await second.start();
    await second.whenApi();
    await copy.start();
    await copy.whenShown(/is this a copy of its disk\?/);
    say("a copy of its disk tells that it is one");
    await copy.whenShown(/Lares [\d.+]+ on second, slot A[^]*trouble: [^\n]*a copy of its disk/);
    await first.until("both are ready", async () => (await nodes(first)).join() === "second ready,twin ready");
  } finally {
    await copy.cut();
  }
}
