import { VIP_LOCK_PREFIX } from "./status.ts";
import { sleep } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import type { ConsulClient } from "#base/client/consul-client.ts";
import type { Placement } from "./address.ts";
import { addAddress, removeAddress } from "./interface-addresses.ts";
import type { LockLease } from "../lock-lease.ts";

export interface LockedAddressOptions {
  readonly env: Env;
  readonly consul: ConsulClient;
  readonly lease: LockLease;
  readonly placement: Placement;
  readonly announce: (device: string, address: string) => Promise<void>;
  /** How many nodes should have it before this one, as far as the catalog knows. */
  readonly rank: () => number;
  readonly changed: () => void;
}

const WAIT_MS = 60_000;
const AGAIN_MS = 500;
/** A node for which others come first leaves them so much time to take it. */
const RANK_MS = 250;
/** Held, though another node is to have it, for no longer than this. */
const LEND_MS = 5000;
const ANNOUNCE_MS = [0, 100, 500, 2000] as const;

/** One address that whoever holds its lock has on its device. */
export class LockedAddress {
  readonly #options: LockedAddressOptions;
  readonly #key: string;
  readonly #stop = new AbortController();
  #working: Promise<void> = Promise.resolve();
  #doing: Promise<void> = Promise.resolve();
  #isHeld = false;
  #isWanted = false;
  #wake = new AbortController();

  constructor(options: LockedAddressOptions) {
    this.#options = options;
    this.#key = `${VIP_LOCK_PREFIX}${options.placement.address.address}`;
  }

  get isHeld(): boolean {
    return this.#isHeld;
  }

  start(): void {
    this.#working = this.#run();
  }

  /** Whether this node is able to hold it. */
  want(isWanted: boolean): Promise<void> {
    this.#isWanted = isWanted;
    this.#wake.abort();
    return isWanted ? Promise.resolve() : this.#giveUp();
  }

  /** Its lock may be somebody else's: taken off at once. */
  lost(): Promise<void> {
    this.#wake.abort();
    return this.#drop();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    this.#isWanted = false;
    this.#wake.abort();
    await this.#giveUp();
    await this.#working;
  }

  async #run(): Promise<void> {
    const { env, lease } = this.#options;
    const { signal } = this.#stop;
    let index = 0;
    while (!signal.aborted) {
      this.#wake = new AbortController();
      const wake = AbortSignal.any([signal, this.#wake.signal]);
      if (!this.#isWanted || lease.id === "") {
        await sleep(env.clock, AGAIN_MS, wake);
        index = 0;
        continue;
      }
      const seen = await this.#look(index, wake);
      if (signal.aborted) return;
      if (seen === undefined) await sleep(env.clock, wake.aborted ? 0 : AGAIN_MS, signal);
      else index = await this.#act(seen, wake);
    }
  }

  /** Who holds the lock; undefined: it cannot be known now. */
  async #look(index: number, signal: AbortSignal): Promise<Seen | undefined> {
    const block = { index, waitMs: this.#isHeld && this.#options.rank() > 0 ? LEND_MS : WAIT_MS };
    const answer = await this.#options.consul.kv.get(this.#key, { signal, ...(index === 0 ? {} : { block }) });
    if (answer.ok) return { holder: answer.value.value[0]?.Session ?? "", index: answer.value.index };
    return answer.error.code === "missing" ? { holder: "", index: answer.error.index } : undefined;
  }

  async #act({ holder, index }: Seen, wake: AbortSignal): Promise<number> {
    const { env, lease, rank, consul } = this.#options;
    const { id } = lease;
    if (holder === id && id !== "") {
      if (!this.#isHeld) await this.#take();
      else if (rank() > 0 && this.#heldForMs() > LEND_MS) await this.#giveUp();
      return index;
    }
    await this.#drop();
    if (holder !== "" || id === "") return index;
    await sleep(env.clock, rank() * RANK_MS, wake);
    if (wake.aborted) return 0;
    const taken = await consul.kv.put(this.#key, env.net.hostname(), { acquire: id });
    if (taken.ok && taken.value.value) await this.#take();
    else await sleep(env.clock, AGAIN_MS, wake);
    return 0;
  }

  #heldSinceMs = 0;

  #heldForMs(): number {
    return this.#options.env.clock.monotonicMs() - this.#heldSinceMs;
  }

  #take(): Promise<void> {
    return this.#inTurn(async () => {
      const { env, placement, lease, changed } = this.#options;
      if (!this.#isWanted || lease.id === "" || this.#isHeld) return;
      const added = await addAddress(env, placement);
      if (!added.ok) return env.log.error(added.error.message, { hint: added.error.hint });
      this.#isHeld = true;
      this.#heldSinceMs = env.clock.monotonicMs();
      env.log.info("holds a virtual address", { address: placement.address.address });
      changed();
      for (const delayMs of ANNOUNCE_MS) env.clock.after(delayMs, () => this.#announce());
    });
  }

  #announce(): void {
    const { env, announce, placement } = this.#options;
    if (!this.#isHeld) return;
    announce(placement.device, placement.address.address).catch((error: unknown) =>
      env.log.warn("cannot tell the neighbours where an address is now", { error: String(error) }),
    );
  }

  #drop(): Promise<void> {
    return this.#inTurn(async () => {
      const { env, placement, changed } = this.#options;
      if (!this.#isHeld) return;
      await removeAddress(env, placement);
      this.#isHeld = false;
      env.log.info("holds a virtual address no more", { address: placement.address.address });
      changed();
    });
  }

  /** Off the device first: the next holder may have it the moment the lock is free. */
  async #giveUp(): Promise<void> {
    const { lease, consul } = this.#options;
    const wasHeld = this.#isHeld;
    const { id } = lease;
    await this.#drop();
    if (wasHeld && id !== "") await consul.kv.put(this.#key, "", { release: id });
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    this.#doing = this.#doing.then(work, work);
    return this.#doing;
  }
}

interface Seen {
  readonly holder: string;
  readonly index: number;
}
