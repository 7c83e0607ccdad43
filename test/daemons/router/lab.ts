import { execFile, execFileSync, spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { ExecutionContext } from "ava";
import { sourceRoot } from "#base/platform/embedded/files.ts";

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

let labs = 0;

/** A household of network namespaces: each machine is one, and everything goes when the test ends. */
export class Lab {
  readonly dir = mkdtempSync(join(tmpdir(), "lares-router-"));
  readonly state = join(this.dir, "state");
  readonly #id = `${process.pid}x${labs++}`;
  readonly #spaces: string[] = [];
  readonly #devices: string[] = [];
  readonly #children: ChildProcess[] = [];

  constructor(t: Pick<ExecutionContext, "teardown">) {
    t.teardown(() => this.#close());
  }

  /** Interface names differ between labs: some programs keep files by them. */
  device(letter: string): string {
    const name = `${letter}${this.#id}`;
    this.#devices.push(name);
    return name;
  }

  space(name: string): string {
    const full = `lr-${this.#id}-${name}`;
    if (!this.#spaces.includes(full)) {
      execFileSync("ip", ["netns", "add", full]);
      this.#spaces.push(full);
      this.ip(name, "link set lo up");
    }
    return full;
  }

  /** A cable. */
  connect(one: readonly [space: string, device: string], other: readonly [space: string, device: string]): void {
    const ends = [
      "link",
      "add",
      one[1],
      "netns",
      this.space(one[0]),
      "type",
      "veth",
      "peer",
      "name",
      other[1],
      "netns",
      this.space(other[0]),
    ];
    execFileSync("ip", ends);
    this.ip(one[0], `link set ${one[1]} up`);
    this.ip(other[0], `link set ${other[1]} up`);
  }

  ip(space: string, words: string): string {
    return execFileSync("ip", ["-n", this.space(space), ...words.split(" ")], { encoding: "utf8" });
  }

  run(space: string, ...argv: readonly string[]): Promise<Ran> {
    return new Promise((resolve) => {
      execFile(
        "ip",
        ["netns", "exec", this.space(space), ...argv],
        { timeout: 60_000, maxBuffer: 1 << 24 },
        (error, stdout, stderr) => {
          const code = error === null ? 0 : typeof error.code === "number" ? error.code : 255;
          resolve({ code, stdout, stderr });
        },
      );
    });
  }

  /** `lares router …` on the router. */
  router(...words: readonly string[]): Promise<Ran> {
    const [command = "", ...rest] = words;
    return this.run(
      "router",
      process.execPath,
      `${sourceRoot()}/cli/main.ts`,
      "router",
      command,
      "-state",
      this.state,
      ...rest,
    );
  }

  start(space: string, ...argv: readonly string[]): ChildProcess {
    const child = spawn("ip", ["netns", "exec", this.space(space), ...argv], { stdio: ["ignore", "pipe", "pipe"] });
    this.#children.push(child);
    return child;
  }

  /** Ends those processes of a machine whose command line has the word, and leaves them no time. */
  kill(space: string, word: string): void {
    for (const pid of this.#pids(this.space(space))) {
      const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
      if (command.includes(word)) signal(pid);
    }
  }

  #pids(fullName: string): readonly number[] {
    const listed = execFileSync("ip", ["netns", "pids", fullName], { encoding: "utf8" });
    return listed.split("\n").flatMap((each) => (each === "" ? [] : [Number(each)]));
  }

  /** Answers every request with its own name and the address that asked. */
  async serve(space: string, port: number, host = "::"): Promise<void> {
    const code = `require("node:http").createServer((q, s) => s.end("${space} " + q.socket.remoteAddress.replace("::ffff:", ""))).listen(${port}, "${host}", () => console.log("up"))`;
    const child = this.start(space, process.execPath, "-e", code);
    await new Promise((resolve) => child.stdout?.once("data", resolve));
  }

  /** Lines with the source of every datagram that comes to this port. */
  async listen(space: string, port: number): Promise<() => string> {
    const code = `require("node:dgram").createSocket("udp4").on("message", (m, r) => console.log(m + " " + r.address)).bind(${port}, () => console.log("up"))`;
    const child = this.start(space, process.execPath, "-e", code);
    let heard = "";
    child.stdout?.on("data", (data: Buffer) => (heard += data.toString()));
    await until("it listens", async () => heard.includes("up"));
    return () => heard;
  }

  /** Sends a datagram with this source. */
  async send(space: string, from: string, to: readonly [address: string, port: number], text: string): Promise<void> {
    const code = `const s = require("node:dgram").createSocket("udp4"); s.bind(0, "${from}", () => s.send("${text}", ${to[1]}, "${to[0]}", () => s.close()))`;
    await this.run(space, process.execPath, "-e", code);
  }

  /** What a web server answers; undefined: nothing within two seconds. */
  /** What a page says; undefined: it does not answer in two seconds. */
  async get(space: string, url: string): Promise<string | undefined> {
    const { code, stdout } = await this.run(space, "curl", "-s", "-m", "2", url);
    return code === 0 ? stdout : undefined;
  }

  /** The same where an answer is expected: a busy machine may take its time. */
  async reach(space: string, url: string): Promise<string | undefined> {
    const { code, stdout } = await this.run(space, "curl", "-s", "--retry", "3", "--retry-all-errors", "-m", "20", url);
    return code === 0 ? stdout : undefined;
  }

  write(name: string, text: string): string {
    const path = join(this.dir, name);
    writeFileSync(path, text);
    return path;
  }

  async #close(): Promise<void> {
    const ended = this.#children.map(gone);
    for (const child of this.#children) child.kill("SIGTERM");
    await Promise.race([Promise.all(ended), pause(10_000)]);
    for (const space of this.#spaces) {
      for (const pid of this.#pids(space)) signal(pid);
      execFileSync("ip", ["netns", "delete", space]);
    }
    for (const name of this.#devices)
      for (const path of [`/var/lib/dhcpcd/${name}.lease`, `/var/lib/dhcpcd/${name}.lease6`])
        rmSync(path, { force: true });
    rmSync(this.dir, { recursive: true, force: true });
  }
}

function gone(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => void child.once("exit", () => resolve()));
}

function signal(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended by itself.
  }
}

const DEADLINE_MS = 120_000;
const PAUSE_MS = 100;

/** Waits until `found` gives something true. */
export async function until<T>(what: string, found: () => Promise<T>): Promise<T> {
  const end = Date.now() + DEADLINE_MS;
  for (;;) {
    const value = await found();
    if (value !== false && value !== undefined) return value;
    if (Date.now() > end) throw new Error(`waited in vain until ${what}`);
    await pause(PAUSE_MS);
  }
}
