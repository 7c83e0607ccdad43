import type { Env } from "#base/env/env.ts";
import { messageOf } from "#base/env/errors.ts";
import type { RouterConfig } from "../config/model.ts";
import type { RouterFacts } from "../plan/facts.ts";
import { activeLine, lineAddresses } from "../plan/uplinks.ts";

/**
 * When another line becomes the way out, connections begun before would leave by it with the old line's address, and as
 * long as a program goes on sending nothing would end them. They are forgotten, so that the next packet begins anew; what
 * came in by a line stays.
 */
export class LineChange {
  readonly #env: Env;
  #active: string | undefined;

  constructor(env: Env) {
    this.#env = env;
  }

  async follow(config: RouterConfig, facts: RouterFacts): Promise<void> {
    const { name } = activeLine(config, facts) ?? { name: undefined };
    const before = this.#active;
    if (name === undefined || name === before) return;
    this.#active = name;
    if (before === undefined) return;
    this.#env.log.info(`the way out is the line ${name} now`, { before });
    for (const wan of config.wans)
      if (wan.name !== name)
        for (const address of lineAddresses(wan, facts)) if (!address.includes(":")) await this.#forget(address);
  }

  async #forget(address: string): Promise<void> {
    const argv = ["conntrack", "-D", "-f", "ipv4", "--reply-dst", address.replace(/\/.*/, "")];
    try {
      // It also ends with 1 where there was nothing to forget.
      await this.#env.exec.run(argv);
    } catch (thrown) {
      this.#env.log.warn("connections of the other line go on with its address until they end by themselves", {
        error: messageOf(thrown),
        hint: "apt-get install conntrack",
      });
    }
  }
}
