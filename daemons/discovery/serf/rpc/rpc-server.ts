import type { Address, Listener, Net, Stream } from "#base/env/net.ts";
import type { RpcDeps } from "./command.ts";
import { MAX_CLIENTS } from "./limits.ts";
import { RpcSession } from "./rpc-session.ts";

/** The port the `serf` command and its libraries speak: MessagePack over TCP. */
export class RpcServer {
  readonly #deps: RpcDeps;
  readonly #net: Net;
  readonly #sessions = new Map<Stream, RpcSession>();
  #listener: Listener | undefined;

  constructor(net: Net, deps: RpcDeps) {
    this.#net = net;
    this.#deps = deps;
  }

  get address(): Address | undefined {
    return this.#listener?.address;
  }

  /** Rejects when the address cannot be had. */
  async start(at: Address): Promise<void> {
    this.#listener = await this.#net.listen(at, (stream) => this.#accept(stream));
  }

  async stop(): Promise<void> {
    for (const [stream, session] of this.#sessions) {
      session.close();
      stream.destroy();
    }
    this.#sessions.clear();
    await this.#listener?.close();
    this.#listener = undefined;
  }

  #accept(stream: Stream): void {
    if (this.#sessions.size >= MAX_CLIENTS) return stream.destroy();
    const session = new RpcSession(stream, this.#deps);
    this.#sessions.set(stream, session);
    stream.onClose(() => {
      session.close();
      this.#sessions.delete(stream);
    });
  }
}
