import type { Clock, Timer } from "#base/env/clock.ts";
import { messageOf } from "#base/env/errors.ts";
import { Quiescence, type QuiescenceOptions } from "./quiescence.ts";
import { pauseAfter, RETRY_FOR_EVER } from "./retry.ts";
import { MAX_DEPENDENCIES, type Holder, type WatchPool } from "./watch-pool.ts";

/** One rendering with what is known. */
export interface Pass<D> {
  readonly text: string;
  /** By their keys. */
  readonly asked: ReadonlyMap<string, D>;
  /** Keys of what is not known yet; the text counts when there are none. */
  readonly pending: readonly string[];
  /** The template is at fault: there is no text. What it asked for before is followed all the same. */
  readonly failure?: string;
}

export interface TemplateUnitOptions<D, V> {
  readonly clock: Clock;
  readonly pool: WatchPool<D, V>;
  /** Renders once. Must not throw. */
  readonly render: (known: (key: string) => { readonly value: V } | undefined) => Pass<D>;
  /** Changes after the first complete rendering are gathered; undefined: acted on at once. */
  readonly wait: QuiescenceOptions | undefined;
  /** A complete rendering that differs from the one before. Calls never overlap. False or a rejection: it is tried again after a pause. */
  readonly deliver: (text: string) => Promise<boolean>;
  readonly listener: UnitListener;
}

export interface UnitListener {
  /** Nothing is under way; also after a failure. */
  idle?(): void;
  /** After every pass: the text was delivered (or was the same), or what it waits for. */
  settled?(pending: readonly string[]): void;
  /** The template cannot be rendered. */
  templateFailed?(message: string): void;
  /** Something it asks for cannot be had. */
  dependencyFailed?(key: string, message: string, final: boolean): void;
}

/** Keeps one template rendered: passes discover what it asks for, changes bring the next pass. */
export class TemplateUnit<D, V> implements Holder {
  readonly #options: TemplateUnitOptions<D, V>;
  readonly #quiet: Quiescence | undefined;
  #last: string | undefined;
  /** There was a complete text, though it may not be delivered yet. */
  #isComplete = false;
  #busy: Promise<void> | undefined;
  #again = false;
  #soon = false;
  #stopped = false;
  #retry: Timer | undefined;
  #refusals = 0;

  constructor(options: TemplateUnitOptions<D, V>) {
    this.#options = options;
    const { clock, wait } = options;
    this.#quiet = wait === undefined ? undefined : new Quiescence(clock, wait, () => this.#render());
  }

  /** A complete text was delivered. */
  get isRendered(): boolean {
    return this.#last !== undefined;
  }

  /** A pass or a delivery is under way, or begins in a moment. Gathering a burst does not count. */
  get isBusy(): boolean {
    return this.#busy !== undefined || this.#soon;
  }

  start(): void {
    this.#render();
  }

  changed(): void {
    if (this.#stopped) return;
    if (this.#isComplete && this.#quiet !== undefined) return this.#quiet.changed();
    if (this.#soon) return;
    // Answers that arrive together make one pass.
    this.#soon = true;
    this.#options.clock.soon(() => {
      this.#soon = false;
      this.#render();
    });
  }

  failed(key: string, message: string, final: boolean): void {
    this.#options.listener.dependencyFailed?.(key, message, final);
  }

  /** Follows nothing any more: what was delivered stands. */
  rest(): void {
    this.#stopped = true;
    this.#quiet?.stop();
    this.#retry?.cancel();
    this.#options.pool.release(this);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#quiet?.stop();
    this.#retry?.cancel();
    this.#options.pool.release(this);
    await this.#busy;
  }

  #render(): void {
    if (this.#stopped) return;
    if (this.#busy !== undefined) {
      this.#again = true;
      return;
    }
    this.#busy = this.#pass()
      .catch((error: unknown) => this.#options.listener.templateFailed?.(messageOf(error)))
      .finally(() => {
        this.#busy = undefined;
        if (this.#again) {
          this.#again = false;
          this.#render();
        } else this.#options.listener.idle?.();
      });
  }

  async #pass(): Promise<void> {
    const { pool, render, deliver, listener } = this.#options;
    const pass = render((key) => pool.known(key));
    if (pass.asked.size > MAX_DEPENDENCIES)
      return listener.templateFailed?.(
        `it asks for ${pass.asked.size} things; at most ${MAX_DEPENDENCIES} are followed`,
      );
    // A broken pass ended early: what it did not come to ask for is not given up.
    pool.settle(this, pass.asked, { keep: pass.failure !== undefined });
    if (pass.failure !== undefined && pass.pending.length === 0) return listener.templateFailed?.(pass.failure);
    if (pass.pending.length > 0) return listener.settled?.(pass.pending);
    this.#isComplete = true;
    if (pass.text !== this.#last) await this.#deliver(pass.text, deliver);
    if (!this.#stopped && pass.text === this.#last) listener.settled?.([]);
  }

  async #deliver(text: string, deliver: (text: string) => Promise<boolean>): Promise<void> {
    this.#retry?.cancel();
    const isDelivered = await deliver(text).catch((error: unknown) => {
      this.#options.listener.templateFailed?.(messageOf(error));
      return false;
    });
    if (isDelivered) {
      this.#last = text;
      this.#refusals = 0;
      return;
    }
    if (this.#stopped) return;
    this.#refusals++;
    this.#retry = this.#options.clock.after(pauseAfter(this.#refusals, RETRY_FOR_EVER) ?? 0, () => this.#render());
  }
}
