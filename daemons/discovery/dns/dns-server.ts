import { concatBytes } from "#base/env/bytes.ts";
import type { Env } from "#base/env/env.ts";
import type { Address, DatagramPeer, DatagramSocket, Listener, Stream } from "#base/env/net.ts";
import { RCODE } from "#base/protocol/dns/record.ts";
import type { Query } from "#base/protocol/dns/message.ts";
import type { Recursor } from "./recursor.ts";
import type { Responder, Response, Transport } from "./responder.ts";

/** TCP connections at once; more are closed at once. */
const MAX_CONNECTIONS = 256;
/** A connection that asks nothing for this long is closed (RFC 7766 §6.2.3 leaves the time to the server). */
const IDLE_MS = 10_000;
/** Longest question taken over TCP. */
const MAX_QUESTION_BYTES = 4096;

export interface DnsServerDeps {
  readonly env: Env;
  readonly responder: Responder;
  readonly recursor: Recursor;
  readonly at: Address;
}

/** The UDP and TCP sockets of the DNS server, on one port. */
export class DnsServer {
  readonly #deps: DnsServerDeps;
  readonly #connections = new Set<Stream>();
  #udp: DatagramSocket | undefined;
  #tcp: Listener | undefined;

  constructor(deps: DnsServerDeps) {
    this.#deps = deps;
  }

  /** Where it listens; undefined before `start`. */
  get address(): Address | undefined {
    return this.#udp?.address;
  }

  /** Rejects with the system's code when the port cannot be had. */
  async start(): Promise<void> {
    const { env, at } = this.#deps;
    // With port 0 the port TCP happens to get may be taken for UDP: then another pair is tried.
    for (let attempt = 1; ; attempt++) {
      const tcp = await env.net.listen(at, (stream) => this.#serve(stream));
      try {
        const where = { host: at.host, port: tcp.address.port };
        this.#udp = await env.net.serve(where, (data, from, out) => this.#onDatagram(data, { from, out }));
        this.#tcp = tcp;
        return;
      } catch (thrown) {
        await tcp.close();
        if (at.port !== 0 || attempt >= 5) throw thrown;
      }
    }
  }

  async stop(): Promise<void> {
    for (const stream of this.#connections) stream.destroy();
    await Promise.all([this.#udp?.close(), this.#tcp?.close()]);
    this.#udp = undefined;
    this.#tcp = undefined;
  }

  #onDatagram(data: Uint8Array, { from, out }: { readonly from: DatagramPeer; readonly out: Uint8Array }): number {
    // Nothing that speaks DNS asks from port 0, and an answer could not be sent there.
    if (from.port === 0) return 0;
    const response = this.#deps.responder.respond(data, "udp");
    if (response.kind === "reply" && response.bytes.length <= out.length) {
      out.set(response.bytes);
      return response.bytes.length;
    }
    this.#carryOut(response, data, { transport: "udp", reply: (bytes) => this.#udp?.send(bytes, from) });
    return 0;
  }

  #answer(packet: Uint8Array, transport: Transport, reply: (bytes: Uint8Array) => void): void {
    this.#carryOut(this.#deps.responder.respond(packet, transport), packet, { transport, reply });
  }

  #carryOut(
    response: Response,
    packet: Uint8Array,
    { transport, reply }: { readonly transport: Transport; readonly reply: (bytes: Uint8Array) => void },
  ): void {
    switch (response.kind) {
      case "drop":
        return;
      case "reply":
        return reply(response.bytes);
      case "forward":
        void this.#forward(packet.slice(), response.query, { transport, reply });
        return;
      default:
        response satisfies never;
    }
  }

  async #forward(
    packet: Uint8Array,
    query: Query,
    { transport, reply }: { readonly transport: Transport; readonly reply: (bytes: Uint8Array) => void },
  ): Promise<void> {
    const bytes = await this.#deps.recursor.ask(packet, query, transport);
    reply(bytes ?? this.#deps.responder.failure(packet, query, RCODE.SERVFAIL));
  }

  #serve(stream: Stream): void {
    if (this.#connections.size >= MAX_CONNECTIONS) return stream.destroy();
    this.#connections.add(stream);
    const { clock } = this.#deps.env;
    const giveUp = (): void => stream.destroy();
    let idle = clock.after(IDLE_MS, giveUp);
    let pending: Uint8Array = new Uint8Array(0);
    stream.onClose(() => {
      idle.cancel();
      this.#connections.delete(stream);
    });
    stream.onData((data) => {
      const messages = split(concatBytes([pending, data]));
      if (messages === undefined) return stream.destroy();
      pending = messages.rest;
      if (messages.whole.length === 0) return;
      idle.cancel();
      idle = clock.after(IDLE_MS, giveUp);
      for (const message of messages.whole) this.#answer(message, "tcp", (bytes) => void send(stream, bytes));
    });
  }
}

/** Whole messages behind their length, and what is left; undefined when one is longer than any question. */
function split(bytes: Uint8Array): { readonly whole: readonly Uint8Array[]; readonly rest: Uint8Array } | undefined {
  const whole: Uint8Array[] = [];
  let at = 0;
  while (at + 2 <= bytes.length) {
    const length = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
    if (length > MAX_QUESTION_BYTES) return undefined;
    if (at + 2 + length > bytes.length) break;
    whole.push(bytes.subarray(at + 2, at + 2 + length));
    at += 2 + length;
  }
  return { whole, rest: bytes.slice(at) };
}

async function send(stream: Stream, bytes: Uint8Array): Promise<void> {
  try {
    await stream.write(concatBytes([Uint8Array.of(bytes.length >> 8, bytes.length & 255), bytes]));
  } catch {
    // The peer went away: its close handler has cleaned up.
  }
}
