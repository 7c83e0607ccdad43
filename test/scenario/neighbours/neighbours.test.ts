import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { createEnv } from "#base/platform/create-env.ts";
import { makeNetwork, plug, unmakeNetwork, type LabNetwork } from "#cli/lab/network.ts";
import type { LabNode } from "#cli/lab/lab-file.ts";
import { until } from "../agent.ts";

const main = new URL("../../../cli/main.ts", import.meta.url).pathname;
const env = createEnv({ logLevel: "warn" });
const root = mkdtempSync(join(tmpdir(), "lares-neighbours-"));
const machines: Machine[] = [];
let network: LabNetwork | undefined;
/** The one that founded the cluster of the first test. */
let founded: Machine | undefined;

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

/** Where the firmware's programs find what is theirs: folders that nobody else sees, with a seed file that has a mistake in it. */
const FIRMWARE = `set -e
mount -t tmpfs run /run; mount -t tmpfs state /var/lib; mount -t tmpfs boot /boot
mkdir -p /run/etc/upper /run/etc/work /run/lares-os /var/lib/lares /var/lib/lares-os/lares
mount -t overlay -o lowerdir=/etc,upperdir=/run/etc/upper,workdir=/run/etc/work overlay /etc
ln -sfn /var/lib/lares-os/lares /etc/lares
[ ! -e /sys/class/tty/console/active ] || mount --bind /dev/null /sys/class/tty/console/active
printf 'hostname = "kitchen"\nhostnam = "x"\n' >/boot/lares.hcl
echo lares.hcl >/run/lares-os/seed
echo up
exec sleep 3600`;

/** A machine with the firmware's first start: the two programs that its units start at once. */
class FirmwareMachine {
  readonly address: string;
  readonly #home: ChildProcess;
  readonly #programs: ChildProcess[] = [];
  said = "";

  private constructor(address: string, home: ChildProcess) {
    this.address = address;
    this.#home = home;
  }

  static async start(t: ExecutionContext): Promise<FirmwareMachine> {
    const { namespace, address } = (await machine("lares-c")).place;
    const home = spawn("ip", ["netns", "exec", namespace, "unshare", "-m", "-u", "sh", "-c", FIRMWARE], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const made = new FirmwareMachine(address, home);
    t.teardown(() => made.end());
    let up = "";
    home.stdout.on("data", (data: Buffer) => (up += data.toString()));
    await until("its folders are there", () => {
      if (home.exitCode !== null) throw new Error("no folders of its own");
      return up.includes("up");
    });
    made.run("agent", "-config=/etc/lares", "-await=/run/lares-os/network", "-await=/var/lib/lares-os/ready");
    made.run("os", "become-member");
    return made;
  }

  run(...words: readonly string[]): void {
    const inside = ["-t", String(this.#home.pid), "-m", "-n", "-u"];
    const lares = [process.execPath, "--disable-warning=ExperimentalWarning", main, ...words];
    const child = spawn("nsenter", [...inside, ...lares], { stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (data: Buffer) => (this.said += data.toString()));
    this.#programs.push(child);
  }

  /** The file that its network unit makes. */
  async networked(): Promise<void> {
    await env.exec.run(["nsenter", "-t", String(this.#home.pid), "-m", "touch", "/run/lares-os/network"]);
  }

  async get(path: string): Promise<{ readonly status: number; readonly text: string }> {
    const url = `http://${this.address}:4646${path}`;
    const answer = await fetch(url, { signal: AbortSignal.timeout(10_000) }).catch(() => undefined);
    return { status: answer?.status ?? 0, text: (await answer?.text().catch(() => "")) ?? "" };
  }

  async end(): Promise<void> {
    for (const child of [...this.#programs, this.#home]) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill("SIGKILL");
      await new Promise((resolve) => child.once("close", resolve));
    }
  }
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
    founded = founder;
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

(isRoot ? test.serial : test.serial.skip)(
  "a machine with the firmware has a page while it waits, and the agent's API on the same port once it was let in",
  async (t) => {
    t.timeout(600_000);
    const founder = founded;
    if (founder === undefined) return t.fail("there is no cluster");
    const guest = await FirmwareMachine.start(t);
    const told = async (what: RegExp): Promise<boolean> => what.test((await guest.get("/")).text);
    await until("it tells that it waits for its network", () => told(/waits for an address/));
    t.true(await told(/<h1>kitchen<\/h1>/), "the seed's name");
    t.true(await told(/lares\.hcl:2: .*hostnam/), "and its mistake");
    t.is((await guest.get("/v1/agent/health")).status, 500);
    await guest.networked();
    await until("its code is on its page", () => told(/waits to be let in.*<code>\d{3} \d{3}<\/code>/s));
    const page = await guest.get("/");
    const code = /<code>(\d{3} \d{3})<\/code>/.exec(page.text)?.[1] ?? "";
    t.is(codeIn(guest.said), code, "the same as on its screen");
    t.true(page.text.includes(guest.address), "its address");
    t.regex((await guest.get("/v1/nodes")).text, new RegExp(`^kitchen is not a member of a cluster yet\\. .*${code}`));
    t.regex(await founder.lares("node", "approve", code), /kitchen .*is let in/);
    await until("the agent's own API is there", async () => (await guest.get("/v1/agent/health")).status === 200);
    t.regex((await guest.get("/")).text, /<title>Lares<\/title>/, "and its page");
    t.notRegex(guest.said, /EADDRINUSE|no page/);
  },
);
