import type { Env } from "#base/env/env.ts";
import type { LeaseEvent } from "../answer/decision.ts";
import type { Lease } from "../leases/lease.ts";
import { BoundedQueue } from "#base/env/queue.ts";
import { IPV4_TEXT, type AddressText } from "../leases/address-text.ts";

/** Runs that wait for the one before; past it an event's run is left out, and the log says so. */
const MAX_WAITING = 1024;
const TIMEOUT_MS = 10_000;

/** Runs a program for each lease event, one after another. Answering never waits for it. */
export class Hooks {
  readonly #env: Env;
  readonly #command: readonly string[];
  readonly #addresses: AddressText;
  readonly #queue = new BoundedQueue<Readonly<Record<string, string>>>(MAX_WAITING);
  #isRunning = false;

  constructor(env: Env, command: readonly string[], addresses: AddressText = IPV4_TEXT) {
    this.#addresses = addresses;
    this.#env = env;
    this.#command = command;
  }

  add(event: LeaseEvent | "expired", lease: Lease): void {
    if (this.#command.length === 0) return;
    const facts = {
      LARES_DHCP_EVENT: event,
      LARES_DHCP_ADDRESS: this.#addresses.format(lease.ip),
      LARES_DHCP_MAC: lease.mac,
      LARES_DHCP_CLIENT: lease.client,
      LARES_DHCP_NAME: lease.name,
      LARES_DHCP_SUBNET: lease.subnet,
      LARES_DHCP_VENDOR: lease.vendor,
      LARES_DHCP_EXPIRES: String(lease.endMs),
    };
    if (!this.#queue.push(facts)) this.#env.log.warn("a lease event's hook was left out: too many wait", { event });
    else if (!this.#isRunning) void this.#run();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    for (let facts = this.#queue.shift(); facts !== undefined; facts = this.#queue.shift()) {
      const ended = await this.#env.exec.run(this.#command, { env: facts, timeoutMs: TIMEOUT_MS, leaveNothing: true });
      if (ended.code !== 0 || ended.signal !== 0)
        this.#env.log.warn("the lease hook failed", { code: ended.code, stderr: ended.stderr.slice(0, 200) });
    }
    this.#isRunning = false;
  }
}
