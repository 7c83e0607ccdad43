import { succeed, type Result } from "#base/env/errors.ts";
import type { AllocReport } from "#base/protocol/alloc.ts";
import type { Driver, StartFailure, TaskHandle, TaskNetwork } from "#drivers/driver.ts";
import type { ClientAlloc } from "../../link.ts";
import { needsNetwork } from "../network/alloc-networks.ts";
import type { AllocRunnerDeps } from "./alloc-deps.ts";
import { groupOf } from "./group-tasks.ts";
import { networkWithin } from "./service-definitions.ts";

/** The network of one allocation that has one of its own. */
export class RunnerNetwork {
  readonly #deps: AllocRunnerDeps;
  readonly #current: () => ClientAlloc;
  #network: TaskNetwork | undefined;

  /** Undefined for the most: their tasks use the host's. */
  static of(deps: AllocRunnerDeps, current: () => ClientAlloc): RunnerNetwork | undefined {
    const mode = groupOf(current())?.Networks[0]?.Mode ?? "";
    return needsNetwork(mode) ? new RunnerNetwork(deps, current) : undefined;
  }

  constructor(deps: AllocRunnerDeps, current: () => ClientAlloc) {
    this.#deps = deps;
    this.#current = current;
  }

  /** Undefined until it was made or found. */
  get network(): TaskNetwork | undefined {
    return this.#network;
  }

  /** Finds what an earlier agent made. */
  async recall(): Promise<void> {
    this.#network = await this.#deps.networks.find(this.#current().alloc.ID);
  }

  /** Before each start of a task: makes it, unless it stands. */
  async ready(): Promise<Result<TaskNetwork, StartFailure>> {
    const { alloc } = this.#current();
    const network = groupOf(this.#current())?.Networks[0];
    if (network === undefined)
      return {
        ok: false,
        error: { code: "SETUP", message: "the job has no such network any more", recoverable: false },
      };
    const ports = alloc.AllocatedResources.Shared.Ports;
    const made = await this.#deps.networks.ensure({ allocId: alloc.ID, network, ports, drivers: this.#drivers() });
    if (made.ok) {
      this.#network = made.value;
      return succeed(made.value);
    }
    const { code, message, hint } = made.error;
    const text = `failed to set the network up: ${message}${hint === undefined ? "" : ` (${hint})`}`;
    return { ok: false, error: { code: "NETWORK", message: text, recoverable: code !== "NETWORK" } };
  }

  async release(): Promise<void> {
    await this.#deps.networks.release(this.#current().alloc.ID, this.#drivers());
    this.#network = undefined;
  }

  /** What sweeping must keep; nothing once its tasks have ended. */
  attempts(isTerminal: boolean): readonly string[] {
    if (isTerminal) return [];
    const { alloc } = this.#current();
    return this.#drivers().flatMap(({ sandbox }) => (sandbox === undefined ? [] : [sandbox.taskId(alloc.ID)]));
  }

  status(): AllocReport["NetworkStatus"] {
    if (this.#network === undefined) return null;
    const { device, address, addressIpv6 } = this.#network;
    return { InterfaceName: device, Address: address, AddressIPv6: addressIpv6, DNS: null };
  }

  /** As services reach it from within. */
  handle(): TaskHandle["network"] {
    if (this.#network === undefined) return undefined;
    return networkWithin(this.#current().alloc, this.#network);
  }

  #drivers(): Driver[] {
    const names = new Set((groupOf(this.#current())?.Tasks ?? []).map((task) => task.Driver));
    return [...names].flatMap((name) => this.#deps.drivers.get(name) ?? []);
  }
}
