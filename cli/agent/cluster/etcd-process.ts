import { textOf } from "#base/env/bytes.ts";
import type { Timer } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import { CodedError, messageOf } from "#base/env/errors.ts";
import type { Child, Exec } from "#base/env/exec.ts";
import { MAX_TXN_BYTES } from "#base/state/store.ts";
import type { MemberTls } from "./member-tls.ts";

const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 10_000;
/** After a SIGTERM. What it acknowledged is on its disk: nothing is lost where it is killed. */
const STOP_MS = 1000;
const SIGTERM = 15;
const SIGKILL = 9;

export interface EtcdProcessOptions {
  readonly env: Pick<Env, "exec" | "clock" | "log">;
  /** Its own: nobody else's files are there. */
  readonly folder: string;
  readonly name: string;
  readonly clientUrl: string;
  readonly peerUrl: string;
  /** `name=peerUrl` of all members, joined by commas. */
  readonly initialCluster: string;
  readonly isNew: boolean;
  readonly token: string;
  /** What its database may grow to before it takes no more writes. */
  readonly quotaBytes: number;
  /** Files in PEM, for both kinds of connection. Undefined: in the clear, on loopback only. */
  readonly tls: Pick<MemberTls, "files" | "peersName"> | undefined;
  /** Forgets all members but itself: after the others were lost for good. */
  readonly forceNewCluster?: boolean;
}

/** Debian's etcd as a child: started again whenever it ends, stopped with the agent. */
export class EtcdProcess {
  readonly #options: EtcdProcessOptions;
  #child: Child | undefined;
  #pauseMs = FIRST_PAUSE_MS;
  #timer: Timer | undefined;
  #isStopping = false;
  #output = "";

  constructor(options: EtcdProcessOptions) {
    this.#options = options;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get isStopped(): boolean {
    return this.#isStopping;
  }

  /** What it wrote last. */
  get output(): string {
    return this.#output;
  }

  /** Rejects with a `CodedError` where there is no such program. */
  async start(): Promise<void> {
    const program = await requireEtcd(this.#options.env.exec);
    // It ends with the agent, however that ends: left behind it would hold ports and data that the next one needs.
    const keeper = await this.#options.env.exec.find("setpriv");
    await this.#spawn(keeper === undefined ? [program] : [keeper, "--pdeathsig", "TERM", program]);
  }

  async stop(graceMs = STOP_MS): Promise<void> {
    this.#isStopping = true;
    this.#timer?.cancel();
    const child = this.#child;
    if (child === undefined) return;
    const { exec, clock } = this.#options.env;
    exec.kill(child.pid, SIGTERM);
    const overdue = clock.after(graceMs, () => exec.kill(child.pid, SIGKILL));
    await child.exited;
    overdue.cancel();
  }

  /** With the files as they are now. What it acknowledged is on its disk: it is killed, so that nobody waits for it. */
  async restart(): Promise<void> {
    await this.stop(0);
    this.#isStopping = false;
    await this.start();
  }

  async #spawn(program: readonly string[]): Promise<void> {
    const { env } = this.#options;
    const startedMs = env.clock.monotonicMs();
    const child = await env.exec.spawn([...program, ...argumentsOf(this.#options)], {
      env: { PATH: "/usr/bin:/bin", ...unsupportedArch() },
      stdout: "pipe",
      stderr: "pipe",
      stdin: "ignore",
      detached: false,
      onOutput: (_stream, data) => this.#take(textOf(data)),
    });
    this.#child = child;
    void child.exited.then(({ code, signal }) => {
      this.#child = undefined;
      if (this.#isStopping) return;
      env.log.error("etcd ended; it is started again", { code, signal, said: this.#output.slice(-500) });
      if (env.clock.monotonicMs() - startedMs > LONGEST_PAUSE_MS) this.#pauseMs = FIRST_PAUSE_MS;
      this.#spawnLater(program);
    });
  }

  #spawnLater(program: readonly string[]): void {
    const { clock, log } = this.#options.env;
    this.#pauseMs = Math.min(this.#pauseMs * 2, LONGEST_PAUSE_MS);
    this.#timer = clock.after(this.#pauseMs, () => {
      this.#spawn(program).catch((thrown: unknown) => {
        log.error("etcd cannot be started; it is tried again", { error: messageOf(thrown) });
        if (!this.#isStopping) this.#spawnLater(program);
      });
    });
  }

  #take(text: string): void {
    this.#output = (this.#output + text).slice(-4000);
  }
}

/** Resolves with its path. Rejects with a `CodedError` `no_etcd`. */
export async function requireEtcd(exec: Exec): Promise<string> {
  const program = await exec.find("etcd");
  if (program !== undefined) return program;
  throw new CodedError("no_etcd", "etcd is not installed, but the state is kept in it", "apt-get install etcd-server");
}

/** Etcd wants to be told that 32-bit and other machines are meant. */
function unsupportedArch(): Record<string, string> {
  return process.arch === "arm64" ? { ETCD_UNSUPPORTED_ARCH: "arm64" } : {};
}

function argumentsOf(options: EtcdProcessOptions): string[] {
  return [
    `--name=${options.name}`,
    `--data-dir=${options.folder}`,
    `--listen-client-urls=${options.clientUrl}`,
    `--advertise-client-urls=${options.clientUrl}`,
    `--listen-peer-urls=${options.peerUrl}`,
    `--initial-advertise-peer-urls=${options.peerUrl}`,
    `--initial-cluster=${options.initialCluster}`,
    `--initial-cluster-state=${options.isNew ? "new" : "existing"}`,
    `--initial-cluster-token=${options.token}`,
    // A majority notices the loss of its leader within a second; a slow card's sync fits in several times. Signs of life are
    // most of what idle members do: at half of etcd's usual rate, the fewest it allows for that second, they do half as much.
    "--heartbeat-interval=200",
    "--election-timeout=1000",
    // One that hears nothing, and is heard, would depose the others' leader again and again (the default from 3.5 on).
    "--pre-vote=true",
    "--max-txn-ops=20480",
    `--max-request-bytes=${2 * MAX_TXN_BYTES}`,
    `--quota-backend-bytes=${options.quotaBytes}`,
    // Snapshots of its log: fewer of them write less to flash, more of them start faster.
    "--snapshot-count=10000",
    "--logger=zap",
    "--log-level=warn",
    ...(options.forceNewCluster === true ? ["--force-new-cluster"] : []),
    ...tlsArguments(options.tls),
  ];
}

function tlsArguments(tls: EtcdProcessOptions["tls"]): string[] {
  if (tls === undefined) return [];
  const { ca, cert, key } = tls.files;
  return [
    `--trusted-ca-file=${ca}`,
    `--cert-file=${cert}`,
    `--key-file=${key}`,
    "--client-cert-auth",
    `--peer-trusted-ca-file=${ca}`,
    `--peer-cert-file=${cert}`,
    `--peer-key-file=${key}`,
    "--peer-client-cert-auth",
    // The name in the certificate says who it is; a server may speak from any of its addresses.
    "--experimental-peer-skip-client-san-verification",
    ...(tls.peersName === ""
      ? []
      : [`--client-cert-allowed-hostname=${tls.peersName}`, `--peer-cert-allowed-hostname=${tls.peersName}`]),
  ];
}
