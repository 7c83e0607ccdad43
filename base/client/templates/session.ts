import type { Clock } from "#base/env/clock.ts";
import type { Result } from "#base/env/errors.ts";
import type { Log } from "#base/env/log.ts";
import type { QuiescenceOptions } from "./engine/quiescence.ts";
import { TemplateUnit, type Pass } from "./engine/template-unit.ts";
import type { WatchPool } from "./engine/watch-pool.ts";

export interface SessionTemplate<D, V> {
  /** What logs call it: `in.ctmpl => out.conf`. */
  readonly name: string;
  readonly render: (known: (key: string) => { readonly value: V } | undefined) => Pass<D>;
  readonly wait: QuiescenceOptions | undefined;
  /** Puts the text where it belongs. `changed`: something is different now. */
  readonly write: (text: string) => Promise<Result<{ readonly changed: boolean }>>;
  /** Runs after a change; undefined: nothing does. Equal keys run once for all templates that changed together. */
  readonly command: { readonly key: string; readonly run: () => Promise<string | undefined> } | undefined;
  /** What follows the data of this one alone; default: that of the session. */
  readonly pool?: WatchPool<D, V>;
  /** An error in the template ends the session. */
  readonly errorFatal: boolean;
}

export interface SessionOptions<D, V> {
  readonly clock: Clock;
  readonly log: Log;
  readonly pool: WatchPool<D, V>;
  readonly templates: readonly SessionTemplate<D, V>[];
  /** Ends when every template was written once and its commands ran. */
  readonly once: boolean;
  /** All templates are there and commands ran; `changed`: some text is another one than before. */
  readonly onSettled: (changed: boolean) => Promise<void>;
  /** Called once. */
  readonly onEnd: (end: { readonly ok: true } | { readonly ok: false; readonly message: string }) => void;
}

/** Templates that belong together: written as their data changes, commands after them, until it is stopped or ends. */
export class TemplateSession<D, V> {
  readonly #options: SessionOptions<D, V>;
  readonly #units: TemplateUnit<D, V>[];
  readonly #due = new Map<string, () => Promise<string | undefined>>();
  #changed = false;
  #flushing = false;
  #ended = false;
  #work: Promise<void> = Promise.resolve();

  constructor(options: SessionOptions<D, V>) {
    this.#options = options;
    this.#units = options.templates.map((template) => this.#unit(template));
  }

  start(): void {
    for (const unit of this.#units) unit.start();
    if (this.#units.length === 0) this.#flushSoon();
  }

  /** Follows nothing any more; commands that run come to their end. */
  async stop(): Promise<void> {
    this.#ended = true;
    await Promise.all(this.#units.map((unit) => unit.stop()));
    await this.#work;
  }

  /** How many templates were written, and what the others wait for. */
  report(): { readonly rendered: number; readonly templates: number; readonly following: number } {
    const rendered = this.#units.filter((unit) => unit.isRendered).length;
    return { rendered, templates: this.#units.length, following: this.#options.pool.size };
  }

  #unit(template: SessionTemplate<D, V>): TemplateUnit<D, V> {
    const { clock, log, pool, once } = this.#options;
    const { name, errorFatal } = template;
    let complaint = "";
    return new TemplateUnit<D, V>({
      clock,
      pool: template.pool ?? pool,
      wait: once ? undefined : template.wait,
      render: template.render,
      deliver: (text) => this.#deliver(template, text),
      listener: {
        idle: () => this.#flushSoon(),
        settled: (pending) => {
          complaint = "";
          if (pending.length > 0)
            log.debug("waiting for data", { template: name, missing: pending.slice(0, 10).join(", ") });
        },
        templateFailed: (message) => {
          if (message !== complaint) log.error("cannot render", { template: name, error: message });
          complaint = message;
          if (errorFatal) this.#end(message);
        },
        dependencyFailed: (key, message, final) => {
          if (final) this.#end(`${key}: ${message}`);
        },
      },
    });
  }

  async #deliver(template: SessionTemplate<D, V>, text: string): Promise<boolean> {
    const { log, once } = this.#options;
    const written = await template.write(text);
    if (!written.ok) {
      const { message, hint } = written.error;
      log.error(message, { template: template.name, hint });
      // With others to look after, one file that cannot be written is tried again; a single run says so at once.
      if (once) this.#end(`${template.name}: ${message}${hint === undefined ? "" : `; ${hint}`}`);
      return false;
    }
    if (!written.value.changed) {
      log.debug("is as it was", { template: template.name });
      return true;
    }
    log.info("rendered", { template: template.name });
    this.#changed = true;
    const { command } = template;
    if (command !== undefined) this.#due.set(command.key, command.run);
    return true;
  }

  /** Templates that changed together share their commands: whoever is the last to be rendered runs them. */
  #flushSoon(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    this.#options.clock.soon(() => {
      this.#flushing = false;
      if (this.#units.some((unit) => unit.isBusy)) return;
      this.#work = this.#work.then(() => this.#flush());
    });
  }

  async #flush(): Promise<void> {
    const { log, once, onSettled } = this.#options;
    const commands = [...this.#due.values()];
    this.#due.clear();
    for (const run of commands) {
      const problem = await run();
      if (problem === undefined) continue;
      log.error(problem);
      if (once) this.#end(problem);
    }
    if (this.#ended || !this.#units.every((unit) => unit.isRendered)) return;
    const changed = this.#changed;
    this.#changed = false;
    await onSettled(changed);
    if (once) this.#end(undefined);
  }

  #end(message: string | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#options.onEnd(message === undefined ? { ok: true } : { ok: false, message });
  }
}
