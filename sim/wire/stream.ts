import type { Address, Stream } from "#base/env/net.ts";
import type { Life } from "../machine/life.ts";
import type { Channel } from "./channel.ts";

export interface SimStreamOptions {
  readonly life: Life;
  readonly channel: Channel;
  readonly end: 0 | 1;
  readonly local: Address;
  readonly remote: Address;
}

/** One end of a stream; `pair` ties it to the other. */
export class SimStream implements Stream {
  readonly local: Address;
  readonly remote: Address;
  readonly #options: SimStreamOptions;
  #peer: SimStream | undefined;
  #onData: ((data: Uint8Array) => void) | undefined;
  #onClose: ((error?: Error) => void)[] = [];
  #unread: Uint8Array[] = [];
  #closed: { readonly error: Error | undefined } | undefined;
  #ended = false;

  constructor(options: SimStreamOptions) {
    this.#options = options;
    this.local = options.local;
    this.remote = options.remote;
    options.channel.onBroken(options.life, (code) => {
      const broken = new Error(`stream to ${options.remote.host}:${options.remote.port} broke: ${code}`);
      this.close(Object.assign(broken, { code }));
    });
  }

  pair(peer: SimStream): void {
    this.#peer = peer;
  }

  onData(handler: (data: Uint8Array) => void): void {
    this.#onData = handler;
    const unread = this.#unread;
    this.#unread = [];
    for (const data of unread) handler(data);
  }

  onClose(handler: (error?: Error) => void): void {
    if (this.#closed === undefined) this.#onClose.push(handler);
    else handler(this.#closed.error);
  }

  write(data: Uint8Array): Promise<void> {
    if (this.#closed !== undefined || this.#ended) return Promise.reject(new Error("the stream is closed"));
    const copy = data.slice();
    this.#send(`${data.length} bytes`, (peer) => peer.receive(copy));
    return Promise.resolve();
  }

  end(): void {
    if (this.#closed !== undefined || this.#ended) return;
    this.#ended = true;
    this.#send("end of stream", (peer) => {
      peer.close(undefined);
      this.#options.channel.close();
    });
    this.#options.life.schedule(0.1, "stream ended", () => this.close(undefined));
  }

  destroy(): void {
    if (this.#closed !== undefined) return;
    this.#send("reset", (peer) => peer.close(new Error("reset by peer")));
    this.#options.life.schedule(0, "stream destroyed", () => this.close(undefined));
  }

  receive(data: Uint8Array): void {
    if (this.#closed !== undefined) return;
    if (this.#onData === undefined) this.#unread.push(data);
    else this.#onData(data);
  }

  close(error: Error | undefined): void {
    if (this.#closed !== undefined) return;
    this.#closed = { error };
    for (const handler of this.#onClose) handler(error);
    this.#onClose = [];
  }

  #send(label: string, deliver: (peer: SimStream) => void): void {
    const peer = this.#peer;
    if (peer !== undefined) this.#options.channel.send(this.#options.end, { label, deliver: () => deliver(peer) });
  }
}
