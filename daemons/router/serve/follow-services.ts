import type { ConsulClient } from "#base/client/consul-client.ts";
import { watch } from "#base/client/watch.ts";
import type { Env } from "#base/env/env.ts";
import { parseIp } from "../address/ip.ts";
import type { Forward } from "../config/model.ts";
import { serviceKey, type ServiceInstance } from "../plan/facts.ts";

export interface ServicesOptions {
  readonly env: Env;
  readonly consul: ConsulClient;
  readonly onChange: () => void;
}

/** Where the services of forwards run. While the cluster cannot be asked, what it said last holds. */
export class FollowedServices {
  readonly #options: ServicesOptions;
  readonly #known = new Map<string, readonly ServiceInstance[]>();
  readonly #watches = new Map<string, AbortController>();

  constructor(options: ServicesOptions) {
    this.#options = options;
  }

  /** Healthy instances by `serviceKey`. */
  instances(): Readonly<Record<string, readonly ServiceInstance[]>> {
    return Object.fromEntries(this.#known);
  }

  follow(forwards: readonly Forward[], last: Readonly<Record<string, readonly ServiceInstance[]>>): void {
    const wanted = new Map(forwards.filter(({ service }) => service !== "").map((each) => [serviceKey(each), each]));
    for (const [key, controller] of this.#watches) {
      if (wanted.has(key)) continue;
      controller.abort();
      this.#watches.delete(key);
      this.#known.delete(key);
    }
    for (const [key, forward] of wanted) {
      if (this.#watches.has(key)) continue;
      const controller = new AbortController();
      this.#watches.set(key, controller);
      const before = last[key];
      if (before !== undefined) this.#known.set(key, before);
      void this.#watch(key, forward, controller.signal);
    }
  }

  stop(): void {
    for (const controller of this.#watches.values()) controller.abort();
    this.#watches.clear();
  }

  async #watch(key: string, { service, tag }: Forward, signal: AbortSignal): Promise<void> {
    const { env, consul, onChange } = this.#options;
    const options = tag === "" ? { passing: true } : { passing: true, tag };
    const answers = watch((at) => consul.health.service(service, { ...options, ...at }), {
      clock: env.clock,
      random: env.random,
      signal,
      onFailure: ({ message }) => {
        env.log.debug(`cannot ask where ${service} runs; what is known holds`, { error: message });
        return true;
      },
    });
    for await (const { value } of answers) {
      const found = (value ?? []).flatMap(({ Node, Service }) => {
        const address = Service.Address === "" ? Node.Address : Service.Address;
        return parseIp(address) !== undefined && Service.Port > 0 ? [{ address, port: Service.Port }] : [];
      });
      // A stable order: clients keep their instance as long as none comes or goes.
      found.sort((a, b) => (a.address < b.address ? -1 : a.address > b.address ? 1 : a.port - b.port));
      if (JSON.stringify(this.#known.get(key)) === JSON.stringify(found)) continue;
      this.#known.set(key, found);
      onChange();
    }
  }
}
