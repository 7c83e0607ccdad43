import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { freePorts } from "#test/free-ports.ts";
import { createEtcdClient } from "#base/platform/etcd/etcd-client.ts";
import type { EtcdTls } from "#base/platform/etcd/grpc-connection.ts";
import type { Certificates } from "./certificates.ts";

/** What the store's contract takes of etcd beyond its defaults. */
export const LIMITS = ["--max-txn-ops=20480", "--max-request-bytes=67108864"];

export interface TestMember {
  readonly name: string;
  readonly endpoint: string;
  readonly peer: string;
  readonly pid: number;
  kill(signal: NodeJS.Signals): void;
  /** After a kill: the same member again, with its data. */
  restart(): Promise<void>;
}

export interface TestEtcd {
  readonly members: readonly TestMember[];
  readonly endpoints: readonly string[];
  readonly folder: string;
  stop(): Promise<void>;
}

/** Real etcd members on free loopback ports. Plain, or with certificates that clients need too. */
export async function startEtcd(count = 1, certificates?: Certificates): Promise<TestEtcd> {
  const scheme = certificates === undefined ? "http" : "https";
  const folder = mkdtempSync(join(tmpdir(), "lares-etcd-"));
  const ports = await freePorts(count * 2);
  const specs = Array.from({ length: count }, (_, i) => ({
    name: `m${i}`,
    endpoint: `${scheme}://127.0.0.1:${ports[i * 2]}`,
    peer: `http://127.0.0.1:${ports[i * 2 + 1]}`,
  }));
  const cluster = specs.map(({ name, peer }) => `${name}=${peer}`).join(",");
  const extra = certificates === undefined ? [] : argumentsOf(certificates);
  const argv = [`--initial-cluster=${cluster}`, ...extra];
  const members = specs.map((spec) => new Member(spec, folder, { argv, tls: certificates?.tls() }));
  const stop = async (): Promise<void> => {
    await Promise.all(members.map((member) => member.end()));
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  await Promise.all(members.map((member) => member.ready())).catch(async (thrown: unknown) => {
    await stop();
    throw thrown;
  });
  return { members, endpoints: specs.map(({ endpoint }) => endpoint), folder, stop };
}

/** https://etcd.io/docs/v3.4/op-guide/security/ */
function argumentsOf({ folder }: Certificates): string[] {
  const file = (name: string): string => join(folder, name);
  return [
    `--cert-file=${file("node.crt")}`,
    `--key-file=${file("node.key")}`,
    `--trusted-ca-file=${file("ca.crt")}`,
    "--client-cert-auth",
  ];
}

class Member implements TestMember {
  readonly name: string;
  readonly endpoint: string;
  readonly peer: string;
  readonly #argv: readonly string[];
  readonly #tls: EtcdTls | undefined;
  #child: ChildProcess;
  #output = "";

  constructor(
    { name, endpoint, peer }: { name: string; endpoint: string; peer: string },
    folder: string,
    { argv, tls }: { readonly argv: readonly string[]; readonly tls: EtcdTls | undefined },
  ) {
    this.#tls = tls;
    this.name = name;
    this.endpoint = endpoint;
    this.peer = peer;
    this.#argv = [
      `--name=${name}`,
      `--data-dir=${join(folder, name)}`,
      `--listen-client-urls=${endpoint}`,
      `--advertise-client-urls=${endpoint}`,
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      "--initial-cluster-state=new",
      "--heartbeat-interval=50",
      "--election-timeout=500",
      "--logger=zap",
      "--log-level=error",
      ...LIMITS,
      ...argv,
    ];
    this.#child = this.#start();
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async restart(): Promise<void> {
    await this.#ended();
    this.#child = this.#start();
    await this.ready();
  }

  async end(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#ended();
  }

  /** Resolves once it answers and has a leader. */
  async ready(): Promise<void> {
    const client = createEtcdClient({
      endpoints: [this.endpoint],
      ...(this.#tls === undefined ? {} : { tls: this.#tls }),
    });
    try {
      for (let tries = 0; tries < 1000; tries++) {
        if (this.#child.exitCode !== null) throw new Error(`etcd ended: ${this.#output}`);
        try {
          await client.range({ span: { key: "ready" } }, 2000);
          return;
        } catch {
          await delay(20);
        }
      }
      throw new Error(`etcd does not come up: ${this.#output}`);
    } finally {
      await client.close();
    }
  }

  #start(): ChildProcess {
    const child = spawn("etcd", this.#argv, { stdio: ["ignore", "pipe", "pipe"], env: { PATH: process.env["PATH"] } });
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk: Buffer) => (this.#output = (this.#output + chunk.toString()).slice(-4000)));
    return child;
  }

  async #ended(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, "exit");
  }
}
