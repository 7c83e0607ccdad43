import type { Clock } from "#base/env/clock.ts";
import type { Log } from "#base/env/log.ts";
import type { Random } from "#base/env/random.ts";
import { dependencyKey, type Dependency, type DependencyValue } from "./dependency.ts";
import type { QuiescenceOptions } from "./engine/quiescence.ts";
import { TemplateUnit, type Pass } from "./engine/template-unit.ts";
import { WatchPool } from "./engine/watch-pool.ts";
import { messageOf } from "#base/env/errors.ts";
import { renderPass, type TemplateFunction } from "./template.ts";
import { watchDependency, type BlockingGet } from "./watch.ts";

export interface RunnerOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly get: BlockingGet;
  readonly wait: QuiescenceOptions;
  readonly template: TemplateFunction;
  /** A complete rendering that differs from the one before. Calls never overlap; a rejection is logged and the same text comes again. */
  readonly onRendered: (text: string) => Promise<void>;
}

/** One template that is a function of the cluster, kept rendered by the same engine as all others. */
export class TemplateRunner {
  readonly #pool: WatchPool<Dependency, DependencyValue>;
  readonly #unit: TemplateUnit<Dependency, DependencyValue>;

  constructor({ clock, random, log, get, wait, template, onRendered }: RunnerOptions) {
    this.#pool = new WatchPool<Dependency, DependencyValue>({
      log,
      source: {
        follow: (dependency, sink, signal) =>
          watchDependency(dependency, { clock, random, log, get, onValue: sink.value }, signal),
      },
    });
    this.#unit = new TemplateUnit<Dependency, DependencyValue>({
      clock,
      pool: this.#pool,
      wait,
      render: (known) => passOf(template, (key) => known(key)?.value),
      deliver: async (text) => {
        await onRendered(text);
        return true;
      },
      listener: { templateFailed: (error) => log.error("cannot render", { error }) },
    });
  }

  start(): void {
    this.#unit.start();
  }

  async stop(): Promise<void> {
    await Promise.all([this.#unit.stop(), this.#pool.stop()]);
  }
}

function passOf(template: TemplateFunction, known: (key: string) => DependencyValue | undefined): Pass<Dependency> {
  try {
    const { text, asked } = renderPass(template, (dependency) => known(dependencyKey(dependency)), dependencyKey);
    return { text, asked, pending: [...asked.keys()].filter((key) => known(key) === undefined) };
  } catch (thrown) {
    return { text: "", asked: new Map(), pending: [], failure: messageOf(thrown) };
  }
}
