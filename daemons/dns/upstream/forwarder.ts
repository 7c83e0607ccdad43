import type { Env } from "#base/env/env.ts";
import { randomInt, shuffle } from "#base/env/random.ts";
import { Attempt, type AttemptParts } from "./attempt.ts";
import { Deadlines } from "./deadlines.ts";
import type { Forwarded, ForwardOptions } from "./forwarded.ts";
import type { UpstreamServer } from "./server.ts";
import { CaseBits, type UpstreamQuestion } from "./question-message.ts";
import { ReplyReader } from "./reply-reader.ts";

/** Of so many questions one also goes to another server, to learn whether that became faster. */
const EXPLORE_EVERY = 50;

/** Servers that are asked alike: the household's, a domain's, a client's. */
export class Forwarder {
  readonly #env: Pick<Env, "clock" | "random">;
  readonly #servers: readonly UpstreamServer[];
  readonly #options: ForwardOptions;
  readonly #parts: AttemptParts;
  #asked = 0;

  constructor(env: Pick<Env, "clock" | "random">, servers: readonly UpstreamServer[], options: ForwardOptions) {
    this.#env = env;
    this.#servers = servers;
    this.#options = options;
    this.#parts = {
      ...options,
      env,
      deadlines: new Deadlines(env.clock),
      bits: new CaseBits(env.random),
      reader: new ReplyReader(),
    };
  }

  get servers(): readonly UpstreamServer[] {
    return this.#servers;
  }

  /** `done` is called exactly once, later; with undefined when no server gave an answer in time. */
  ask(question: UpstreamQuestion, done: (forwarded: Forwarded | undefined) => void): void {
    const nowMs = this.#parts.env.clock.monotonicMs();
    new Attempt(this.#parts, this.#order(), { question, nowMs, done }).start(nowMs);
  }

  #order(): readonly UpstreamServer[] {
    const servers = this.#servers;
    if (servers.length < 2) return servers;
    const nowMs = this.#env.clock.monotonicMs();
    const alive = servers.filter((server) => !server.isDead(nowMs));
    const dead = servers.filter((server) => server.isDead(nowMs));
    if (this.#options.mode !== "fastest") return [...alive, ...dead];
    this.#asked += 1;
    const unknown = alive.filter((server) => !server.isMeasured);
    if (unknown.length > 0)
      return [...shuffle(this.#env.random, unknown), ...alive.filter((each) => each.isMeasured), ...dead];
    const sorted = alive.toSorted((a, b) => a.rttMs - b.rttMs);
    if (this.#asked % EXPLORE_EVERY === 0 && sorted.length > 1) {
      const [other] = sorted.splice(1 + randomInt(this.#env.random, sorted.length - 1), 1);
      if (other !== undefined) sorted.unshift(other);
    }
    return [...sorted, ...dead];
  }
}
