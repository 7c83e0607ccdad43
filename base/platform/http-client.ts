import { Agent, request as plainRequest } from "node:http";
import type { ClientRequest, IncomingMessage, RequestOptions } from "node:http";
import { Agent as TlsAgent, request as tlsRequest } from "node:https";
import type { RequestOptions as TlsRequestOptions } from "node:https";
import { Readable } from "node:stream";
import { messageOf } from "#base/env/errors.ts";
import { HttpTransportError } from "#base/env/http-client.ts";
import type { HttpClient, HttpRequestOptions, HttpUpgrade } from "#base/env/http-client.ts";
import { responseOf } from "./http-response.ts";
import { socketName } from "./socket-path.ts";
import { streamOf } from "./streams.ts";
import { codeOf } from "./system-error.ts";

const HEADERS_TIMEOUT_MS = 60_000;
/** Connections to one place at a time. Long polls hold theirs, so this is above what one agent waits for at once. */
const MAX_SOCKETS_PER_HOST = 256;
const MAX_SOCKETS = 1024;
const MAX_IDLE_SOCKETS_PER_HOST = 8;
const IDLE_SOCKET_MS = 30_000;
/** RFC 9110 section 9.2.2: may be sent again when a kept connection turns out to be dead. */
const IDEMPOTENT: readonly string[] = ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"];

export interface SystemHttpClient extends HttpClient {
  /** Drops the idle connections. */
  close(): void;
}

export function createSystemHttp(): SystemHttpClient {
  const pool = {
    keepAlive: true,
    maxSockets: MAX_SOCKETS_PER_HOST,
    maxTotalSockets: MAX_SOCKETS,
    maxFreeSockets: MAX_IDLE_SOCKETS_PER_HOST,
    timeout: IDLE_SOCKET_MS,
  };
  const agents: Agents = { plain: new Agent(pool), tls: new TlsAgent(pool) };
  return {
    request: async (options) => {
      const answer = await exchange(agents, options, 0);
      if (answer.kind === "response") return answer.response;
      answer.stream.destroy();
      throw new HttpTransportError("EPROTO", `${options.url} switched protocols, which was not asked for`);
    },
    upgrade: (options) => exchange(agents, options, 0),
    close() {
      agents.plain.destroy();
      agents.tls.destroy();
    },
  };
}

interface Agents {
  readonly plain: Agent;
  readonly tls: TlsAgent;
}

async function exchange(agents: Agents, options: HttpRequestOptions, attempt: number): Promise<HttpUpgrade> {
  if (options.signal?.aborted === true) throw new HttpTransportError("ABORTED", `${options.url} was cancelled`);
  const call = open(attempt === 0 ? agents : undefined, options);
  const answer = answerOf(call, options);
  send(call, options.body);
  try {
    return await answer;
  } catch (thrown) {
    if (attempt > 0 || !call.reusedSocket || !mayRepeat(thrown, options)) throw thrown;
    return exchange(agents, options, attempt + 1);
  }
}

/** The server closed the kept connection while we wrote to it. The second try takes a connection of its own. */
function mayRepeat(thrown: unknown, options: HttpRequestOptions): boolean {
  const { body, method = "GET" } = options;
  const replayable = body === undefined || typeof body === "string" || body instanceof Uint8Array;
  return ["ECONNRESET", "EPIPE"].includes(codeOf(thrown)) && replayable && IDEMPOTENT.includes(method);
}

function open(agents: Agents | undefined, options: HttpRequestOptions): ClientRequest {
  try {
    const url = new URL(options.url);
    const tls = url.protocol === "https:";
    if (!tls && url.protocol !== "http:") throw new Error(`'${url.protocol}' is neither http: nor https:`);
    const socket = options.socketPath === undefined ? undefined : socketName(options.socketPath);
    const upgrading = Object.keys(options.headers ?? {}).some((name) => name.toLowerCase() === "upgrade");
    const common: RequestOptions = {
      method: options.method ?? "GET",
      path: `${url.pathname}${url.search}`,
      headers: { ...options.headers },
      agent: upgrading || agents === undefined ? false : tls ? agents.tls : agents.plain,
      ...(socket === undefined
        ? { hostname: url.hostname.replace(/^\[|\]$/g, ""), port: url.port === "" ? undefined : url.port }
        : { socketPath: socket.name, setHost: true, host: url.host }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    };
    const call = tls ? tlsRequest({ ...common, ...tlsOptions(options) }) : plainRequest(common);
    if (socket !== undefined) call.once("close", socket.release);
    return call;
  } catch (thrown) {
    throw new HttpTransportError("EINVAL", `cannot request '${options.url}': ${messageOf(thrown)}`);
  }
}

function tlsOptions({ tls }: HttpRequestOptions): TlsRequestOptions {
  return {
    ...(tls?.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls?.cert === undefined ? {} : { cert: tls.cert }),
    ...(tls?.key === undefined ? {} : { key: tls.key }),
    ...(tls?.serverName === undefined ? {} : { servername: tls.serverName }),
    rejectUnauthorized: tls?.verify ?? true,
  };
}

function send(call: ClientRequest, body: HttpRequestOptions["body"]): void {
  if (body === undefined || typeof body === "string" || body instanceof Uint8Array) {
    call.end(body);
    return;
  }
  const source = Readable.from(body, { objectMode: false });
  source.on("error", (error) => call.destroy(error));
  call.once("close", () => source.destroy());
  source.pipe(call);
}

function answerOf(call: ClientRequest, options: HttpRequestOptions): Promise<HttpUpgrade> {
  const where = `${options.method ?? "GET"} ${options.url}`;
  return new Promise((resolve, reject) => {
    const timeoutMs = options.timeoutMs ?? HEADERS_TIMEOUT_MS;
    const timer =
      timeoutMs === 0
        ? undefined
        : setTimeout(() => {
            reject(new HttpTransportError("ETIMEDOUT", `${where}: no answer within ${timeoutMs} ms`));
            call.destroy();
          }, timeoutMs);
    call.once("response", (message: IncomingMessage) => {
      clearTimeout(timer);
      resolve({ kind: "response", response: responseOf(message, { where, signal: options.signal }) });
    });
    call.once("upgrade", (message, socket, head) => {
      clearTimeout(timer);
      if (head.length > 0) socket.unshift(head);
      resolve({ kind: "upgraded", status: message.statusCode ?? 101, stream: streamOf(socket) });
    });
    call.on("error", (error) => {
      clearTimeout(timer);
      const code = options.signal?.aborted === true ? "ABORTED" : codeOf(error);
      reject(new HttpTransportError(code, `${where}: ${code === "ABORTED" ? "cancelled" : messageOf(error)}`));
    });
  });
}
