import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { createServer as createTlsServer, Server as TlsServer } from "node:https";
import type { Socket } from "node:net";
import type { Address } from "#base/env/net.ts";
import type { Log } from "#base/env/log.ts";
import { PARKED, type Exchange, type Parking } from "#base/http/exchange.ts";
import { ClientConnections } from "./client-connections.ts";
import { refuseMalformed, refuseTunnel } from "./http-refusals.ts";
import { bindServer } from "./http-bind.ts";
import type { ListenAt } from "./http-bind.ts";
import { IncomingExchange } from "./incoming-exchange.ts";
import { clientRule, secureContext, type ListenerTls } from "./listener-tls.ts";
import { serveUpgrade, wantsWebSocket } from "./http-upgrade.ts";
import { ParkedRequests } from "./parked-requests.ts";
import { answerFailure, sendResponse } from "./outgoing-response.ts";

/** What one listener lets a peer take. Times in milliseconds, sizes in bytes. */
export interface HttpLimits {
  /** Connections in all; more are closed as they arrive. Default 2048. */
  readonly maxConnections: number;
  /** Connections from one address, loopback included; more get a 429. 0: no limit. Default 256. Unix sockets are free of it. */
  readonly maxConnectionsPerClient: number;
  /** Default 16 KiB; more is a 431. */
  readonly maxHeaderBytes: number;
  /** Ceiling for every body; routes ask for less. Default 64 MiB; more is a 413. */
  readonly maxBodyBytes: number;
  /** From connecting (or the request before) until the headers are complete. Default 10 s. */
  readonly headersTimeoutMs: number;
  /** From the first byte of a request until the last of its body. Default 300 s. */
  readonly requestTimeoutMs: number;
  /** A kept connection without a request. Default 60 s. */
  readonly keepAliveMs: number;
  /** A client that takes nothing of an answer for so long is dropped. Default 60 s. */
  readonly writeStallMs: number;
  /** Of TLS. Default 5 s. */
  readonly handshakeTimeoutMs: number;
  /** How often the two receive timeouts are looked at. Default 5 s. */
  readonly checkEveryMs: number;
}

export interface HttpListenerOptions {
  readonly at: ListenAt;
  readonly exchange: Exchange;
  readonly log: Log;
  readonly limits?: Partial<HttpLimits>;
  readonly tls?: ListenerTls;
}

export interface HttpListener {
  /** With the port taken when 0 was asked; host is the path on a Unix socket. */
  readonly address: Address;
  /** New connections get these certificates; those that stand keep theirs. Throws where they are none. */
  renew(tls: ListenerTls): void;
  /** Takes no more, aborts the requests' signals, waits `graceMs` (default 5000) for answers, then cuts what is left. */
  close(graceMs?: number): Promise<void>;
}

const DEFAULT_LIMITS: HttpLimits = {
  maxConnections: 12_288,
  maxConnectionsPerClient: 256,
  maxHeaderBytes: 16 * 1024,
  maxBodyBytes: 64 * 1024 * 1024,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 300_000,
  keepAliveMs: 60_000,
  writeStallMs: 60_000,
  handshakeTimeoutMs: 5000,
  checkEveryMs: 5000,
};

const CLOSE_GRACE_MS = 5000;
/** How often connections whose last answer has gone are looked for while a listener closes. */
const SWEEP_MS = 20;
/** A peer that vanished without a word is noticed by TCP's own probes after this and nine more tries. */
const TCP_PROBE_AFTER_MS = 30_000;

/** Rejects with a `CodedError` when the address cannot be had. */
export async function listenHttp(options: HttpListenerOptions): Promise<HttpListener> {
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const live = new Set<IncomingExchange>();
  const sockets = new Set<Socket>();
  const server = makeServer(options, limits);
  const serve = (
    message: IncomingMessage,
    response: ServerResponse,
    { awaitsContinue = false, waited = false } = {},
  ) => {
    const parking: Parking = { waited, park: (waiting) => parked.park(response, waiting) };
    const incoming = new IncomingExchange({ message, response, limits, awaitsContinue, parking });
    live.add(incoming);
    void answer(incoming, { response, options, limits, live });
  };
  const parked = new ParkedRequests((message, response) => serve(message, response, { waited: true }));
  server.on("request", (message, response) => serve(message, response));
  // A client that asks first is told to go on when somebody reads the body, and spared the upload when nobody will.
  server.on("checkContinue", (message: IncomingMessage, response: ServerResponse) =>
    serve(message, response, { awaitsContinue: true }),
  );
  const { exchange, log } = options;
  server.on("upgrade", (message: IncomingMessage, socket, head: Buffer) => {
    void serveUpgrade({ message, socket, head }, { exchange, log, limits, live, sockets });
  });
  // Also those that have not said enough yet to be HTTP's: closing waits for them, and HTTP's own clocks stand still then.
  const connections = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    connections.add(socket);
    socket.once("close", () => connections.delete(socket));
  });
  server.on("connect", (_message, socket) => refuseTunnel(socket));
  server.on("clientError", refuseMalformed);
  const address = await bindServer(server, options.at);
  return {
    address,
    renew(tls) {
      if (server instanceof TlsServer) server.setSecureContext(secureContext(tls));
    },
    close: (graceMs = CLOSE_GRACE_MS) => {
      const cut = (): void => {
        server.closeAllConnections();
        for (const socket of [...sockets, ...connections]) socket.destroy();
      };
      parked.wakeAll();
      return closeServer(server, live, { graceMs, cut });
    },
  };
}

function makeServer(options: HttpListenerOptions, limits: HttpLimits): Server {
  const common = {
    maxHeaderSize: limits.maxHeaderBytes,
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveMs,
    connectionsCheckingInterval: limits.checkEveryMs,
    keepAlive: true,
    keepAliveInitialDelay: TCP_PROBE_AFTER_MS,
    noDelay: true,
    shouldUpgradeCallback: wantsWebSocket,
  };
  const { tls } = options;
  const server =
    tls === undefined
      ? createServer(common)
      : createTlsServer({
          ...common,
          ...secureContext(tls),
          ...clientRule(tls),
          ...(limits.handshakeTimeoutMs > 0 ? { handshakeTimeout: limits.handshakeTimeoutMs } : {}),
        });
  server.maxConnections = limits.maxConnections;
  if (limits.maxConnectionsPerClient > 0 && !("socketPath" in options.at)) {
    new ClientConnections(limits.maxConnectionsPerClient).guard(server);
  }
  return server;
}

interface Answering {
  readonly response: ServerResponse;
  readonly options: HttpListenerOptions;
  readonly limits: HttpLimits;
  readonly live: Set<IncomingExchange>;
}

async function answer(incoming: IncomingExchange, { response, options, limits, live }: Answering): Promise<void> {
  try {
    incoming.refuseDeclaredSize();
    const made = await options.exchange(incoming);
    if (made === PARKED) return incoming.letGo();
    await sendResponse(made, { incoming, response, limits });
  } catch (thrown) {
    await answerFailure(thrown, { incoming, response, limits, log: options.log });
  } finally {
    live.delete(incoming);
  }
}

function closeServer(
  server: Server,
  live: ReadonlySet<IncomingExchange>,
  { graceMs, cut }: { readonly graceMs: number; readonly cut: () => void },
): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(cut, graceMs);
    // A connection that is kept would go on for as long as its client has something to ask.
    server.prependListener("request", (_request, response) => (response.shouldKeepAlive = false));
    const sweep = setInterval(() => server.closeIdleConnections(), SWEEP_MS);
    server.close(() => {
      clearTimeout(timer);
      clearInterval(sweep);
      resolve();
    });
    for (const incoming of live) incoming.abort("the server stops");
    server.closeIdleConnections();
  });
}
