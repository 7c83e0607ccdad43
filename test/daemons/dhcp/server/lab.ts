import { execFile, spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { promisify } from "node:util";
import type { ExecutionContext } from "ava";

const run = promisify(execFile);
const ROOT = new URL("../../../..", import.meta.url).pathname;

export async function until(what: string, holds: () => boolean | Promise<boolean>, timeoutMs = 60_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await wait(50);
  }
}

/** Hosts on one wire: a network namespace each, around one with the bridge. Root only. */
export class Lab {
  readonly dir = mkdtempSync(join(tmpdir(), "lares-dhcp-lab-"));
  readonly #prefix: string;
  readonly #spaces: string[] = [];
  readonly #children: ChildProcess[] = [];
  /** Hosts by the end of their cable on the bridge. */
  readonly #ports = new Map<string, string>();

  private constructor(name: string) {
    this.#prefix = `ld${process.pid % 100_000}${name}`;
  }

  static async open(t: Pick<ExecutionContext, "teardown">, name: string): Promise<Lab> {
    const lab = new Lab(name);
    t.teardown(() => lab.close());
    await lab.#space("w");
    await lab.in("w", ["ip", "link", "add", "br0", "type", "bridge"]);
    await lab.in("w", ["ip", "link", "set", "br0", "up"]);
    return lab;
  }

  /** A host with `eth0` on the wire. */
  async host(name: string, address?: string): Promise<string> {
    await this.#space(name);
    const port = `p${this.#ports.size + 1}`;
    this.#ports.set(name, port);
    const [wire, host] = [this.#name("w"), this.#name(name)];
    await run("ip", ["-n", wire, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", host]);
    await run("ip", ["-n", wire, "link", "set", port, "master", "br0", "up"]);
    await this.in(name, ["ip", "link", "set", "eth0", "up"]);
    if (address !== undefined) await this.in(name, ["ip", "addr", "add", address, "dev", "eth0"]);
    return name;
  }

  /** The wire breaks in two: these hosts reach one another, and nobody else. */
  async part(...hosts: readonly string[]): Promise<void> {
    await this.in("w", ["ip", "link", "add", "br1", "type", "bridge"]);
    await this.in("w", ["ip", "link", "set", "br1", "up"]);
    for (const host of hosts) await this.in("w", ["ip", "link", "set", this.#ports.get(host) ?? host, "master", "br1"]);
  }

  async mend(): Promise<void> {
    for (const port of this.#ports.values()) await this.in("w", ["ip", "link", "set", port, "master", "br0"]);
    await this.in("w", ["ip", "link", "del", "br1"]);
  }

  /** A program on a host; rejects when it fails. */
  async in(host: string, argv: readonly string[]): Promise<string> {
    const { stdout } = await run("ip", ["netns", "exec", this.#name(host), ...argv], { timeout: 60_000 });
    return stdout;
  }

  start(
    host: string,
    argv: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): ChildProcess & { said: () => string } {
    const child = spawn("ip", ["netns", "exec", this.#name(host), ...argv], {
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#children.push(child);
    let said = "";
    for (const stream of [child.stdout, child.stderr]) stream?.on("data", (data: Buffer) => (said += data.toString()));
    return Object.assign(child, { said: () => said });
  }

  /** The role as it runs, serving on a host. */
  async serve(
    host: string,
    settings: object,
    env: Readonly<Record<string, string>> = {},
  ): Promise<ReturnType<Lab["start"]>> {
    const config = join(this.dir, `${host}.json`);
    writeFileSync(config, JSON.stringify(settings));
    const server = this.start(
      host,
      [process.execPath, "--disable-warning=ExperimentalWarning", `${ROOT}cli/main.ts`, "role", "dhcp"],
      {
        LARES_DHCP_CONFIG: config,
        LARES_DHCP_DIR: join(this.dir, host),
        ...env,
      },
    );
    await until(`${host} serves`, () => {
      if (server.exitCode !== null) throw new Error(server.said());
      return server.said().includes("serving DHCP");
    });
    return server;
  }

  /** What udhcpc was told; undefined: nobody answered within `seconds`. */
  async udhcpc(
    host: string,
    options: readonly string[] = [],
    seconds = 5,
  ): Promise<Readonly<Record<string, string>> | undefined> {
    const script = join(this.dir, "udhcpc.sh");
    writeFileSync(script, '#!/bin/sh\n[ "$1" = bound ] && env\nexit 0\n', { mode: 0o755 });
    const argv = ["udhcpc", "-f", "-i", "eth0", "-n", "-q", "-t", String(seconds), "-T", "1", "-s", script, ...options];
    const stdout = await this.in(host, argv).catch(() => "");
    const facts = Object.fromEntries(
      stdout.split("\n").map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
    );
    return facts["ip"] === undefined ? undefined : facts;
  }

  /** The same, as often as it takes: on a busy machine servers are late. */
  async served(host: string, options: readonly string[] = []): Promise<Readonly<Record<string, string>>> {
    let facts: Readonly<Record<string, string>> | undefined;
    await until(`${host} is served`, async () => (facts = await this.udhcpc(host, options)) !== undefined);
    return facts ?? {};
  }

  read(path: string): string {
    return readFileSync(join(this.dir, path), "utf8");
  }

  /** Every process on a host, until there is none. */
  killAll(host: string): Promise<void> {
    return killIn(this.#name(host));
  }

  async close(): Promise<void> {
    for (const child of this.#children) if (child.exitCode === null) child.kill("SIGKILL");
    for (const space of this.#spaces) {
      // What a client left behind in the namespace goes with it.
      await killIn(space);
      await run("ip", ["netns", "del", space]).catch(() => {});
    }
    rmSync(this.dir, { recursive: true, force: true });
  }

  async #space(name: string): Promise<void> {
    await run("ip", ["netns", "add", this.#name(name)]);
    this.#spaces.push(this.#name(name));
    await run("ip", ["-n", this.#name(name), "link", "set", "lo", "up"]);
  }

  #name(host: string): string {
    return `${this.#prefix}${host}`;
  }
}

async function killIn(space: string): Promise<void> {
  for (;;) {
    const { stdout } = await run("ip", ["netns", "pids", space]).catch(() => ({ stdout: "" }));
    const pids = stdout.split("\n").filter((line) => line !== "");
    if (pids.length === 0) return;
    for (const pid of pids) {
      try {
        process.kill(Number(pid), "SIGKILL");
      } catch {
        // It ended by itself.
      }
    }
    await wait(20);
  }
}
