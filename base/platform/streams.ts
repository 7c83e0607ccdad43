import { connect, createServer, isIP } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { connect as connectTls, createServer as createTlsServer } from "node:tls";
import { CodedError } from "#base/env/errors.ts";
import type { Address, ConnectOptions, Listener, ListenTls, ServeOptions, Stream } from "#base/env/net.ts";
import { pour } from "./pour.ts";
import { socketName } from "./socket-path.ts";
import { codeOf } from "./system-error.ts";

const CONNECT_TIMEOUT_MS = 10_000;
/** Streams one listener holds; more are closed as they arrive. */
const MAX_STREAMS_PER_LISTENER = 4096;

/** A Node socket as a {@link Stream}. Nothing is read from it before somebody listens. */
export function streamOf(socket: Socket): Stream {
  let failure: Error | undefined;
  socket.on("error", (error) => {
    failure = error;
  });
  return {
    remote: { host: plainHost(socket.remoteAddress), port: socket.remotePort ?? 0 },
    local: { host: plainHost(socket.localAddress), port: socket.localPort ?? 0 },
    onData(handler) {
      pour(socket, handler);
    },
    onClose(handler) {
      if (socket.closed) handler(failure);
      else socket.once("close", () => handler(failure));
    },
    write: (data) =>
      new Promise((resolve, reject) => {
        socket.write(data, (error) => (error ? reject(error) : resolve()));
      }),
    end() {
      socket.end();
    },
    destroy() {
      socket.destroy();
    },
  };
}

/** `::ffff:10.0.0.1`, as a dual-stack socket shows an IPv4 peer, becomes `10.0.0.1`. */
export function plainHost(host: string | undefined): string {
  if (host === undefined) return "";
  return host.startsWith("::ffff:") && host.includes(".") ? host.slice(7) : host;
}

export function listenStreams(
  at: Address,
  onStream: (stream: Stream) => void,
  { tls, reusePort = false }: ServeOptions & { readonly tls?: ListenTls } = {},
): Promise<Listener> {
  const live = new Set<Socket>();
  const take = (socket: Socket): void => {
    live.add(socket);
    socket.once("close", () => live.delete(socket));
    onStream(streamOf(socket));
  };
  const server =
    tls === undefined
      ? createServer(take)
      : createTlsServer({ cert: tls.cert, key: tls.key, ALPNProtocols: [...(tls.protocols ?? [])] }, take);
  // A handshake that failed concerns nobody.
  if (tls !== undefined) server.on("tlsClientError", () => {});
  server.maxConnections = MAX_STREAMS_PER_LISTENER;
  return new Promise((resolve, reject) => {
    server.once("error", (error) => reject(cannotListen(error, at)));
    server.listen({ host: at.host, port: at.port, reusePort }, () => {
      server.on("error", () => {});
      resolve({
        address: addressOf(server.address(), at),
        close: () =>
          new Promise((closed) => {
            server.close(() => closed());
            for (const socket of live) socket.destroy();
          }),
      });
    });
  });
}

export function addressOf(bound: AddressInfo | string | null, asked: Address): Address {
  return typeof bound === "object" && bound !== null ? { host: bound.address, port: bound.port } : asked;
}

export function cannotListen(thrown: unknown, at: Address): CodedError {
  const code = codeOf(thrown);
  const hint =
    code === "EADDRINUSE"
      ? `another program has port ${at.port}; \`ss -lntup\` shows which`
      : code === "EACCES"
        ? "ports below 1024 need root or CAP_NET_BIND_SERVICE"
        : undefined;
  return new CodedError(code, `cannot listen on ${at.host}:${at.port}: ${code}`, hint);
}

export function connectStream(to: ConnectOptions): Promise<Stream> {
  const where = to.socketPath ?? `${to.host}:${to.port}`;
  if (to.signal?.aborted === true)
    return Promise.reject(new CodedError("ABORTED", `connecting to ${where} was cancelled`));
  return new Promise((resolve, reject) => {
    const { socket, release } = dial(to);
    const stopWith = (code: string, message: string): void => {
      settle();
      socket.destroy();
      reject(new CodedError(code, message));
    };
    const timeoutMs = to.timeoutMs ?? CONNECT_TIMEOUT_MS;
    const timer = setTimeout(() => stopWith("ETIMEDOUT", `${where} did not answer within ${timeoutMs} ms`), timeoutMs);
    const abort = (): void => stopWith("ABORTED", `connecting to ${where} was cancelled`);
    const settle = (): void => {
      clearTimeout(timer);
      release();
      to.signal?.removeEventListener("abort", abort);
      socket.off("error", failed);
      // What still fails after the outcome is known concerns nobody.
      socket.on("error", () => {});
    };
    const failed = (error: Error): void => stopWith(codeOf(error), `cannot connect to ${where}: ${codeOf(error)}`);
    to.signal?.addEventListener("abort", abort, { once: true });
    socket.once("error", failed);
    socket.once(to.tls === undefined ? "connect" : "secureConnect", () => {
      settle();
      resolve(streamOf(socket));
    });
  });
}

function dial(to: ConnectOptions): { readonly socket: Socket; readonly release: () => void } {
  if (to.socketPath !== undefined) {
    const { name, release } = socketName(to.socketPath);
    return { socket: connect({ path: name }), release };
  }
  const { host, port } = to;
  const socket = to.tls === undefined ? connect({ host, port, noDelay: true }) : connectSafely(to, to.tls);
  return { socket, release: () => undefined };
}

function connectSafely({ host, port }: ConnectOptions, tls: NonNullable<ConnectOptions["tls"]>): Socket {
  const { ca, cert, key, serverName, verify = true, protocols } = tls;
  return connectTls({
    host,
    port,
    rejectUnauthorized: verify,
    // RFC 6066 section 3: an address is no name of a server.
    ...(serverName !== undefined ? { servername: serverName } : isIP(host) === 0 ? { servername: host } : {}),
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(protocols === undefined ? {} : { ALPNProtocols: [...protocols] }),
  });
}
