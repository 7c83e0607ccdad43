import type { TemplateData } from "#base/client/templates/template.ts";
import type { Env } from "#base/env/env.ts";
import { succeed, type Failure, type Result } from "#base/env/errors.ts";
import type { IngressConfig } from "../config/model.ts";
import { CONFIG_FILE, type Haproxy } from "../haproxy/haproxy.ts";
import { blamedBackends } from "./blame.ts";
import { serverCommands } from "./changes.ts";
import { commandsFor, Planner, type Plan } from "./plan.ts";
import { ReloadLimit } from "./reload-limit.ts";
import type { createRenderer, Slots } from "./render.ts";

export type Applied =
  | { readonly how: "unchanged" | "started" | "reloaded" | "commands" }
  /** A reload has to wait so long; servers are as they should be already. */
  | { readonly how: "later"; readonly waitMs: number };

export interface ApplyFailure extends Failure {
  /** Backends that are at fault; none: it is not the routes'. */
  readonly backends: readonly string[];
}

export interface ApplierOptions {
  readonly env: Env;
  readonly haproxy: Haproxy;
  readonly render: ReturnType<typeof createRenderer>;
}

/** Brings HAProxy from what it runs with to what it should: by commands where it can, else by a reload. The files say the same all the time. */
export class Applier {
  readonly #options: ApplierOptions;
  readonly #limit: ReloadLimit;
  #running: Plan | undefined;
  readonly #planner: Planner;
  /** Files that HAProxy runs ahead of, for the disk was full. */
  #isBehind = false;
  readonly counts = { reloads: 0, commands: 0, refused: 0 };

  constructor(options: ApplierOptions) {
    this.#options = options;
    this.#limit = new ReloadLimit(options.env.clock);
    this.#planner = new Planner(options);
  }

  /** Forgets what was told by commands alone: HAProxy started again from its files. */
  async restarted(): Promise<void> {
    if (this.#isBehind) this.#running = undefined;
  }

  /** The next time is a reload, whatever changed. */
  forget(): void {
    if (this.#running !== undefined) this.#running = { ...this.#running, structure: [] };
  }

  async apply(config: IngressConfig, data: TemplateData): Promise<Result<Applied, ApplyFailure>> {
    const before = this.#running;
    const next = this.#planner.plan(config, data, before?.slots);
    if (before !== undefined && this.#options.haproxy.isRunning) {
      const commands = commandsFor(before, next);
      if (commands !== undefined) return this.#command(commands, before, next);
      const waitMs = this.#limit.take();
      if (waitMs > 0) {
        await this.#trim(before, next);
        return succeed({ how: "later", waitMs });
      }
    } else this.#limit.take();
    return this.#load(next);
  }

  async #command(commands: readonly string[], before: Plan, next: Plan): Promise<Result<Applied, ApplyFailure>> {
    const { env, haproxy } = this.#options;
    if (commands.length > 0) {
      const told = await haproxy.tell(commands);
      if (!told.ok) {
        env.log.warn("HAProxy took a change not while running, reloading it", { error: told.error.message });
        return this.#load(next);
      }
      this.counts.commands += commands.length;
    }
    this.#running = next;
    if (commands.length === 0 && !this.#isBehind && before.files.get(CONFIG_FILE) === next.files.get(CONFIG_FILE))
      return succeed({ how: "unchanged" });
    const changed = this.#isBehind
      ? next.files
      : new Map([...next.files].filter(([file, text]) => before.files.get(file) !== text));
    const stored = await haproxy.store(changed);
    this.#isBehind = !stored.ok;
    return stored.ok ? succeed({ how: "commands" }) : { ok: false, error: { ...stored.error, backends: [] } };
  }

  /** Without a reload: servers that went get nothing more, and new ones have the places that are free. */
  async #trim(before: Plan, next: Plan): Promise<Plan> {
    const { haproxy, render } = this.#options;
    const slots: Slots = new Map(
      [...before.slots].map(([name, had]) => {
        const wanted = next.slots.get(name) ?? had;
        return [name, wanted.length === had.length ? wanted : wanted.slice(0, had.length)];
      }),
    );
    const commands = serverCommands(before.slots, slots);
    if (commands.length === 0 || !(await haproxy.tell(commands)).ok) return before;
    const { text } = render(before.config, slots);
    const trimmed = { ...before, slots, files: new Map([...before.files, [CONFIG_FILE, text]]) };
    this.#running = trimmed;
    this.#isBehind = !(await haproxy.store(new Map([[CONFIG_FILE, text]]))).ok;
    return trimmed;
  }

  async #load(next: Plan): Promise<Result<Applied, ApplyFailure>> {
    const { haproxy } = this.#options;
    const was = this.#running;
    const before = was !== undefined && haproxy.isRunning ? await this.#trim(was, next) : was;
    const done = await haproxy.apply(next.files, before?.files);
    if (!done.ok) {
      this.counts.refused += 1;
      const names = new Set(next.config.backends.map(({ name }) => name));
      const text = next.files.get(CONFIG_FILE) ?? "";
      return { ok: false, error: { ...done.error, backends: blamedBackends(done.error.message, text, names) } };
    }
    this.#running = next;
    this.#isBehind = false;
    this.counts.reloads += 1;
    return succeed({ how: done.value });
  }
}
