import type { Server } from "node:http";
import type { Socket } from "node:net";
import { plainHost } from "./streams.ts";

/** Counts connections per client address, and turns away what one client opens above its share. */
export class ClientConnections {
  readonly #limit: number;
  readonly #open = new Map<string, number>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Stands before the server's own listeners, and so before any TLS handshake or parsing: the costly parts. */
  guard(server: Server): void {
    const inner = server.listeners("connection");
    server.removeAllListeners("connection");
    server.on("connection", (socket: Socket) => {
      if (this.#admit(socket)) for (const listener of inner) listener.call(server, socket);
    });
  }

  #admit(socket: Socket): boolean {
    const client = plainHost(socket.remoteAddress);
    const count = (this.#open.get(client) ?? 0) + 1;
    this.#open.set(client, count);
    socket.once("close", () => this.#release(client));
    if (count <= this.#limit) return true;
    this.#refuse(socket);
    return false;
  }

  #refuse(socket: Socket): void {
    const text = `this address has more than ${this.#limit} connections open; close some, or raise limits.http_max_conns_per_client\n`;
    socket.on("error", () => {});
    socket.end(
      `HTTP/1.1 429 Too Many Requests\r\nContent-Type: text/plain\r\nContent-Length: ${text.length}\r\nConnection: close\r\n\r\n${text}`,
      () => socket.destroy(),
    );
  }

  #release(client: string): void {
    const count = (this.#open.get(client) ?? 1) - 1;
    if (count > 0) this.#open.set(client, count);
    else this.#open.delete(client);
  }
}
