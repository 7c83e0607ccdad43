import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { createEnv } from "#base/platform/create-env.ts";
import { makeNetwork, plug, unmakeNetwork, type LabNetwork } from "#cli/lab/network.ts";
import type { LabNode } from "#cli/lab/lab-file.ts";
import { until } from "../agent.ts";

const main = new URL("../../../cli/main.ts", import.meta.url).pathname;
const env = createEnv({ logLevel: "warn" });
const root = mkdtempSync(join(tmpdir(), "lares-neighbours-"));
const machines: Machine[] = [];
let network: LabNetwork | undefined;

test.after.always(async () => {
  for (const machine of machines) await machine.end();
  if (network !== undefined) {
    const nodes = machines.map(({ place, name }): LabNode => ({
      ...place,
      name,
      role: "server",
      dir: "",
      pid: 0,
      began: "",
    }));
    await unmakeNetwork(env, { ...network, dir: root, diskBytes: 0, docker: "", nodes });
  }
  env.close();
  rmSync(root, { recursive: true, force: true });
});

/** A new machine on the network: the commands of its first start, then its agent. */
class Machine {
  readonly name: string;
  readonly place: Pick<LabNode, "address" | "namespace" | "link">;
  readonly dir: string;
  said = "";
  #child: ChildProcess | undefined;

  constructor(name: string, place: Machine["place"]) {
    this.name = name;
    this.place = place;
    this.dir = join(root, name);
    mkdirSync(this.dir);
    const settings = 'discovery { announce = true }\nlog_level = "warn"\nclient { network_interface = "eth0" }\n';
    writeFileSync(join(this.dir, "os.hcl"), settings);
  }

  #argv(): readonly string[] {
    const { namespace } = this.place;
    return ["netns", "exec", namespace, process.execPath, "--disable-warning=ExperimentalWarning", main];
  }

  run(...words: readonly string[]): Promise<number> {
    const child = spawn("ip", [...this.#argv(), ...words], { stdio: ["ignore", "pipe", "pipe"] });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (data: Buffer) => (this.said += data.toString()));
    return new Promise((resolve) => child.on("close", (code) => resolve(code ?? 128)));
  }

  /** As the firmware's first start: found a cluster, or ask to be let in. */
  look(): Promise<number> {
    const data = join(this.dir, "data");
    return this.run("join", "-look", "-found", "-no-start", "-config", this.dir, "-data-dir", data, "-node", this.name);
  }

  startAgent(): void {
    void this.run("agent", "-config", this.dir);
  }

  /** Runs a command of the cluster's manager here, beside the agent. */
  async lares(...words: readonly string[]): Promise<string> {
    const token = readFileSync(join(this.dir, "data/management-token"), "utf8").trim();
    const ran = await env.exec.run([
      "ip",
      ...this.#argv(),
      ...words,
      `-token=${token}`,
      "-address=http://127.0.0.1:4646",
    ]);
    return ran.code === 0 ? ran.stdout : `FAILED ${ran.code}: ${ran.stderr}`;
  }

  async end(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGKILL");
    await new Promise((resolve) => child.once("close", resolve));
  }
}

async function machine(name: string): Promise<Machine> {
  network ??= await makeNetwork(env, "namespaces");
  const made = new Machine(name, await plug(env, network, machines.length));
  machines.push(made);
  return made;
}

const codeIn = (text: string): string | undefined => /lares node approve (\d{3} \d{3})/.exec(text)?.[1];

const isRoot = process.getuid?.() === 0;

(isRoot ? test.serial : test.serial.skip)(
  "two machines that start at once make one cluster: one founds it, the other is let in by its code",
  async (t) => {
    t.timeout(600_000);
    const both = [await machine("lares-a"), await machine("lares-b")];
    const ends = both.map((each) => each.look());
    await until("one founds", () => both.some(({ said }) => said.includes("first server of cluster")));
    const founder = both.find(({ said }) => said.includes("first server of cluster"));
    const guest = both.find((each) => each !== founder);
    if (founder === undefined || guest === undefined) return t.fail("nobody founded");
    t.is(await ends[both.indexOf(founder)], 0);
    t.false(guest.said.includes("first server"), guest.said);
    founder.startAgent();
    await until("the other shows a code", () => codeIn(guest.said) !== undefined);
    const code = codeIn(guest.said) ?? "";
    t.regex(await founder.lares("node", "approve"), new RegExp(`${code} +${guest.name} +server .*waiting`));
    t.regex(await founder.lares("node", "approve", "000 000"), /FAILED.*no node waits with the code/s);
    t.regex(await founder.lares("node", "approve", code), /is let in as a server/);
    t.is(await ends[both.indexOf(guest)], 0, guest.said);
    t.regex(guest.said, /This machine is a server of cluster/);
    t.regex(await founder.lares("member", "list"), new RegExp(guest.name));
    t.is((await founder.lares("node", "approve")).trim().split("\n").length, 1, "nobody waits any more");
  },
);
