import { messageOf } from "#base/env/errors.ts";
import type { Clock } from "#base/env/clock.ts";
import type { Log } from "#base/env/log.ts";
import type { Random } from "#base/env/random.ts";
import { dependencyKey, type Dependency, type DependencyValue } from "./dependency.ts";
import { Quiescence, type QuiescenceOptions } from "./quiescence.ts";
import { renderPass, type TemplateFunction } from "./template.ts";
import { watchDependency, type BlockingGet } from "./watch.ts";

export interface RunnerOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly get: BlockingGet;
  readonly wait: QuiescenceOptions;
  readonly template: TemplateFunction;
  /** A complete rendering that differs from the one before. Calls never overlap; a rejection is logged and the same text may come again. */
  readonly onRendered: (text: string) => Promise<void>;
}

/** Most dependencies one runner follows; a template that asks for more is refused. */
export const MAX_DEPENDENCIES = 10_000;

/**
 * Keeps a rendering up to date: passes discover dependencies, each is followed by a blocking watch, and changes are
 * gathered until they are quiet.
 */
export class TemplateRunner {
  readonly #options: RunnerOptions;
  readonly #quiet: Quiescence;
  readonly #values = new Map<string, DependencyValue>();
  readonly #watches = new Map<string, AbortController>();
  readonly #running = new Set<Promise<void>>();
  #last: string | undefined;
  #busy: Promise<void> | undefined;
  #again = false;
  #stopped = false;

  constructor(options: RunnerOptions) {
    this.#options = options;
    this.#quiet = new Quiescence(options.clock, options.wait, () => this.#render());
  }

  start(): void {
    this.#render();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#quiet.stop();
    for (const abort of this.#watches.values()) abort.abort();
    await Promise.all([...this.#running, this.#busy]);
  }

  #render(): void {
    if (this.#stopped) return;
    if (this.#busy !== undefined) {
      this.#again = true;
      return;
    }
    this.#busy = this.#pass()
      .catch((error: unknown) => this.#options.log.error("cannot render", { error: messageOf(error) }))
      .finally(() => {
        this.#busy = undefined;
        if (!this.#again) return;
        this.#again = false;
        this.#render();
      });
  }

  async #pass(): Promise<void> {
    const known = (dependency: Dependency) => this.#values.get(dependencyKey(dependency));
    const pass = renderPass(this.#options.template, known, dependencyKey);
    if (pass.asked.size > MAX_DEPENDENCIES)
      throw new Error(`the template asks for ${pass.asked.size} things; at most ${MAX_DEPENDENCIES} are followed`);
    this.#settleWatches(pass.asked);
    if (pass.incomplete || pass.text === this.#last) return;
    await this.#options.onRendered(pass.text);
    this.#last = pass.text;
  }

  #settleWatches(asked: ReadonlyMap<string, Dependency>): void {
    for (const [key, dependency] of asked) if (!this.#watches.has(key)) this.#follow(key, dependency);
    for (const [key, abort] of this.#watches) {
      if (asked.has(key)) continue;
      abort.abort();
      this.#watches.delete(key);
      this.#values.delete(key);
    }
  }

  #follow(key: string, dependency: Dependency): void {
    const abort = new AbortController();
    this.#watches.set(key, abort);
    const onValue = (value: DependencyValue): void => {
      this.#values.set(key, value);
      this.#quiet.changed();
    };
    const { clock, random, log, get } = this.#options;
    const watch = watchDependency(dependency, { clock, random, log, get, onValue }, abort.signal).finally(() =>
      this.#running.delete(watch),
    );
    this.#running.add(watch);
  }
}
