import { concatBytes } from "#base/env/bytes.ts";
import type { Env } from "#base/env/env.ts";
import { messageOf } from "#base/env/errors.ts";
import type { Address } from "#base/env/net.ts";
import { randomInt } from "#base/env/random.ts";
import { HEADER_BYTES, readHeader, type Query } from "#base/protocol/dns/message.ts";
import { FLAG } from "#base/protocol/dns/record.ts";
import type { Transport } from "./responder.ts";

/** Questions that wait for a recursor; more fail at once. */
const MAX_IN_FLIGHT = 1000;
const TIMEOUT_MS = 2000;

export interface RecursorOptions {
  readonly servers: readonly Address[];
  readonly timeoutMs?: number;
}

/** Passes questions on, byte for byte but for the number: the servers are tried in order. */
export class Recursor {
  readonly #env: Env;
  readonly #servers: readonly Address[];
  readonly #timeoutMs: number;
  readonly #stopped = new AbortController();
  #inFlight = 0;

  constructor(env: Env, options: RecursorOptions) {
    this.#env = env;
    this.#servers = options.servers;
    this.#timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
  }

  /** The answer under the question's own number; undefined when no server gave one. Never rejects. */
  async ask(packet: Uint8Array, query: Query, transport: Transport): Promise<Uint8Array | undefined> {
    if (this.#inFlight >= MAX_IN_FLIGHT || this.#stopped.signal.aborted) return undefined;
    this.#inFlight += 1;
    try {
      for (const server of this.#servers) {
        const answer = await this.#askOne(packet, query, { server, transport });
        if (answer !== undefined) return withId(answer, query.header.id);
      }
      return undefined;
    } finally {
      this.#inFlight -= 1;
    }
  }

  stop(): void {
    this.#stopped.abort();
  }

  async #askOne(
    packet: Uint8Array,
    query: Query,
    { server, transport }: { readonly server: Address; readonly transport: Transport },
  ): Promise<Uint8Array | undefined> {
    // A number and a port of its own for each question: both must be guessed to slip in a false answer.
    const id = randomInt(this.#env.random, 65_536);
    const asked = withId(packet, id);
    const isAnswer = (bytes: Uint8Array): boolean => answers(bytes, asked, { id, query });
    try {
      return await (transport === "udp"
        ? this.#overUdp(asked, server, isAnswer)
        : this.#overTcp(asked, server, isAnswer));
    } catch (thrown) {
      this.#env.log.debug("a DNS recursor did not answer", { server: server.host, error: messageOf(thrown) });
      return undefined;
    }
  }

  async #overUdp(
    asked: Uint8Array,
    server: Address,
    isAnswer: (bytes: Uint8Array) => boolean,
  ): Promise<Uint8Array | undefined> {
    const answered = Promise.withResolvers<Uint8Array | undefined>();
    const host = server.host.includes(":") ? "::" : "0.0.0.0";
    const socket = await this.#env.net.bind({ host, port: 0 }, (data, from) => {
      if (from.host === server.host && from.port === server.port && isAnswer(data)) answered.resolve(data.slice());
    });
    return this.#within(
      answered,
      () => void socket.close(),
      () => socket.send(asked, server),
    );
  }

  async #overTcp(
    asked: Uint8Array,
    server: Address,
    isAnswer: (bytes: Uint8Array) => boolean,
  ): Promise<Uint8Array | undefined> {
    const stream = await this.#env.net.connect({ ...server, timeoutMs: this.#timeoutMs, signal: this.#stopped.signal });
    const answered = Promise.withResolvers<Uint8Array | undefined>();
    let received: Uint8Array = new Uint8Array(0);
    stream.onClose(() => answered.resolve(undefined));
    stream.onData((data) => {
      received = concatBytes([received, data]);
      const length = ((received[0] ?? 0) << 8) | (received[1] ?? 0);
      if (received.length < 2 + length || received.length < 2) return;
      const message = received.slice(2, 2 + length);
      answered.resolve(isAnswer(message) ? message : undefined);
    });
    const prefixed = concatBytes([Uint8Array.of(asked.length >> 8, asked.length & 255), asked]);
    return this.#within(
      answered,
      () => stream.destroy(),
      () => void stream.write(prefixed).catch(() => answered.resolve(undefined)),
    );
  }

  async #within(
    answered: PromiseWithResolvers<Uint8Array | undefined>,
    release: () => void,
    send: () => void,
  ): Promise<Uint8Array | undefined> {
    const timer = this.#env.clock.after(this.#timeoutMs, () => answered.resolve(undefined));
    const giveUp = (): void => answered.resolve(undefined);
    this.#stopped.signal.addEventListener("abort", giveUp, { once: true });
    try {
      send();
      return await answered.promise;
    } finally {
      timer.cancel();
      this.#stopped.signal.removeEventListener("abort", giveUp);
      release();
    }
  }
}

/** `host`, `host:port` or `[v6]:port`; port 53 by default. */
export function recursorAddress(text: string): Address {
  const [, v6, v4, port] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/.exec(text) ?? [];
  return { host: v6 ?? v4 ?? text, port: port === undefined ? 53 : Number(port) };
}

function answers(
  bytes: Uint8Array,
  asked: Uint8Array,
  { id, query }: { readonly id: number; readonly query: Query },
): boolean {
  const header = readHeader(bytes);
  if (header?.id !== id || (header.flags & FLAG.QR) === 0) return false;
  if (header.questions === 0) return (header.flags & 15) !== 0;
  for (let i = HEADER_BYTES; i < query.questionEnd; i++) if (lower(bytes[i]) !== lower(asked[i])) return false;
  return true;
}

function lower(byte: number | undefined): number | undefined {
  return byte !== undefined && byte >= 65 && byte <= 90 ? byte + 32 : byte;
}

function withId(packet: Uint8Array, id: number): Uint8Array {
  const copy = packet.slice();
  copy[0] = id >> 8;
  copy[1] = id & 255;
  return copy;
}
