import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";

import { join } from "node:path";
import type { ExecutionContext } from "ava";
import * as v from "valibot";
import { Lab, until } from "../../daemons/dhcp/server/lab.ts";

const ROOT = new URL("../../..", import.meta.url).pathname;
const LARES = [process.execPath, "--disable-warning=ExperimentalWarning", `${ROOT}cli/main.ts`];

export interface Machine {
  readonly name: string;
  readonly address: string;
}

const InitSchema = v.object({ join: v.string(), tokenFile: v.string() });

/** Machines on one wire that are one cluster, made as its users make one: access is controlled. Root only. */
export class Household {
  readonly lab: Lab;
  readonly machines: readonly Machine[];
  #token = "";

  private constructor(lab: Lab, count: number) {
    this.lab = lab;
    this.machines = Array.from({ length: count }, (_, i) => ({ name: `s${i + 1}`, address: `192.168.77.${i + 1}` }));
  }

  static async open(t: ExecutionContext, { name, count }: { readonly name: string; readonly count: number }) {
    const lab = await Lab.open(t, name);
    // Tasks run as users of their own, who have to come through.
    chmodSync(lab.dir, 0o755);
    const house = new Household(lab, count);
    for (const machine of house.machines) await house.#prepare(machine);
    const [first, ...others] = house.machines;
    if (first === undefined) throw new Error("a household has a machine");
    const made = await lab.in(first.name, [...LARES, "init", "-config", house.#config(first), "-json"]);
    const { join: line, tokenFile } = v.parse(InitSchema, JSON.parse(made));
    house.#token = readFileSync(tokenFile, "utf8").trim();
    await house.start(first);
    for (const machine of others) {
      await lab.in(machine.name, [...LARES, ...line.split(" ").slice(1), "-config", house.#config(machine)]);
      await house.start(machine);
    }
    return house;
  }

  /** Resolves when its API answers. */
  async start(machine: Machine): Promise<void> {
    const agent = this.lab.start(machine.name, [...LARES, "agent", "-config", this.#config(machine)]);
    const url = `http://${machine.address}:4646/v1/agent/health`;
    await until(`${machine.name} serves`, async () => {
      if (agent.exitCode !== null) throw new Error(`${machine.name} ended: ${agent.said()}`);
      return this.lab.in(machine.name, ["curl", "-sf", "-m", "5", url]).then(
        () => true,
        () => false,
      );
    });
  }

  /** As if its machine lost power: everything on it dies, and the cable is out. */
  async powerOff({ name }: Machine): Promise<void> {
    await this.lab.in(name, ["ip", "link", "set", "eth0", "down"]);
    await this.lab.killAll(name);
  }

  async plugIn(machine: Machine): Promise<void> {
    await this.lab.in(machine.name, ["ip", "link", "set", "eth0", "up"]);
    await this.start(machine);
  }

  /** A command as the cluster's manager, on and asking a machine; rejects when it fails. */
  lares({ name, address }: Machine, ...words: readonly string[]): Promise<string> {
    const env = [`NOMAD_ADDR=http://${address}:4646`, `CONSUL_HTTP_ADDR=http://${address}:8500`];
    const tokens = [`NOMAD_TOKEN=${this.#token}`, `CONSUL_HTTP_TOKEN=${this.#token}`];
    return this.lab.in(name, ["env", ...env, ...tokens, ...LARES, ...words]);
  }

  /** What `dig` prints, once; empty: no answer. */
  async dig(host: string, server: Machine, ...question: readonly string[]): Promise<string> {
    const words = ["dig", `@${server.address}`, "+short", "+time=1", "+tries=1", ...question];
    return (await this.lab.in(host, words).catch(() => "")).trim();
  }

  #config({ name }: Machine): string {
    return join(this.lab.dir, name, "agent.hcl");
  }

  async #prepare(machine: Machine): Promise<void> {
    const { name, address } = machine;
    await this.lab.host(name, `${address}/24`);
    const dir = join(this.lab.dir, name);
    mkdirSync(dir);
    writeFileSync(
      this.#config(machine),
      `name      = "${name}"
data_dir  = "${dir}/data"
bind_addr = "${address}"
log_level = "debug"
server { enabled = ${machine === this.machines[0]} }
client {
  enabled           = true
  network_interface = "eth0"
}
plugin "docker" {
  config { endpoint = "unix://${dir}/no-docker.sock" }
}
acl { enabled = true }
`,
    );
  }
}
