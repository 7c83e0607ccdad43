import { spawn } from "node:child_process";
import { connect, type Socket } from "node:net";
import { freePort } from "./etcd.ts";

/** Redis with an append-only file that is synced before every answer. Protocol: https://redis.io/docs/latest/develop/reference/protocol-spec/ */
export interface Redis {
  /** Resolves when it answered `+OK`. Connections take turns. */
  command(...words: readonly string[]): Promise<void>;
  stop(): Promise<void>;
}

export async function startRedis(folder: string, connections: number): Promise<Redis> {
  const port = await freePort();
  const argv = ["--port", `${port}`, "--bind", "127.0.0.1", "--dir", folder, "--save", "", "--appendonly", "yes"];
  const child = spawn("redis-server", [...argv, "--appendfsync", "always"], { stdio: "ignore" });
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const clients: Client[] = [];
  for (let i = 0; i < connections; i++) clients.push(new Client(await dial(port)));
  let turn = 0;
  return {
    command: (...words) => clients[turn++ % connections]!.send(words),
    stop: async () => {
      for (const client of clients) client.close();
      child.kill("SIGKILL");
      await exited;
    },
  };
}

async function dial(port: number): Promise<Socket> {
  for (let tries = 0; ; tries++) {
    const socket = connect(port, "127.0.0.1").setNoDelay();
    const failed = await new Promise<Error | undefined>((resolve) => {
      socket.once("connect", () => resolve(undefined));
      socket.once("error", resolve);
    });
    if (failed === undefined) return socket;
    if (tries === 100) throw failed;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

class Client {
  readonly #socket: Socket;
  readonly #waiting: { resolve(): void; reject(error: Error): void }[] = [];

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("error", () => {});
    socket.on("data", (data: Buffer) => {
      for (const line of data.toString().split("\r\n")) {
        if (line === "") continue;
        const waiting = this.#waiting.shift();
        if (line === "+OK") waiting?.resolve();
        else waiting?.reject(new Error(`redis: ${line}`));
      }
    });
  }

  send(words: readonly string[]): Promise<void> {
    const parts = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
    this.#socket.write(`*${words.length}\r\n${parts.join("")}`);
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  close(): void {
    this.#socket.destroy();
  }
}
