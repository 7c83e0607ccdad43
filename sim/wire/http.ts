import { concatBytes, textOf, utf8 } from "#base/env/bytes.ts";
import { HttpTransportError } from "#base/env/http-client.ts";
import type { HttpClient, HttpRequestOptions, HttpResponse, HttpUpgrade } from "#base/env/http-client.ts";
import type { Life } from "../machine/life.ts";
import { Channel } from "./channel.ts";
import { dial } from "./dial.ts";
import type { Network } from "./network.ts";
import { BodyQueue } from "./body-queue.ts";
import { serveRequest } from "./http-server.ts";

const DEFAULT_TIMEOUT_MS = 60_000;
const MAX_BODY_BYTES = 64 * 1024 * 1024;

/** Requests as messages between lives: whole bodies there, answers in pieces back; all of it copied. */
export class SimHttpClient implements HttpClient {
  readonly #life: Life;
  readonly #network: Network;

  constructor(life: Life, network: Network) {
    this.#life = life;
    this.#network = network;
  }

  async request(options: HttpRequestOptions): Promise<HttpResponse> {
    const where = `${options.method ?? "GET"} ${options.url}`;
    const url = URL.parse(options.url);
    if (url === null) throw new HttpTransportError("EINVAL", `cannot request '${options.url}': not a URL`);
    if (options.socketPath !== undefined) throw new HttpTransportError("ENOENT", `${where}: no such socket`);
    const body = await collect(options.body);
    const port = url.port === "" ? (url.protocol === "https:" ? 443 : 80) : Number(url.port);
    const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    const dialled = await dial(this.#life, {
      network: this.#network,
      host: url.hostname,
      port,
      timeoutMs,
      label: `request ${where}`,
      lookUp: (life) => life.serverAt(port),
    });
    if (options.signal?.aborted === true) throw new HttpTransportError("ABORTED", `${where}: cancelled`);
    if (!dialled.ok) throw new HttpTransportError(dialled.code, `${where}: ${dialled.code}`);
    const { life, server } = dialled.found;
    return this.#exchange(options, { where, url, body, life, server, timeoutMs });
  }

  async upgrade(options: HttpRequestOptions): Promise<HttpUpgrade> {
    return { kind: "response", response: await this.request(options) };
  }

  #exchange(options: HttpRequestOptions, call: Call): Promise<HttpResponse> {
    const channel = new Channel(this.#network, this.#life, call.life);
    const abort = new AbortController();
    let giveUp: (code: string) => void = () => {};
    const parts = new BodyQueue(() => giveUp("ABORTED"));
    return new Promise((resolve, reject) => {
      const failWith = (code: string): void => {
        const error = new HttpTransportError(code, `${call.where}: ${code}`);
        timer.cancelled = true;
        reject(error);
        parts.fail(error);
      };
      giveUp = (code) => {
        failWith(code);
        channel.send(0, { label: "request dropped", deliver: () => abort.abort() });
      };
      const delayMs = call.timeoutMs === 0 ? 2 ** 40 : call.timeoutMs;
      const timer = this.#life.schedule(delayMs, `timeout of ${call.where}`, () => giveUp("ETIMEDOUT"));
      options.signal?.addEventListener("abort", () => this.#life.alive && giveUp("ABORTED"), { once: true });
      channel.onBroken(this.#life, failWith);
      const headers: Record<string, string> = { host: call.url.host };
      for (const [name, value] of Object.entries(options.headers ?? {})) headers[name.toLowerCase()] = value;
      serveRequest({
        channel,
        client: this.#life,
        life: call.life,
        exchange: call.server,
        abort,
        request: {
          method: options.method ?? "GET",
          url: `${call.url.pathname}${call.url.search}`,
          headers,
          body: call.body,
        },
        onHead: (status, answered) => {
          timer.cancelled = true;
          resolve(responseOf({ status, headers: answered, parts, abandon: () => giveUp("ABORTED") }));
        },
        onPart: (part) => parts.push(part),
        onEnd: () => parts.end(),
      });
    });
  }
}

interface Call {
  readonly where: string;
  readonly url: URL;
  readonly body: Uint8Array;
  readonly life: Life;
  readonly server: Parameters<typeof serveRequest>[0]["exchange"];
  readonly timeoutMs: number;
}

interface Answered {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly parts: BodyQueue;
  readonly abandon: () => void;
}

function responseOf({ status, headers, parts, abandon }: Answered): HttpResponse {
  const bytes = async (maxBytes: number = MAX_BODY_BYTES): Promise<Uint8Array> => {
    const read: Uint8Array[] = [];
    let size = 0;
    for await (const part of parts) {
      size += part.length;
      if (size > maxBytes) throw new HttpTransportError("EMSGSIZE", `the answer is above ${maxBytes} bytes`);
      read.push(part);
    }
    return concatBytes(read);
  };
  return { status, headers, body: parts, bytes, text: async (maxBytes) => textOf(await bytes(maxBytes)), abandon };
}

async function collect(body: HttpRequestOptions["body"]): Promise<Uint8Array> {
  if (body === undefined) return new Uint8Array(0);
  if (typeof body === "string") return utf8(body);
  if (body instanceof Uint8Array) return body.slice();
  const parts: Uint8Array[] = [];
  for await (const part of body) parts.push(part);
  return concatBytes(parts);
}
