import type { Env } from "#base/env/env.ts";
import type { Address, PeerSocket } from "#base/env/net.ts";
import { randomInt } from "#base/env/random.ts";
import { idOf, isAnswerTo, type Exchange, type Exchanger } from "./exchange.ts";

/** Ports in use at once: one of them and the number have to be guessed to slip in an answer. */
const MAX_SOCKETS = 64;
/** … and even when hardly anything is asked. */
const FEW = 8;
/** Questions in flight per socket before another one is opened. */
const CROWDED = 32;
/** Questions that leave one after the other by the same port, so that they leave together. */
const RUN = 16;
/** A port is given up after so many questions. */
const QUESTIONS_PER_PORT = 4096;
/** Wrong answers on one port until it is given up: somebody is guessing (RFC 5452 §9.2). */
const MAX_WRONG = 16;

interface Port {
  readonly waiting: Map<number, Exchange>;
  socket: PeerSocket | undefined;
  asked: number;
  wrong: number;
  isRetired: boolean;
}

/** Asks over UDP, from a pool of sockets that hear only that server. */
export class UdpExchanger implements Exchanger {
  readonly #env: Pick<Env, "net" | "random">;
  readonly #to: Address;
  readonly #exactCase: boolean;
  #ports: Port[] = [];
  /** Asked no more, and kept as long as somebody waits. */
  readonly #retired = new Set<Port>();
  #isClosed = false;
  #current: Port | undefined;
  #left = 0;

  constructor(env: Pick<Env, "net" | "random">, to: Address, { exactCase }: { readonly exactCase: boolean }) {
    this.#env = env;
    this.#to = to;
    this.#exactCase = exactCase;
  }

  ask(exchange: Exchange): void {
    const port = this.#pick();
    const id = this.#freeId(port);
    exchange.message[0] = id >> 8;
    exchange.message[1] = id & 255;
    port.waiting.set(id, exchange);
    port.asked += 1;
    // Before the socket is there, it is sent by whoever opens it.
    port.socket?.send(exchange.message);
    if (port.asked >= QUESTIONS_PER_PORT) this.#retire(port);
  }

  giveUp(exchange: Exchange): void {
    const id = idOf(exchange.message);
    for (const port of [...this.#ports, ...this.#retired]) {
      if (port.waiting.get(id) !== exchange) continue;
      port.waiting.delete(id);
      return this.#closeIfDone(port);
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const ports = [...this.#ports, ...this.#retired];
    this.#ports = [];
    this.#retired.clear();
    await Promise.all(ports.map(({ socket }) => socket?.close() ?? Promise.resolve()));
  }

  #pick(): Port {
    const current = this.#current;
    if (current !== undefined && this.#left > 0 && !current.isRetired) {
      this.#left -= 1;
      return current;
    }
    this.#left = RUN - 1;
    this.#current = this.#pickAnother();
    return this.#current;
  }

  /** Any of those there are; another one while they are few. */
  #pickAnother(): Port {
    const index = this.#ports.length === 0 ? 0 : randomInt(this.#env.random, this.#ports.length);
    const port = this.#ports[index];
    const isEnough =
      this.#ports.length >= MAX_SOCKETS || (this.#ports.length >= FEW && (port?.waiting.size ?? 0) < CROWDED);
    if (port !== undefined && isEnough) return port;
    const opened: Port = { waiting: new Map(), socket: undefined, asked: 0, wrong: 0, isRetired: false };
    this.#ports.push(opened);
    void this.#open(opened);
    return opened;
  }

  async #open(port: Port): Promise<void> {
    try {
      const socket = await this.#env.net.dial(this.#to, {
        onDatagram: (data) => this.#onAnswer(port, data),
        onRefused: () => this.#fail(port),
      });
      port.socket = socket;
      if (this.#isClosed) return void socket.close();
      for (const { message } of port.waiting.values()) socket.send(message);
      this.#closeIfDone(port);
    } catch {
      this.#fail(port);
    }
  }

  #onAnswer(port: Port, data: Uint8Array): void {
    const id = idOf(data);
    const exchange = port.waiting.get(id);
    if (exchange === undefined || !isAnswerTo(data, exchange, this.#exactCase)) {
      port.wrong += 1;
      if (port.wrong === MAX_WRONG) this.#retire(port);
      return;
    }
    port.waiting.delete(id);
    exchange.answered(data);
    this.#closeIfDone(port);
  }

  /** Nobody listens there, or there is no way: whoever waits learns it at once. */
  #fail(port: Port): void {
    this.#retire(port);
    const waiting = [...port.waiting.values()];
    port.waiting.clear();
    this.#closeIfDone(port);
    for (const exchange of waiting) exchange.answered(undefined);
  }

  #retire(port: Port): void {
    if (port.isRetired) return;
    port.isRetired = true;
    this.#ports = this.#ports.filter((each) => each !== port);
    this.#retired.add(port);
  }

  #closeIfDone(port: Port): void {
    if (!port.isRetired || port.waiting.size > 0) return;
    this.#retired.delete(port);
    void port.socket?.close();
  }

  #freeId(port: Port): number {
    for (;;) {
      const id = randomInt(this.#env.random, 65_536);
      if (!port.waiting.has(id)) return id;
    }
  }
}
