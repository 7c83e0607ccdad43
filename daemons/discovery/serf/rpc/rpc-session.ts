import { concatBytes } from "#base/env/bytes.ts";
import type { Stream } from "#base/env/net.ts";
import type { IncomingQuery } from "../core/core-ports.ts";
import { encodeValue } from "../wire/encode-value.ts";
import type { WireMap } from "../wire/value.ts";
import type { Client, RpcDeps } from "./command.ts";
import { commandOf } from "./commands.ts";
import { MAX_UNSENT } from "./limits.ts";
import { RequestReader, type Request } from "./request-reader.ts";

/** One client of the RPC port: its requests are answered one after the other. Error texts are Serf's: clients compare some. */
export class RpcSession implements Client {
  readonly deps: RpcDeps;
  greeted = false;
  trusted: boolean;
  monitor: number | undefined;
  readonly streams = new Map<number, () => void>();
  readonly pending = new Map<number, IncomingQuery>();
  readonly #stream: Stream;
  readonly #reader = new RequestReader((command) => commandOf(command)?.hasBody ?? false);
  #queryId = 0;
  #unsent = 0;
  #closed = false;

  constructor(stream: Stream, deps: RpcDeps) {
    this.#stream = stream;
    this.deps = deps;
    this.trusted = deps.authKey === "";
    stream.onData((data) => this.#take(data));
  }

  /** Ends its streams; the connection is the server's. */
  close(): void {
    this.#closed = true;
    for (const end of this.streams.values()) end();
    this.streams.clear();
    this.pending.clear();
  }

  /** A client that does not read loses records, not the agent its memory. */
  send(seq: number, error: string, body?: WireMap): void {
    if (this.#unsent >= MAX_UNSENT) return;
    this.#unsent += 1;
    const header = encodeValue({ Seq: seq, Error: error });
    const bytes = body === undefined ? header : concatBytes([header, encodeValue(body)]);
    this.#stream.write(bytes).then(
      () => (this.#unsent -= 1),
      () => this.#stream.destroy(),
    );
  }

  nextQueryId(): number {
    return ++this.#queryId;
  }

  async #take(data: Uint8Array): Promise<void> {
    this.#reader.push(data);
    for (;;) {
      const request = this.#reader.next();
      if (!request.ok) return this.#stream.destroy();
      if (request.value === undefined) return;
      if (!(await this.#answer(request.value))) return this.#stream.end();
    }
  }

  /** False: the connection is over. */
  async #answer({ command, seq, body }: Request): Promise<boolean> {
    if (!this.greeted && command !== "handshake") {
      this.send(seq, "Handshake required");
      return false;
    }
    if (!this.trusted && command !== "handshake" && command !== "auth") {
      this.send(seq, "Authentication required");
      return true;
    }
    const row = commandOf(command);
    if (row === undefined) {
      this.send(seq, "Unsupported command");
      return false;
    }
    const answer = await row.run(this, seq, body);
    this.send(seq, answer.error, answer.body);
    answer.after?.();
    // Gone while it was answered: what began just now ends with it.
    if (this.#closed) this.close();
    return !this.#closed;
  }
}
