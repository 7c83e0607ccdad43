import { messageOf } from "#base/env/errors.ts";
import { startAgent } from "./agent.ts";
import type { Agent } from "./composition.ts";
import type { AgentOptions } from "./agent-options.ts";

/** An agent that can be told to stop and start again within its process: its tasks do not notice. */
export class RestartableAgent {
  readonly #options: AgentOptions;
  #agent: Agent;
  #changing: Promise<void> = Promise.resolve();
  #stopped = false;

  private constructor(options: AgentOptions, agent: Agent) {
    this.#options = options;
    this.#agent = agent;
  }

  /** `restart` and `carried` of the options are made here. Rejects where the agent cannot start. */
  static async start(options: Omit<AgentOptions, "restart" | "carried">): Promise<RestartableAgent> {
    const made: { agent?: RestartableAgent; isAsked: boolean } = { isAsked: false };
    const own: AgentOptions = {
      ...options,
      restart: () => {
        made.isAsked = true;
        made.agent?.restart();
      },
      carried: { member: undefined },
    };
    const agent = new RestartableAgent(own, await startAgent(own));
    made.agent = agent;
    // What was asked while it started is not forgotten.
    if (made.isAsked) agent.restart();
    return agent;
  }

  get current(): Agent {
    return this.#agent;
  }

  restart(): void {
    const { env, shutdown } = this.#options;
    this.#changing = this.#changing.then(async () => {
      if (this.#stopped) return;
      await this.#agent.stop();
      try {
        this.#agent = await startAgent(this.#options);
      } catch (thrown) {
        env.log.error("the agent did not start again", { error: messageOf(thrown) });
        shutdown?.();
      }
    });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#changing;
    await this.#agent.stop();
  }
}
