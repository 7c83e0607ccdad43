import { createServer, request as ask, type IncomingMessage, type RequestListener, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { buffer } from "node:stream/consumers";

export interface EngineProxy {
  /** `tcp://127.0.0.1:PORT`. */
  readonly endpoint: string;
  /** Every request: `POST /v1.47/containers/create?…` and its body. */
  readonly seen: readonly { readonly line: string; readonly body: string }[];
  close(): Promise<void>;
}

export interface ProxyOptions {
  /** Speaks TLS, and lets in who shows a certificate of this authority. */
  readonly tls?: { readonly ca: string; readonly cert: string; readonly key: string };
  /** An answer in JSON, as it is passed on. */
  readonly change?: (line: string, answer: string) => string;
  /** Events are promised at once, and asked for only when this resolves. */
  readonly holdEvents?: () => Promise<void>;
}

/** Stands before a real engine at `host` (`unix:///…`): sees what is asked of it, and may answer otherwise. */
export async function proxyTo(host: string, { tls, change, holdEvents }: ProxyOptions = {}): Promise<EngineProxy> {
  const seen: { line: string; body: string }[] = [];
  const socketPath = host.replace(/^unix:\/\//, "");
  const answer: RequestListener = (incoming, response) => {
    const line = `${incoming.method ?? ""} ${incoming.url ?? ""}`;
    const pass = async (): Promise<void> => {
      const body = await buffer(incoming);
      seen.push({ line, body: body.toString() });
      const isHeld = holdEvents !== undefined && line.includes("/events");
      if (isHeld) {
        response.writeHead(200, { "content-type": "application/json" }).flushHeaders();
        await holdEvents();
      }
      const answered = await forward(incoming, socketPath, body);
      const isJson = answered.headers["content-type"]?.startsWith("application/json") === true;
      const { "transfer-encoding": _chunked, ...headers } = answered.headers;
      const status = answered.statusCode ?? 500;
      if (change === undefined || !isJson || line.includes("/events")) {
        if (!isHeld) response.writeHead(status, headers).flushHeaders();
        response.once("close", () => answered.destroy());
        answered.pipe(response);
        return;
      }
      const text = Buffer.from(change(line, (await buffer(answered)).toString()));
      response.writeHead(status, { ...headers, "content-length": text.length }).end(text);
    };
    pass().catch(() => response.destroy());
  };
  const server: Server = tls === undefined ? createServer(answer) : createTlsServer({ ...tls, ...CHECKED }, answer);
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return {
    endpoint: `tcp://127.0.0.1:${port}`,
    seen,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

const CHECKED = { requestCert: true, rejectUnauthorized: true };

function forward(incoming: IncomingMessage, socketPath: string, body: Buffer): Promise<IncomingMessage> {
  const { connection: _hop, upgrade: _offer, "transfer-encoding": _chunked, ...headers } = incoming.headers;
  return new Promise((resolve, reject) => {
    const method = incoming.method ?? "GET";
    const length = body.length > 0 ? { "content-length": body.length } : {};
    const call = ask({ socketPath, method, path: incoming.url, headers: { ...headers, ...length }, agent: false });
    call.once("response", resolve);
    call.once("error", reject);
    call.end(body);
  });
}
