import * as v from "valibot";
import type { ConsulClient } from "#base/client/consul-client.ts";
import { sleep, type Timer } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";

export interface LockLeaseOptions {
  readonly env: Env;
  readonly consul: ConsulClient;
  readonly name: string;
  readonly term: LeaseTerm;
  /** Locks of this session may be somebody else's from now on, or until it could be renewed. */
  readonly onLost: () => void;
}

/** How long others wait for a holder that says nothing. */
export interface LeaseTerm {
  /** What is asked for: Consul's `TTL`, which may be twice as long, or our own `Lease`, which is taken at its word. */
  readonly asks: { readonly TTL: string } | { readonly Lease: string };
  /** The holder gives up so long after it last renewed: before anybody else may have the lock, whatever the clocks' drift. */
  readonly holdsMs: number;
  readonly renewMs: number;
  readonly timeoutMs: number;
}

/** For work that may wait. */
export const LONG_TERM: LeaseTerm = { asks: { TTL: "10s" }, holdsMs: 8500, renewMs: 2500, timeoutMs: 2000 };
/** For what clients wait for. It has to outlive a change of the cluster's leader, which takes about two seconds. */
export const SHORT_TERM: LeaseTerm = { asks: { Lease: "4s" }, holdsMs: 3500, renewMs: 700, timeoutMs: 1000 };

const AGAIN_MS = 250;

const CreatedSchema = v.object({ ID: v.string() });

/** The session all locks of this node hang on. It counts as lost while it could not be renewed in time, whatever the reason. */
export class LockLease {
  readonly #options: LockLeaseOptions;
  #stop = new AbortController();
  #id = "";
  #validUntilMs = 0;
  #expiry: Timer | undefined;
  #working: Promise<void> = Promise.resolve();

  constructor(options: LockLeaseOptions) {
    this.#options = options;
  }

  /** Empty: there is none now. */
  get id(): string {
    return this.#options.env.clock.monotonicMs() < this.#validUntilMs ? this.#id : "";
  }

  start(): void {
    this.#stop = new AbortController();
    this.#working = this.#run(this.#stop.signal);
  }

  /** Starts, and resolves when there is a session; false: there is none to be had. */
  async begin(): Promise<boolean> {
    if (this.#id === "") await this.#make();
    this.start();
    return this.id !== "";
  }

  /** Frees all locks at once. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#working;
    this.#expiry?.cancel();
    this.#validUntilMs = 0;
    if (this.#id !== "") await this.#call(`/v1/session/destroy/${this.#id}`);
    this.#id = "";
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { env, term } = this.#options;
    while (!signal.aborted) {
      if (this.#id === "") await this.#make();
      else await this.#renew();
      await sleep(env.clock, this.id === "" ? AGAIN_MS : term.renewMs, signal);
    }
  }

  async #make(): Promise<void> {
    const { env, consul, name, term } = this.#options;
    const startMs = env.clock.monotonicMs();
    const made = await consul.call({
      method: "PUT",
      path: "/v1/session/create",
      // No checks: were it ended because gossip gives this node up, others would have its locks before it lets go of them.
      body: { Name: name, ...term.asks, Behavior: "release", LockDelay: "0s", NodeChecks: [] },
      timeoutMs: term.timeoutMs,
      schema: CreatedSchema,
    });
    if (!made.ok) return env.log.warn("cannot get a session for locks", { error: made.error.message });
    this.#id = made.value.value.ID;
    this.#holdSince(startMs);
  }

  async #renew(): Promise<void> {
    const { env, onLost } = this.#options;
    const startMs = env.clock.monotonicMs();
    const renewed = await this.#call(`/v1/session/renew/${this.#id}`);
    if (renewed === "well") this.#holdSince(startMs);
    if (renewed !== "gone") return;
    env.log.warn("the session of our locks is over", { session: this.#id });
    this.#id = "";
    this.#validUntilMs = 0;
    this.#expiry?.cancel();
    onLost();
  }

  #holdSince(startMs: number): void {
    const { env, term, onLost } = this.#options;
    this.#validUntilMs = startMs + term.holdsMs;
    this.#expiry?.cancel();
    this.#expiry = env.clock.after(Math.max(0, this.#validUntilMs - env.clock.monotonicMs()), () => {
      env.log.warn("the session of our locks could not be renewed in time", { session: this.#id });
      onLost();
    });
  }

  async #call(path: string): Promise<"well" | "gone" | "unknown"> {
    const answer = await this.#options.consul.call({
      method: "PUT",
      path,
      timeoutMs: this.#options.term.timeoutMs,
      schema: v.unknown(),
    });
    if (answer.ok) return "well";
    return answer.error.code === "missing" ? "gone" : "unknown";
  }
}
