import type { Env } from "#base/env/env.ts";
import { isSameSecret } from "#base/env/same-secret.ts";
import type { Exchange, ExchangeRequest, ExchangeResponse } from "#base/http/exchange.ts";
import { listenHttp, type HttpListener } from "#base/platform/http-listener.ts";

export interface TaskSocket {
  readonly socketPath: string;
  /** What every request must carry. */
  readonly token: string;
  readonly uid: number;
  readonly gid: number;
}

/**
 * The cluster's APIs for single tasks: a socket in the task's secrets folder that only its user may open and that answers
 * only its token. Paths of both APIs are served; they do not overlap where tasks need them.
 */
export class TaskApi {
  readonly #env: Env;
  readonly #open = new Map<string, HttpListener>();
  #exchange: Exchange = () => Promise.resolve(NOT_YET);

  constructor(env: Env) {
    this.#env = env;
  }

  /** What the sockets answer with; before that they say that the agent is starting. */
  serve(exchange: Exchange): void {
    this.#exchange = exchange;
  }

  /** Opens the socket, or opens it anew after a restart. */
  async open(socket: TaskSocket): Promise<void> {
    await this.close(socket.socketPath);
    await this.#env.disk.remove(socket.socketPath);
    const listener = await listenHttp({
      at: { socketPath: socket.socketPath, mode: 0o600, uid: socket.uid, gid: socket.gid },
      exchange: (request) => (isAllowed(request, socket.token) ? this.#exchange(request) : Promise.resolve(REFUSED)),
      log: this.#env.log,
    });
    this.#open.set(socket.socketPath, listener);
  }

  async close(socketPath: string): Promise<void> {
    const listener = this.#open.get(socketPath);
    this.#open.delete(socketPath);
    await listener?.close(0);
    if (listener !== undefined) await this.#env.disk.remove(socketPath);
  }

  async stop(): Promise<void> {
    for (const path of Array.from(this.#open.keys())) await this.close(path);
  }
}

const NOT_YET: ExchangeResponse = {
  status: 503,
  headers: { "content-type": "text/plain; charset=utf-8" },
  body: "the agent is starting; ask again\n",
};

const REFUSED: ExchangeResponse = {
  status: 403,
  headers: { "content-type": "text/plain; charset=utf-8" },
  body: "this socket answers only the token of its task\n",
};

function isAllowed(request: ExchangeRequest, token: string): boolean {
  const { headers } = request;
  const given =
    headers["x-nomad-token"] ?? headers["x-consul-token"] ?? headers["authorization"]?.replace(/^Bearer /i, "") ?? "";
  return isSameSecret(given, token);
}
