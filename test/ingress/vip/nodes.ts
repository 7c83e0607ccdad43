import { spawn, type ChildProcess } from "node:child_process";
import { mkdirSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { join } from "node:path";
import type { ExecutionContext } from "ava";
import { sourceRoot } from "#base/platform/embedded/files.ts";
import { dropRights } from "#drivers/lares/role-rights.ts";
import { Lab } from "../../daemons/router/lab.ts";
import { testAgent, type TestAgent } from "../../scenario/agent.ts";

const PORT = 8080;
const ADMIN = 8404;

/** Nodes on one switch, each a network namespace with HAProxy and the role vip, a client beside them, and a real catalog. */
export class Nodes {
  readonly lab: Lab;
  readonly agent: TestAgent;
  readonly #children: ChildProcess[] = [];
  readonly #sockets: Server[] = [];

  static async start(t: Pick<ExecutionContext, "teardown">, names: readonly string[]): Promise<Nodes> {
    const nodes = new Nodes(new Lab(t), await testAgent());
    t.teardown(() => nodes.stop());
    nodes.lab.ip("switch", "link add br0 type bridge");
    nodes.lab.ip("switch", "link set br0 up");
    for (const [at, name] of ["client", ...names].entries()) nodes.#plug(name, `10.77.0.${10 + at}`);
    return nodes;
  }

  private constructor(lab: Lab, agent: TestAgent) {
    this.lab = lab;
    this.agent = agent;
  }

  #plug(name: string, address: string): void {
    const [own, other] = [this.lab.device("e"), this.lab.device(`s${this.#plugs.size}`)];
    this.lab.connect([name, own], ["switch", other]);
    this.lab.ip("switch", `link set ${other} master br0`);
    this.lab.ip(name, `address add ${address}/24 dev ${own}`);
    this.lab.ip(name, `address add ${sixOf(address)}/64 dev ${own} nodad`);
    this.#plugs.set(name, { own, other, address });
  }

  readonly #plugs = new Map<string, { readonly own: string; readonly other: string; readonly address: string }>();

  addressOf(name: string): string {
    return this.#plugs.get(name)?.address ?? "";
  }

  deviceOf(name: string): string {
    return this.#plugs.get(name)?.own ?? "";
  }

  /** Pulls the cable out, or puts it in. */
  cable(name: string, state: "up" | "down"): void {
    this.lab.ip("switch", `link set ${this.#plugs.get(name)?.other} ${state}`);
  }

  /** Whether a node has an address on its device. */
  holds(name: string, address: string): boolean {
    return this.lab.ip(name, "address show").includes(` ${address}/`);
  }

  holdersOf(names: readonly string[], address: string): readonly string[] {
    return names.filter((name) => this.holds(name, address));
  }

  /** HAProxy that answers with the node's name, also at addresses that are not there yet. */
  haproxy(name: string, addresses: readonly string[]): ChildProcess {
    const own = this.addressOf(name);
    const config = `defaults
    mode http
    timeout connect 1s
    timeout client 5s
    timeout server 5s
frontend web
    bind ${[own, ...addresses].map((each) => `${each.includes(":") ? `[${each}]` : each}:${PORT}`).join(",")} transparent
    http-request return status 200 content-type text/plain string ${name}
frontend admin
    bind ${own}:${ADMIN}
    http-request return status 200 content-type text/plain string ok if { path /health }
`;
    const child = this.lab.start(name, "haproxy", "-db", "-f", this.lab.write(`${name}.cfg`, config));
    this.#children.push(child);
    return child;
  }

  /** `lares role vip`, as the task would run it. */
  async vip(name: string, env: Readonly<Record<string, string>>): Promise<ChildProcess> {
    const dir = join(this.lab.dir, name);
    const secrets = join(dir, "secrets");
    mkdirSync(secrets, { recursive: true });
    if (!this.#roles.has(name)) await this.#forward(join(secrets, "api.sock"));
    const child = spawn(
      "ip",
      [
        "netns",
        "exec",
        this.lab.space(name),
        // As little as the driver leaves it.
        ...dropRights("vip", { uid: 0, own: false, groups: [] }),
        process.execPath,
        "--disable-warning=ExperimentalWarning",
        `${sourceRoot()}/cli/main.ts`,
        "role",
        "vip",
      ],
      {
        stdio: ["ignore", "pipe", "pipe"],
        env: {
          PATH: process.env["PATH"] ?? "",
          NOMAD_TASK_DIR: dir,
          NOMAD_SECRETS_DIR: secrets,
          NOMAD_NODE_NAME: name,
          NOMAD_ADDR_admin: `${this.addressOf(name)}:${ADMIN}`,
          ...env,
        },
      },
    );
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (data: Buffer) => (this.said += `${name}: ${data.toString()}`));
    this.#children.push(child);
    this.#roles.set(name, child);
    return child;
  }

  readonly #roles = new Map<string, ChildProcess>();

  /** The newest role vip of a node. */
  roleOf(name: string): ChildProcess {
    const child = this.#roles.get(name);
    if (child === undefined) throw new Error(`no role was started on ${name}`);
    return child;
  }

  said = "";

  /** As its agent would: the service of the role on this node. */
  async register(name: string): Promise<void> {
    await this.#put("register", {
      Node: name,
      Address: this.addressOf(name),
      SkipNodeUpdate: false,
      Service: { ID: `vip-${name}`, Service: "lares-vip", Address: this.addressOf(name), Port: ADMIN },
    });
  }

  async deregister(name: string): Promise<void> {
    await this.#put("deregister", { Node: name });
  }

  async #put(action: string, body: unknown): Promise<void> {
    const answer = await fetch(`${this.agent.consul}/v1/catalog/${action}`, {
      method: "PUT",
      body: JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`${action}: ${answer.status} ${await answer.text()}`);
  }

  /** The agent's API on a socket, which reaches into every namespace. */
  async #forward(path: string): Promise<void> {
    const { port, hostname } = new URL(this.agent.consul);
    const server = createServer((near) => {
      const far = connect(Number(port), hostname);
      near.pipe(far).pipe(near);
      for (const one of [near, far]) one.on("error", () => (near.destroy(), far.destroy()));
    });
    await new Promise<void>((resolve) => server.listen(path, resolve));
    this.#sockets.push(server);
  }

  /** Asks an address every 4 ms, each time over a new connection, until stopped. */
  probe(address: string): Probe {
    const child = spawn(
      "ip",
      ["netns", "exec", this.lab.space("client"), process.execPath, "-e", PROBE, address, String(PORT)],
      {
        stdio: ["pipe", "pipe", "inherit"],
      },
    );
    let said = "";
    child.stdout.on("data", (data: Buffer) => (said += data.toString()));
    const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
    this.#children.push(child);
    return {
      answers: () =>
        said
          .split("\n")
          .filter((line) => line !== "")
          .map((line) => line.split(" ")[1] ?? ""),
      stop: async () => {
        child.stdin.end();
        await ended;
        const seen = said
          .split("\n")
          .filter((line) => line !== "")
          .map((line) => line.split(" "));
        return seen.map(([at = "", who = ""]) => ({ atMs: Number(at), who })).toSorted((a, b) => a.atMs - b.atMs);
      },
    };
  }

  async stop(): Promise<void> {
    const ended = this.#children.map((child) =>
      child.exitCode !== null || child.signalCode !== null
        ? Promise.resolve()
        : new Promise<void>((resolve) => child.once("exit", () => resolve())),
    );
    for (const child of this.#children) child.kill("SIGTERM");
    await Promise.all(ended);
    for (const server of this.#sockets) server.close();
    await this.agent.remove();
  }
}

export interface Probe {
  /** Who answered, so far. */
  answers(): readonly string[];
  /** Every answer: when it was asked for, and by whom it was given. */
  stop(): Promise<readonly { readonly atMs: number; readonly who: string }[]>;
}

/** The address of IPv6 that a node has beside one of IPv4. */
export function sixOf(address: string): string {
  return `fd77::${address.split(".").at(-1) ?? ""}`;
}

/** The longest time between two questions that were answered. */
export function longestGap(seen: readonly { readonly atMs: number }[]): number {
  return seen.slice(1).reduce((most, { atMs }, at) => Math.max(most, atMs - (seen[at]?.atMs ?? atMs)), 0);
}

const PROBE = `
const { request } = require("node:http");
const [host, port] = process.argv.slice(1);
const timer = setInterval(() => {
  const at = performance.now();
  const asked = request({ host, port, agent: false, timeout: 300 }, (response) => {
    let body = "";
    response.on("data", (data) => (body += data));
    response.on("end", () => console.log(at.toFixed(1) + " " + body));
  });
  asked.on("timeout", () => asked.destroy());
  asked.on("error", () => {});
  asked.end();
}, 4);
process.stdin.on("end", () => { clearInterval(timer); setTimeout(() => process.exit(0), 400); }).resume();
`;
