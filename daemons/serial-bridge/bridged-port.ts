import type { Timer } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import { messageOf } from "#base/env/errors.ts";
import type { SerialInputs, SerialLine, SerialOutputs, SerialPorts, SerialSettings } from "#base/env/serial.ts";

export interface BridgedPortDeps {
  readonly env: Pick<Env, "clock" | "log">;
  readonly ports: Pick<SerialPorts, "open">;
  readonly path: string;
  readonly settings: SerialSettings;
}

/** Hears what the port says; what it does not take at once is its own to keep. */
export type Listener = (data: Uint8Array) => void;

const REOPEN_AFTER_MS = 1000;

/** A port that is open whenever it can be: unplugged, it is tried again until it is back. */
export class BridgedPort {
  readonly path: string;
  readonly #deps: BridgedPortDeps;
  readonly #listeners = new Set<Listener>();
  #line: SerialLine | undefined;
  #settings: SerialSettings;
  #outputs: Required<SerialOutputs> = { dtr: true, rts: true, brk: false };
  #problem = "not opened yet";
  #timer: Timer | undefined;
  #stopped = false;
  #received = 0;
  #sent = 0;

  constructor(deps: BridgedPortDeps) {
    this.#deps = deps;
    this.path = deps.path;
    this.#settings = deps.settings;
  }

  get settings(): SerialSettings {
    return this.#settings;
  }

  get outputs(): Required<SerialOutputs> {
    return this.#outputs;
  }

  /** Empty: it is open. */
  get problem(): string {
    return this.#problem;
  }

  get bytes(): { readonly received: number; readonly sent: number } {
    return { received: this.#received, sent: this.#sent };
  }

  /** Resolves after the first attempt, whatever came of it. */
  async start(): Promise<void> {
    await this.#open();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    const line = this.#line;
    this.#line = undefined;
    await line?.close();
  }

  /** The answer ends it. */
  listen(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Resolves when the port took it. While the port is away, what is written is lost, as on a cable that is out. */
  async write(data: Uint8Array): Promise<void> {
    await this.#line?.write(data);
    if (this.#line !== undefined) this.#sent += data.length;
  }

  /** Changes what it can; `settings` says what stands. */
  async configure(change: Partial<SerialSettings>): Promise<void> {
    const before = this.#settings;
    const next = { ...before, ...change };
    // Clients say everything again with every change: only what differs is worth a program's start.
    if (JSON.stringify(next) === JSON.stringify(before)) return;
    try {
      await this.#line?.configure(next);
      this.#settings = next;
    } catch (thrown) {
      this.#deps.env.log.warn("the port refuses a setting", { port: this.path, error: messageOf(thrown) });
      await this.#line?.configure(before).catch(() => {});
    }
  }

  async set(outputs: SerialOutputs): Promise<void> {
    this.#outputs = { ...this.#outputs, ...outputs };
    // A pseudo-terminal has no such lines: what was asked for stands all the same.
    await this.#line?.set(outputs).catch(() => {});
  }

  async inputs(): Promise<SerialInputs | undefined> {
    return this.#line?.inputs();
  }

  async flush(): Promise<void> {
    await this.#line?.flush().catch(() => {});
  }

  async #open(): Promise<void> {
    if (this.#stopped) return;
    try {
      const line = await this.#deps.ports.open(this.path, this.#settings);
      if (this.#isStopped()) return await line.close();
      this.#line = line;
      line.onClose((error) => this.#closed(error));
      line.onData((data) => this.#heard(data));
      this.#problem = "";
      this.#deps.env.log.info("the port is open", { port: this.path });
    } catch (thrown) {
      this.#failed(messageOf(thrown));
    }
  }

  /** A function, because `stop` may come while something is awaited. */
  #isStopped(): boolean {
    return this.#stopped;
  }

  #heard(data: Uint8Array): void {
    this.#received += data.length;
    for (const listener of this.#listeners) listener(data);
  }

  #closed(error: Error | undefined): void {
    if (this.#line === undefined) return;
    this.#line = undefined;
    this.#failed(error?.message ?? "it was closed");
  }

  /** Told once, however often it is tried. */
  #failed(why: string): void {
    if (this.#stopped) return;
    if (this.#problem !== why) this.#deps.env.log.warn("the port is not there", { port: this.path, error: why });
    this.#problem = why;
    this.#timer = this.#deps.env.clock.after(REOPEN_AFTER_MS, () => void this.#open());
  }
}
