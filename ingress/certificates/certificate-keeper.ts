import type { ConsulClient } from "#base/client/consul-client.ts";
import type { Timer } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import { messageOf, type Failure, type Result } from "#base/env/errors.ts";
import { LockLease, LONG_TERM } from "../lock-lease.ts";
import { dueNames, type Due } from "./due.ts";
import { certificateKeyOf, type Wanted } from "./wanted.ts";

/** Gets a certificate with its chain and its key, PEM. */
export type Issue = (name: string, signal: AbortSignal) => Promise<Result<string>>;

export interface KeeperOptions {
  readonly env: Env;
  readonly consul: ConsulClient;
  readonly node: string;
  /** `lares/ingress`. */
  readonly store: string;
  /** Opened when something is due, under the lock of all ingresses. */
  readonly issuers: Readonly<Record<Wanted["by"], () => Promise<Result<Issue>>>>;
  /** Something failed, or works again. */
  readonly onProblems: () => void;
}

interface Trouble {
  readonly failures: number;
  readonly notBeforeMs: number;
  readonly failure: Failure;
}

const FIRST_PAUSE_MS = 60_000;
/** Let's Encrypt lets an account fail five times an hour for a name. */
const LONGEST_PAUSE_MS = 6 * 3_600_000;
const LOCK_PAUSE_MS = 5000;
const MAX_NAMES = 1000;
/** So many names at once of each issuer: one that nobody vouches for keeps few others waiting. */
const AT_ONCE = 5;

/** Gets certificates for names that are to have one and renews them in time; of several ingresses one at a time. */
export class CertificateKeeper {
  readonly #options: KeeperOptions;
  readonly #lease: LockLease;
  readonly #troubles = new Map<string, Trouble>();
  #wanted: ReadonlyMap<string, Wanted> = new Map();
  #have: ReadonlyMap<string, string> = new Map();
  #timer: Timer | undefined;
  #working: Promise<void> | undefined;
  #news = Promise.withResolvers<void>();
  readonly #stop = new AbortController();

  constructor(options: KeeperOptions) {
    this.#options = options;
    const { env, consul, node } = options;
    this.#lease = new LockLease({
      env,
      consul,
      name: `certificates by ${node}`,
      term: LONG_TERM,
      onLost: () => this.#news.resolve(),
    });
  }

  problems(): readonly Failure[] {
    return [...this.#troubles.values()].map(({ failure }) => failure);
  }

  /** Names that are to have a certificate, and those in the store by their keys. */
  follow(wanted: readonly Wanted[], have: ReadonlyMap<string, string>): void {
    const { store } = this.#options;
    this.#wanted = new Map(wanted.slice(0, MAX_NAMES).map((one) => [certificateKeyOf(store, one), one]));
    this.#have = have;
    for (const key of this.#troubles.keys()) if (!this.#wanted.has(key)) this.#troubles.delete(key);
    this.#news.resolve();
    this.#lookSoon(0);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    this.#timer?.cancel();
    await this.#working;
    await this.#lease.stop();
  }

  #lookSoon(delayMs: number): void {
    this.#timer?.cancel();
    if (this.#stop.signal.aborted || this.#working !== undefined) return;
    this.#timer = this.#options.env.clock.after(delayMs, () => {
      this.#working = this.#look()
        .catch((error: unknown) => {
          this.#options.env.log.error("cannot look after certificates", { error: messageOf(error) });
          return FIRST_PAUSE_MS;
        })
        .then((pauseMs) => {
          this.#working = undefined;
          this.#lookSoon(pauseMs);
        });
    });
  }

  /** Resolves to how long there is nothing to do. */
  async #look(): Promise<number> {
    const due = this.#due();
    if (due.keys.length === 0) return Math.max(1000, due.nextMs - this.#options.env.clock.nowMs());
    if (!(await this.#lock())) return LOCK_PAUSE_MS;
    try {
      await this.#renewAll();
    } finally {
      await this.#unlock();
    }
    return 1000;
  }

  #due(): Due {
    return dueNames({
      nowMs: this.#options.env.clock.nowMs(),
      wanted: this.#wanted,
      have: (key) => this.#have.get(key),
      notBeforeMs: (key) => this.#troubles.get(key)?.notBeforeMs ?? 0,
    });
  }

  /** All that are due, a few at a time; names that come meanwhile are taken in. */
  async #renewAll(): Promise<void> {
    const opened = new Map<Wanted["by"], Promise<Result<Issue>>>();
    const underway = new Map<string, { readonly by: Wanted["by"]; readonly done: Promise<void> }>();
    const issuer = (by: Wanted["by"]): Promise<Result<Issue>> => {
      const issue = opened.get(by) ?? this.#options.issuers[by]();
      opened.set(by, issue);
      return issue;
    };
    while (!this.#stop.signal.aborted && this.#lease.id !== "") {
      this.#news = Promise.withResolvers();
      for (const key of this.#due().keys) {
        const by = this.#wanted.get(key)?.by;
        const busy = [...underway.values()].filter((one) => one.by === by).length;
        if (by === undefined || underway.has(key) || busy >= AT_ONCE) continue;
        const done = this.#obtain(key, issuer(by)).finally(() => underway.delete(key));
        underway.set(key, { by, done });
      }
      if (underway.size === 0) return;
      await Promise.race([this.#news.promise, ...[...underway.values()].map(({ done }) => done)]);
    }
    await Promise.all([...underway.values()].map(({ done }) => done));
  }

  async #obtain(key: string, opening: Promise<Result<Issue>>): Promise<void> {
    try {
      const issue = await opening;
      if (issue.ok) await this.#renew(key, issue.value);
      else this.#failed(key, issue.error);
    } catch (error) {
      this.#failed(key, { code: "ingress_certificate", message: messageOf(error) });
    }
  }

  async #renew(key: string, issue: Issue): Promise<void> {
    const { env, consul } = this.#options;
    const name = this.#wanted.get(key)?.name;
    if (name === undefined) return;
    const now = await consul.kv.get(key);
    const stored = now.ok ? Buffer.from(now.value.value[0]?.Value ?? "", "base64").toString("utf8") : undefined;
    // Another ingress was faster.
    if (stored !== undefined && stored !== this.#have.get(key)) return this.#done(key, stored);
    env.log.info("gets a certificate", { name });
    const got = await issue(name, this.#stop.signal);
    if (!got.ok && this.#stop.signal.aborted) return;
    if (!got.ok) return this.#failed(key, got.error);
    const written = await consul.kv.put(key, got.value);
    if (!written.ok) return this.#failed(key, { code: "acme_store", message: written.error.message });
    env.log.info("has a certificate", { name });
    this.#done(key, got.value);
  }

  #done(key: string, pem: string): void {
    this.#have = new Map([...this.#have, [key, pem]]);
    if (this.#troubles.delete(key)) this.#options.onProblems();
  }

  #failed(key: string, { code, message, hint }: Failure): void {
    const { env, onProblems } = this.#options;
    const name = this.#wanted.get(key)?.name ?? key;
    const failures = (this.#troubles.get(key)?.failures ?? 0) + 1;
    const pauseMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (failures - 1));
    const failure = { code, message: `no certificate for ${name}: ${message}`, hint: hint ?? "it is tried again" };
    env.log.warn(failure.message, { hint: failure.hint, againMs: pauseMs });
    this.#troubles.set(key, { failures, failure, notBeforeMs: env.clock.nowMs() + pauseMs });
    onProblems();
  }

  async #lock(): Promise<boolean> {
    if (!(await this.#lease.begin())) return false;
    const taken = await this.#options.consul.kv.put(this.#lockKey(), this.#options.node, { acquire: this.#lease.id });
    return taken.ok && taken.value.value;
  }

  async #unlock(): Promise<void> {
    await this.#options.consul.kv.put(this.#lockKey(), "", { release: this.#lease.id });
    await this.#lease.stop();
  }

  #lockKey(): string {
    return `${this.#options.store}/acme/lock`;
  }
}
