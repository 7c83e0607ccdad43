import type { Timer } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import type { Dependency } from "#base/client/templates/dependencies/dependency.ts";
import type { QuiescenceOptions } from "#base/client/templates/engine/quiescence.ts";
import { TemplateUnit } from "#base/client/templates/engine/template-unit.ts";
import type { WatchPool } from "#base/client/templates/engine/watch-pool.ts";
import { writeDestination } from "#base/client/templates/output/destination.ts";
import type { GoValue } from "#base/language/go-template/value.ts";
import type { Template } from "#base/protocol/task.ts";
import type { Happening } from "../task/task-event.ts";
import { parseDotenv } from "./dotenv.ts";
import * as events from "./template-events.ts";
import type { TemplateBlock } from "./template-block.ts";

export interface TaskTemplatesOptions {
  readonly env: Env;
  readonly pool: WatchPool<Dependency, GoValue>;
  readonly blocks: readonly TemplateBlock[];
  readonly wait: (template: Template) => QuiescenceOptions | undefined;
  readonly note: (happening: Happening) => void;
  /** The task ran before this: a first rendering that differs from what is there is a change like any other. */
  readonly resumed: boolean;
  /** Templates that were rendered before are rendered anew. */
  readonly onChange: (changed: readonly Template[]) => void;
}

/** After this long without all data, the task's events say what is missing. */
const MISSING_AFTER_MS = 3000;

/** The templates of one task, rendered before it starts and kept up to date until it is over. */
export class TaskTemplates {
  readonly #options: TaskTemplatesOptions;
  readonly #units = new Map<TemplateBlock, TemplateUnit<Dependency, GoValue>>();
  readonly #rendered = new Set<TemplateBlock>();
  readonly #variables = new Map<TemplateBlock, Readonly<Record<string, string>>>();
  readonly #pending = new Map<TemplateBlock, readonly string[]>();
  readonly #first = Promise.withResolvers<Result<void>>();
  readonly #changed = new Set<Template>();
  /** The last one of each, so that it is said once. */
  readonly #complaints = new Map<TemplateBlock, string>();
  #missing: Timer | undefined;
  #all = false;
  #stopped = false;

  constructor(options: TaskTemplatesOptions) {
    this.#options = options;
  }

  /** Resolves when all templates are there, when one of them never will be, or when the signal aborts. */
  async start(signal: AbortSignal): Promise<Result<void>> {
    const { env, blocks, note } = this.#options;
    const abort = (): void => this.#first.resolve(fail("ABORTED", "stopped before its templates were rendered"));
    signal.addEventListener("abort", abort, { once: true });
    this.#missing = env.clock.after(MISSING_AFTER_MS, () => {
      const keys = [...new Set([...this.#pending.values()].flat())];
      if (!this.#all && keys.length > 0) note(events.missing(keys));
    });
    for (const block of blocks) this.#units.set(block, this.#unit(block));
    for (const unit of this.#units.values()) unit.start();
    const done = await this.#first.promise;
    signal.removeEventListener("abort", abort);
    this.#missing.cancel();
    if (!done.ok) await this.stop();
    return done;
  }

  /** Of the templates with `env = true`. */
  variables(): Readonly<Record<string, string>> {
    const all = this.#options.blocks.flatMap((block) => Object.entries(this.#variables.get(block) ?? {}));
    return Object.fromEntries(all);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#missing?.cancel();
    this.#first.resolve(fail("ABORTED", "stopped before its templates were rendered"));
    await Promise.all([...this.#units.values()].map((unit) => unit.stop()));
  }

  #unit(block: TemplateBlock): TemplateUnit<Dependency, GoValue> {
    const { env, pool, wait } = this.#options;
    const { template, compiled } = block;
    return new TemplateUnit<Dependency, GoValue>({
      clock: env.clock,
      pool,
      wait: wait(template),
      render: compiled.render,
      deliver: (text) => this.#deliver(block, text),
      listener: {
        settled: (pending) => this.#pending.set(block, pending),
        templateFailed: (message) => this.#failed(block, message, true),
        dependencyFailed: (key, message, final) => {
          if (final) this.#failed(block, `${key}: ${message}`, true);
        },
      },
    });
  }

  async #deliver(block: TemplateBlock, text: string): Promise<boolean> {
    const { template, destination } = block;
    const { disk } = this.#options.env;
    const variables = template.Envvars ? parseDotenv(text) : succeed({});
    if (!variables.ok) {
      this.#failed(block, variables.error.message, true);
      return true;
    }
    const written = await writeDestination(disk, destination, text);
    if (!written.ok) {
      this.#failed(block, written.error.message, false);
      return false;
    }
    this.#complaints.delete(block);
    this.#variables.set(block, variables.value);
    const wasThere = this.#rendered.has(block);
    this.#rendered.add(block);
    const isKnown = this.#options.resumed || (this.#all && wasThere);
    if (isKnown && written.value.changed) this.#tell(template);
    if (template.Once) this.#units.get(block)?.rest();
    if (this.#rendered.size === this.#options.blocks.length && !this.#all) {
      this.#all = true;
      this.#first.resolve(succeed(undefined));
    }
    return true;
  }

  /** Changes that come together are acted on together. */
  #tell(template: Template): void {
    const isFirst = this.#changed.size === 0;
    this.#changed.add(template);
    if (!isFirst) return;
    this.#options.env.clock.soon(() => {
      const changed = this.#options.blocks.map((block) => block.template).filter((each) => this.#changed.has(each));
      this.#changed.clear();
      if (!this.#stopped) this.#options.onChange(changed);
    });
  }

  /** A task that runs is not touched by it; one that waits for its first rendering fails when that can never be. */
  #failed(block: TemplateBlock, message: string, isFinal: boolean): void {
    if (this.#stopped) return;
    const { template } = block;
    if (message !== this.#complaints.get(block)) this.#options.note(events.failed(template.DestPath, message));
    this.#complaints.set(block, message);
    if (isFinal) this.#first.resolve(fail("SETUP", `Template failed: ${template.DestPath}: ${message}`));
  }
}
