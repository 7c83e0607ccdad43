import { connect, type Socket } from "node:net";

const END_OF_HEAD = Buffer.from("\r\n\r\n");

export interface Response {
  readonly status: number;
  readonly index: number;
  readonly body: string;
}

/** One kept connection; requests go one after the other. */
export class Connection {
  readonly #socket: Socket;
  #held: Buffer = Buffer.alloc(0);
  #waiting: { resolve: (response: Response) => void; reject: (error: Error) => void } | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (data: Buffer) => this.#onData(data));
    socket.on("error", (error) => this.#waiting?.reject(error));
  }

  static open(port: number, host = "127.0.0.1"): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, host, () => resolve(new Connection(socket)));
      socket.once("error", reject);
    });
  }

  ask(method: string, path: string, body = ""): Promise<Response> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      const length = Buffer.byteLength(body);
      this.#socket.write(`${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: ${length}\r\n\r\n${body}`);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #onData(data: Buffer): void {
    this.#held = this.#held.length === 0 ? data : Buffer.concat([this.#held, data]);
    const head = this.#held.indexOf(END_OF_HEAD);
    if (head < 0) return;
    const text = this.#held.toString("latin1", 0, head);
    const size = Number(/\r\ncontent-length: (\d+)/i.exec(text)?.[1] ?? 0);
    if (this.#held.length < head + 4 + size) return;
    const body = this.#held.toString("utf8", head + 4, head + 4 + size);
    this.#held = Buffer.alloc(0);
    const status = Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? 0);
    const index = Number(/\r\nx-nomad-index: (\d+)/i.exec(text)?.[1] ?? 0);
    this.#waiting?.resolve({ status, index, body });
  }
}
