import { spawn } from "node:child_process";
import { setTimeout as wait } from "node:timers/promises";
import * as v from "valibot";
import { HOST_SEEN_FROM_LAN, Lan } from "./lan.ts";
import { BOOT_MS, Machine, makeKey, overlay } from "./machine.ts";
import { seedText, type Workbench } from "./workbench.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
const MIB_EACH = 768;
/** As the screen shows it to a person. */
const CODE = /lares node approve (\d{3} \d{3})/g;

const StateSchema = v.object({
  Engine: v.string(),
  Members: v.nullable(v.array(v.object({ ID: v.string(), Healthy: v.boolean(), Voter: v.boolean() }))),
});
const HealthSchema = v.array(
  v.object({ Node: v.object({ Node: v.string(), Address: v.string() }), Service: v.object({ Port: v.number() }) }),
);

export interface Instance {
  /** Name of its node. */
  readonly node: string;
  readonly address: string;
  readonly port: number;
}

interface ClusterOptions {
  readonly bench: Workbench;
  /** Of each machine; default 768. */
  readonly memoryMib?: number;
  readonly say: (line: string) => void;
}

/** Machines on one network that find each other. What a person does is done with the command line, on this host. */
export class Cluster {
  readonly machines: Machine[] = [];
  readonly #options: ClusterOptions;
  readonly #lan: Lan;
  readonly #base: string;
  readonly #key: string;
  readonly #addresses = new Map<Machine, string>();
  #token = "";
  #startedMs = 0;

  private constructor(options: ClusterOptions, { lan, base, key }: { lan: Lan; base: string; key: string }) {
    this.#options = options;
    this.#lan = lan;
    this.#base = base;
    this.#key = key;
  }

  static async open(options: ClusterOptions): Promise<Cluster> {
    const { bench } = options;
    const { key, line } = makeKey(bench.folder);
    // The key is for loading an image and looking inside; nothing else is seeded.
    const base = await bench.disk("node.img", { "lares.hcl": seedText(line) });
    return new Cluster(options, { lan: await Lan.open(), base, key });
  }

  /** Seconds since the first machine was switched on. */
  sinceStart(): number {
    return (performance.now() - this.#startedMs) / 1000;
  }

  /** Switches a new machine on. */
  async add(): Promise<Machine> {
    const { bench, memoryMib = MIB_EACH } = this.#options;
    const { folder } = bench;
    const number = String(this.machines.length + 1).padStart(4, "0");
    const disk = overlay(`${folder}/node-${number}.qcow2`, this.#base, "raw", "6G");
    const named = { folder, name: `node-${number}`, serial: `LAB${number}`, key: this.#key };
    const machine = new Machine({ ...named, disk, memoryMib, lan: this.#lan });
    if (this.machines.length === 0) this.#startedMs = performance.now();
    this.machines.push(machine);
    await machine.start();
    this.#options.say(`lares-${number} is switched on`);
    return machine;
  }

  /** Its screen told its address. */
  async located(machine: Machine): Promise<string> {
    const address = await machine.addressed();
    this.#addresses.set(machine, address);
    this.#options.say(`${nameOf(machine)} has the address ${address}`);
    return address;
  }

  /** The machine that founded the cluster, of several that were switched on together. */
  async founder(): Promise<Machine> {
    const founded = (machine: Machine): boolean => /first server of cluster/.test(machine.transcript());
    await this.until("one of them founds a cluster", () => this.machines.some(founded));
    const machine = this.machines.find(founded);
    if (machine === undefined) throw new Error("nobody founded");
    return machine;
  }

  /** The founder answers; its token is known then. */
  async whenFounded(founder: Machine): Promise<void> {
    this.#options.say(`${nameOf(founder)} founds a cluster`);
    await founder.whenApi();
    await founder.until("its token is there", async () => {
      const { code, stdout } = await founder.run("cat /var/lib/lares/management-token", 60_000);
      this.#token = stdout.trim();
      return code === 0 && this.#token !== "";
    });
  }

  get token(): string {
    return this.#token;
  }

  /** The code that the machine's screen shows now; undefined: none yet. */
  codeOf(machine: Machine): string | undefined {
    return [...machine.transcript().matchAll(CODE)].at(-1)?.[1];
  }

  /** Types the code of its screen until it is let in; another server may be asked meanwhile, with another code. */
  async approve(machine: Machine): Promise<void> {
    await machine.until(`${nameOf(machine)} shows a code and is let in`, async () => {
      const code = this.codeOf(machine);
      if (code === undefined) return false;
      const { ok, said } = await this.lares("node", "approve", ...code.split(" "));
      if (ok) this.#options.say(`lares node approve ${code}: ${said.trim()}`);
      return ok;
    });
  }

  /** The cluster's state is shared by so many servers that all answer. */
  async whenServers(count: number): Promise<void> {
    const read = async (): Promise<boolean> => {
      const state = v.safeParse(StateSchema, await this.api("/v1/operator/state"));
      if (!state.success) return false;
      const { Engine, Members } = state.output;
      const well = (Members ?? []).filter(({ Healthy, Voter }) => Healthy && Voter);
      return Engine === "etcd" && well.length === count && well.length === Members?.length;
    };
    await this.until(`${count} servers share the state`, read);
  }

  async whenReady(count: number): Promise<void> {
    await this.until(`${count} nodes are ready`, async () => (await this.readyNodes()).length === count);
  }

  async readyNodes(): Promise<readonly string[]> {
    const schema = v.array(v.object({ Name: v.string(), Status: v.string() }));
    const nodes = v.safeParse(schema, await this.api("/v1/nodes"));
    if (!nodes.success) return [];
    return nodes.output.filter(({ Status }) => Status === "ready").map(({ Name }) => Name);
  }

  /** Whether a task of the job runs. */
  async runs(job: string): Promise<boolean> {
    const schema = v.array(v.object({ ClientStatus: v.string() }));
    const allocs = v.safeParse(schema, await this.api(`/v1/job/${job}/allocations`));
    return allocs.success && allocs.output.some(({ ClientStatus }) => ClientStatus === "running");
  }

  /** Instances that pass their checks; undefined: nobody answers just now. */
  async passing(service: string): Promise<readonly Instance[] | undefined> {
    const answer = v.safeParse(HealthSchema, await this.api(`/v1/health/service/${service}?passing`, "catalogPort"));
    if (!answer.success) return undefined;
    return answer.output.map((one) => ({
      node: one.Node.Node,
      address: one.Node.Address,
      port: one.Service.Port,
    }));
  }

  async whenPassing(service: string, count: number): Promise<readonly Instance[]> {
    let found: readonly Instance[] = [];
    await this.until(`${count} instances of ${service} pass`, async () => {
      found = (await this.passing(service)) ?? [];
      return found.length === count;
    });
    return found;
  }

  /** What the first machine that answers says; undefined: none did. */
  async api(path: string, port: "apiPort" | "catalogPort" = "apiPort"): Promise<unknown> {
    for (const machine of this.machines) {
      if (!machine.running() || !this.#addresses.has(machine)) continue;
      try {
        const answer = await fetch(`http://127.0.0.1:${machine[port]}${path}`, {
          headers: { "X-Nomad-Token": this.#token, "X-Consul-Token": this.#token },
          signal: AbortSignal.timeout(10_000),
        });
        if (answer.ok) return await answer.json();
      } catch {
        continue;
      }
    }
    return undefined;
  }

  /** Our command line, speaking to a machine that answers. */
  async lares(...words: readonly string[]): Promise<{ readonly ok: boolean; readonly said: string }> {
    for (const machine of this.machines) {
      if (!machine.running() || !(await machine.answers("/v1/agent/health"))) continue;
      const address = `http://127.0.0.1:${machine.apiPort}`;
      const lares = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", "cli/main.ts", ...words], {
        cwd: ROOT,
        env: { ...process.env, NOMAD_ADDR: address, NOMAD_TOKEN: this.#token },
        stdio: ["ignore", "pipe", "pipe"],
      });
      let said = "";
      for (const stream of [lares.stdout, lares.stderr])
        stream.on("data", (bytes: Buffer) => (said += bytes.toString()));
      const code = await new Promise<number>((resolve) => lares.on("close", (ended) => resolve(ended ?? 255)));
      return { ok: code === 0, said };
    }
    return { ok: false, said: "no machine answers" };
  }

  async must(...words: readonly string[]): Promise<string> {
    const { ok, said } = await this.lares(...words);
    if (!ok) throw new Error(`lares ${words.join(" ")}: ${said}`);
    return said;
  }

  /** Puts an archive of an image into the machine's engine, from a server of files on this host. */
  async loadImage(machine: Machine, port: number, file: string): Promise<void> {
    await machine.whenSsh();
    const from = `curl -sSf http://${HOST_SEEN_FROM_LAN}:${port}/${file}`;
    const into = "curl -sSf --unix-socket /run/docker.sock -H 'Content-Type: application/x-tar' -T - -X POST";
    await machine.until(`${nameOf(machine)} has the image`, async () => {
      const { code, stdout } = await machine.run(`${from} | ${into} http://docker/images/load?quiet=1`, 600_000);
      return code === 0 && !stdout.includes('"error"');
    });
    this.#options.say(`${nameOf(machine)} has the image`);
  }

  /** Of a port inside, one on this host. */
  async forward(machine: Machine, inside: number, port: number): Promise<void> {
    await this.#lan.forward(port, `${this.#addresses.get(machine) ?? ""}:${inside}`);
  }

  /** The machine with this node's name. */
  machineOf(node: string): Machine {
    const found = this.machines.find((machine) => nameOf(machine) === node);
    if (found === undefined) throw new Error(`no machine is called ${node}`);
    return found;
  }

  async until(what: string, holds: () => boolean | Promise<boolean>, timeoutMs = BOOT_MS): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    while (!(await holds())) {
      const screens = (): string =>
        this.machines.map((machine) => `${nameOf(machine)}:\n${machine.transcript().slice(-1500)}`).join("\n");
      if (performance.now() > deadline) throw new Error(`not in time: ${what}\n${screens()}`);
      await wait(500);
    }
  }

  async discard(): Promise<void> {
    for (const machine of this.machines) await machine.cut();
    await this.#lan.close();
  }
}

/** The firmware makes it of the serial number. */
export function nameOf({ options }: Machine): string {
  return `lares-${options.name.slice(-4)}`;
}
