import type { Env } from "#base/env/env.ts";
import type { Stream, TlsOptions } from "#base/env/net.ts";
import { randomInt } from "#base/env/random.ts";
import { idOf, isAnswerTo, type Exchange, type Exchanger } from "./exchange.ts";
import { MessageSplitter, withLength } from "./message-splitter.ts";

const MAX_MESSAGE_BYTES = 65_535;
const CONNECT_TIMEOUT_MS = 3000;
/** A connection nobody asks over is closed. */
const IDLE_MS = 20_000;
/** Questions on one connection at once; more fail. */
const MAX_WAITING = 1000;

interface Connection {
  readonly waiting: Map<number, Exchange>;
  stream: Stream | undefined;
  lastMs: number;
}

export interface StreamTarget {
  /** An address. Asked each time a connection is made; undefined: it cannot be found out. */
  readonly address: () => Promise<{ readonly host: string; readonly port: number } | undefined>;
  readonly tls?: TlsOptions;
}

/** Asks over one TCP or TLS connection, many questions at once, answers in any order (RFC 7766 §6.2.1.1, RFC 7858). */
export class StreamExchanger implements Exchanger {
  readonly #env: Pick<Env, "net" | "random" | "clock">;
  readonly #target: StreamTarget;
  readonly #stopped = new AbortController();
  #connection: Connection | undefined;

  constructor(env: Pick<Env, "net" | "random" | "clock">, target: StreamTarget) {
    this.#env = env;
    this.#target = target;
  }

  ask(exchange: Exchange): void {
    const connection = this.#connection ?? this.#connect();
    if (connection.waiting.size >= MAX_WAITING) return exchange.answered(undefined);
    let id = randomInt(this.#env.random, 65_536);
    while (connection.waiting.has(id)) id = (id + 1) & 0xffff;
    exchange.message[0] = id >> 8;
    exchange.message[1] = id & 255;
    connection.waiting.set(id, exchange);
    connection.lastMs = this.#env.clock.monotonicMs();
    if (connection.stream !== undefined) this.#send(connection, exchange);
  }

  giveUp(exchange: Exchange): void {
    const waiting = this.#connection?.waiting;
    const id = idOf(exchange.message);
    if (waiting?.get(id) === exchange) waiting.delete(id);
  }

  close(): Promise<void> {
    this.#stopped.abort();
    this.#connection?.stream?.destroy();
    this.#connection = undefined;
    return Promise.resolve();
  }

  #connect(): Connection {
    const connection: Connection = { waiting: new Map(), stream: undefined, lastMs: 0 };
    this.#connection = connection;
    void this.#open(connection);
    return connection;
  }

  async #open(connection: Connection): Promise<void> {
    try {
      const address = await this.#target.address();
      if (address === undefined) return this.#lost(connection);
      const { tls } = this.#target;
      const stream = await this.#env.net.connect({
        ...address,
        timeoutMs: CONNECT_TIMEOUT_MS,
        signal: this.#stopped.signal,
        ...(tls === undefined ? {} : { tls }),
      });
      const splitter = new MessageSplitter(MAX_MESSAGE_BYTES);
      stream.onClose(() => this.#lost(connection));
      stream.onData((data) => {
        const messages = splitter.push(data);
        if (messages === undefined) return stream.destroy();
        for (const message of messages) this.#onAnswer(connection, message);
      });
      connection.stream = stream;
      for (const exchange of connection.waiting.values()) this.#send(connection, exchange);
      this.#watchIdle(connection);
    } catch {
      this.#lost(connection);
    }
  }

  #onAnswer(connection: Connection, message: Uint8Array): void {
    const id = idOf(message);
    const exchange = connection.waiting.get(id);
    if (exchange === undefined || !isAnswerTo(message, exchange, false)) return;
    connection.waiting.delete(id);
    exchange.answered(message);
  }

  #send(connection: Connection, { message }: Exchange): void {
    connection.stream?.write(withLength(message)).catch(() => this.#lost(connection));
  }

  #lost(connection: Connection): void {
    if (this.#connection === connection) this.#connection = undefined;
    connection.stream?.destroy();
    const waiting = [...connection.waiting.values()];
    connection.waiting.clear();
    for (const exchange of waiting) exchange.answered(undefined);
  }

  #watchIdle(connection: Connection): void {
    const { clock } = this.#env;
    clock.after(IDLE_MS, () => {
      if (this.#connection !== connection) return;
      if (connection.waiting.size === 0 && clock.monotonicMs() - connection.lastMs >= IDLE_MS) this.#lost(connection);
      else this.#watchIdle(connection);
    });
  }
}
