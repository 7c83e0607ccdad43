import type { Clock, Timer } from "#base/env/clock.ts";
import { messageOf, type Result } from "#base/env/errors.ts";
import type { Log } from "#base/env/log.ts";
import { dependencyKey, type Dependency } from "../dependencies/dependency.ts";
import { keyPath } from "../dependencies/request.ts";
import type { Sink, Source } from "../engine/source.ts";
import { followQuery, type BlockingOptions } from "../sources/blocking.ts";
import { refusalOf, type ApiAnswer } from "../sources/http-api.ts";
import type { Answer } from "../sources/template-source.ts";
import { takePart } from "./election.ts";
import { Lane } from "./lane.ts";
import type { LockSession } from "./lock-session.ts";
import { nothingShared, packShared, unpackShared, type SharedData } from "./shared-data.ts";

export interface SharedSourceOptions<V> {
  readonly clock: Clock;
  readonly log: Log;
  /** How Consul is asked for locks and shared answers. */
  readonly blocking: BlockingOptions;
  readonly session: LockSession;
  /** `PREFIX/ID/` of the template. */
  readonly folder: string;
  /** Asks the servers themselves. */
  readonly direct: Source<Dependency, Answer<V>>;
  /** Reads a body that another instance was answered. */
  readonly read: (dependency: Dependency, body: string | undefined) => V;
}

/** Between the beginnings of two writes of what is shared. */
const GATHER_MS = 50;
const AGAIN_MS = 1000;
const TIMEOUT_MS = 30_000;

/** Everything one template asks for, asked by whichever instance leads and read by all others. */
export class SharedSource<V> implements Source<Dependency, V> {
  readonly #options: SharedSourceOptions<V>;
  readonly #stop = new AbortController();
  readonly #lanes = new Map<string, Lane<V>>();
  #running: Promise<unknown> = Promise.resolve();
  /** Undefined: it is not known yet. */
  #leads: boolean | undefined;
  /** The session that holds the lock. */
  #holder = "";
  /** What that session shares. */
  #data: SharedData | undefined;
  /** The newest that was read, whoever wrote it. */
  #found: SharedData | undefined;
  #reading: AbortController | undefined;
  #timer: Timer | undefined;
  #written = "";
  #dirty = false;
  #failure: { readonly message: string; readonly retryMs: number | undefined } | undefined;

  constructor(options: SharedSourceOptions<V>) {
    this.#options = options;
  }

  get leads(): boolean {
    return this.#leads === true;
  }

  start(): void {
    const { blocking, session, folder, log } = this.#options;
    this.#running = takePart(
      {
        blocking,
        log,
        session,
        lock: `${folder}lock`,
        onHolder: (holder, isOurs) => this.#become(holder, isOurs),
        onFailure: (message, retryMs) => this.#failed(message, retryMs),
      },
      this.#stop.signal,
    );
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    this.#reading?.abort();
    this.#timer?.cancel();
    await this.#running;
    const { signal } = new AbortController();
    if (this.leads) await this.#whileLeading({ Verb: "delete" }, { leader: this.#holder, signal });
  }

  follow(dependency: Dependency, sink: Sink<V>, signal: AbortSignal): Promise<void> {
    const { direct, read } = this.#options;
    if (!isShared(dependency))
      return direct.follow(dependency, { ...sink, value: ({ value }) => sink.value(value) }, signal);
    const key = dependencyKey(dependency);
    const lane = new Lane<V>({
      key,
      sink,
      ask: (asking, aborted) => direct.follow(dependency, asking, aborted),
      read: (body) => read(dependency, body),
      onAnswer: () => this.#publishSoon(),
    });
    this.#lanes.set(key, lane);
    if (this.#failure !== undefined && this.#leads === undefined)
      sink.failed(this.#failure.message, this.#failure.retryMs);
    lane.update(this.#leads, this.#data);
    return new Promise((resolve) => {
      const leave = (): void => {
        if (this.#lanes.get(key) === lane) this.#lanes.delete(key);
        void lane.stop().then(resolve);
        this.#publishSoon();
      };
      if (signal.aborted) leave();
      else signal.addEventListener("abort", leave, { once: true });
    });
  }

  #become(holder: string, leads: boolean): void {
    this.#failure = undefined;
    if ((this.#leads === leads && this.#holder === holder) || this.#stop.signal.aborted) return;
    const isNew = this.#leads !== leads;
    this.#leads = leads;
    this.#holder = holder;
    this.#written = "";
    const { log, folder } = this.#options;
    if (isNew) {
      log.info(leads ? "asks for all instances" : "reads what another instance asks for", { template: folder });
      this.#reading?.abort();
      if (!leads) this.#readShared();
    }
    this.#update();
    this.#publishSoon();
  }

  /** What another leader than the present one left is as old as that one. */
  #update(): void {
    this.#data = this.#found?.leader === this.#holder ? this.#found : undefined;
    for (const lane of this.#lanes.values()) lane.update(this.#leads, this.#data);
  }

  #failed(message: string, retryMs: number | undefined): void {
    this.#failure = { message, retryMs };
    // Who has data goes on with it.
    if (this.#leads === undefined || retryMs === undefined)
      for (const lane of this.#lanes.values()) lane.failed(message, retryMs);
  }

  #readShared(): void {
    const { blocking, folder } = this.#options;
    this.#reading = new AbortController();
    const value = (data: SharedData): void => {
      this.#found = data;
      this.#update();
    };
    const failed = (message: string, retryMs: number | undefined): void => this.#failed(message, retryMs);
    const following = followQuery<SharedData>(
      {
        request: { path: keyPath(`${folder}data`), query: {}, blocks: true },
        read: (body) => (body === undefined ? undefined : this.#unpack(body)),
      },
      { ...blocking, sink: { value, failed } },
      this.#reading.signal,
    );
    this.#running = Promise.all([this.#running, following]);
  }

  /** What cannot be read is as good as nothing shared: then everybody asks. */
  #unpack(body: string): SharedData | undefined {
    try {
      return unpackShared(body);
    } catch (thrown) {
      const { log, folder } = this.#options;
      log.warn("cannot read what another instance shares", { key: `${folder}data`, error: messageOf(thrown) });
      return nothingShared(this.#holder);
    }
  }

  #publishSoon(): void {
    this.#dirty = true;
    if (!this.leads || this.#timer !== undefined || this.#stop.signal.aborted) return;
    this.#timer = this.#options.clock.after(GATHER_MS, () => void this.#publish());
  }

  /** The timer stays set while it writes: one write at a time. */
  async #publish(): Promise<void> {
    this.#dirty = false;
    const lanes = [...this.#lanes.values()];
    const complete = lanes.every((lane) => lane.answer !== undefined);
    const answers = Object.fromEntries(
      lanes
        .flatMap(({ key, answer }) => (answer === undefined ? [] : [[key, answer.body ?? null] as const]))
        .toSorted(([a], [b]) => (a < b ? -1 : 1)),
    );
    const data: SharedData = { leader: this.#holder, complete, tooLarge: false, answers };
    const text = JSON.stringify(data);
    const done = !this.leads || text === this.#written || (await this.#write(data));
    this.#timer = undefined;
    if (this.#stop.signal.aborted) return;
    if (!done) this.#timer = this.#options.clock.after(AGAIN_MS, () => void this.#publish());
    else if (this.leads) this.#written = text;
    if (this.#dirty) this.#publishSoon();
  }

  async #write(data: SharedData): Promise<boolean> {
    const { log, folder } = this.#options;
    const value = Buffer.from(packShared(data)).toString("base64");
    const { signal } = this.#stop;
    const answer = await this.#whileLeading({ Verb: "set", Value: value }, { leader: data.leader, signal });
    if (signal.aborted || (answer.ok && answer.value.status === 200)) return true;
    const error = answer.ok ? refusalOf("consul", answer.value) : answer.error.message;
    log.warn("cannot share answers with other instances", { key: `${folder}data`, error });
    return false;
  }

  /** Changes what is shared, if the lock is still held: who lost it changes nothing. */
  #whileLeading(
    change: Readonly<Record<string, string>>,
    { leader, signal }: { readonly leader: string; readonly signal: AbortSignal },
  ): Promise<Result<ApiAnswer>> {
    const { blocking, folder } = this.#options;
    const body = [
      { KV: { Verb: "check-session", Key: `${folder}lock`, Session: leader } },
      { KV: { ...change, Key: `${folder}data` } },
    ];
    return blocking.api.send({ method: "PUT", path: "/v1/txn", body, signal, timeoutMs: TIMEOUT_MS });
  }
}

/** Secrets stay where they are; files, and what is near a machine, are everybody's own. */
function isShared(dependency: Dependency): boolean {
  const { kind } = dependency;
  if (kind === "catalog.node" && dependency.name === "") return false;
  if ("near" in dependency && dependency.near === "_agent") return false;
  return !(kind.startsWith("vault.") || kind.startsWith("nomad.var") || kind === "file" || kind === "connect.caleaf");
}
