import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ExecutionContext } from "ava";

const SCRIPT = new URL("../../../../os-image/firmware/files/await-network.sh", import.meta.url).pathname;
/** As /proc/net/route has them; gateways are 192.168.1.1 and 10.0.2.2. */
const HEADER = "Iface\tDestination\tGateway \tFlags\n";
const NAT = `${HEADER}enp0s3\t00000000\t0202000A\t0003\nenp0s3\t0002000A\t00000000\t0001\n`;
const ROUTES = {
  none: HEADER,
  house: `${HEADER}enp0s3\t00000000\t0101A8C0\t0003\nenp0s3\t0001A8C0\t00000000\t0001\n`,
  nat: NAT,
  natAndLan: `${NAT}enp0s8\t0038A8C0\t00000000\t0001\n`,
} as const;

/** A start on a machine with two cards (and a VLAN) that waits for its network. */
export class AwaitedNetwork {
  readonly #folder: string;
  readonly #shell: ChildProcess;

  constructor(t: ExecutionContext, routes: keyof typeof ROUTES, tries = 10_000) {
    this.#folder = mkdtempSync(join(tmpdir(), "lares-await-"));
    t.teardown(() => rmSync(this.#folder, { recursive: true }));
    for (const card of ["enp0s3/device", "enp0s8/device", "enp0s8.7", "lo"])
      mkdirSync(join(this.#folder, "net", card), { recursive: true });
    mkdirSync(join(this.#folder, "run"));
    this.becomes(routes);
    const places = {
      LARES_RUN: join(this.#folder, "run"),
      LARES_ROUTES: join(this.#folder, "route"),
      LARES_CARDS: join(this.#folder, "net"),
    };
    const env = { ...process.env, ...places, LARES_TRIES: String(tries) };
    this.#shell = spawn("sh", ["-eu", SCRIPT], { env, stdio: "inherit" });
    t.teardown(() => this.#shell.kill());
  }

  becomes(routes: keyof typeof ROUTES): void {
    writeFileSync(join(this.#folder, "route.new"), ROUTES[routes]);
    renameSync(join(this.#folder, "route.new"), join(this.#folder, "route"));
  }

  /** What it leaves for others when it is over. */
  async left(): Promise<string> {
    if (this.#shell.exitCode === null) await once(this.#shell, "exit");
    if (this.#shell.exitCode !== 0) throw new Error(`the script ended with ${this.#shell.exitCode}`);
    return readdirSync(join(this.#folder, "run")).join(" ");
  }
}
