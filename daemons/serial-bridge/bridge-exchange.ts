import type { WebSocketChannel } from "#base/env/web-socket.ts";
import type { Exchange, ExchangeRequest, ExchangeResponse } from "#base/http/exchange.ts";
import type { BridgedPort } from "./bridged-port.ts";
import { KEPT_LINES, type LineLog } from "./line-log.ts";
import { Outbox } from "./outbox.ts";
import { settingsText } from "./settings.ts";

export interface BridgeHttpDeps {
  readonly port: BridgedPort;
  readonly lines: LineLog;
  /** Clients by telnet and by plain TCP now. */
  readonly clients: () => number;
}

const DEFAULT_LINES = 100;

/**
 * `GET /v1/port`: how it stands. `GET /v1/lines?n=100`: the newest lines; as a WebSocket: those, then each as it comes.
 * `GET /v1/stream` as a WebSocket: bytes both ways.
 */
export function createBridgeExchange(deps: BridgeHttpDeps): Exchange {
  return async (request) => {
    const { pathname, searchParams } = new URL(request.url, "http://bridge");
    const upgrade = request.headers["upgrade"]?.toLowerCase() === "websocket";
    if (request.method !== "GET") return text(405, "only GET is served here\n");
    if (upgrade && !isSameOrigin(request)) return text(403, "pages of other sites may not reach the port\n");
    switch (pathname) {
      case "/v1/port":
        return json(await portState(deps));
      case "/v1/lines": {
        const count = Math.min(KEPT_LINES, Number(searchParams.get("n") ?? DEFAULT_LINES) || 0);
        const recent = deps.lines.recent(count).map(shown);
        return upgrade ? accepting((channel) => followLines(deps, channel, recent)) : json(recent);
      }
      case "/v1/stream":
        return upgrade ? accepting((channel) => joinPort(deps.port, channel)) : text(426, "ask for a WebSocket here\n");
      default:
        return text(404, "there are /v1/port, /v1/lines and /v1/stream\n");
    }
  };
}

/** A browser says whose page asks; programs say nothing. */
function isSameOrigin({ headers }: ExchangeRequest): boolean {
  const { origin, host } = headers;
  return origin === undefined || (URL.canParse(origin) && new URL(origin).host === host);
}

async function portState({ port, clients }: BridgeHttpDeps): Promise<object> {
  const { path, problem, settings, outputs, bytes } = port;
  return {
    path,
    open: problem === "",
    problem,
    settings: { ...settings, text: settingsText(settings) },
    outputs,
    inputs: (await port.inputs().catch(() => undefined)) ?? null,
    bytes,
    clients: clients(),
  };
}

function shown({ timeMs, text: line }: { readonly timeMs: number; readonly text: string }): object {
  return { time: new Date(timeMs).toISOString(), line };
}

function followLines({ lines }: BridgeHttpDeps, channel: WebSocketChannel, recent: readonly object[]): void {
  const outbox = new Outbox(
    (data) => channel.send(Buffer.from(data).toString("utf8")),
    () => channel.close(1008, "too slow"),
  );
  const put = (line: object): void => outbox.put(Buffer.from(JSON.stringify(line)));
  for (const line of recent) put(line);
  const stop = lines.onLine((line) => put(shown(line)));
  channel.onMessage(() => {});
  channel.onClose(stop);
}

function joinPort(port: BridgedPort, channel: WebSocketChannel): void {
  const outbox = new Outbox(
    (data) => channel.sendBytes(data),
    () => channel.close(1008, "too slow"),
  );
  const stop = port.listen((data) => outbox.put(data));
  channel.onMessage((data) => port.write(data).catch(() => {}));
  channel.onClose(stop);
}

function accepting(webSocket: (channel: WebSocketChannel) => void): ExchangeResponse {
  return { status: 101, headers: {}, body: "", webSocket };
}

function json(value: unknown): ExchangeResponse {
  return { status: 200, headers: { "content-type": "application/json" }, body: `${JSON.stringify(value)}\n` };
}

function text(status: number, body: string): ExchangeResponse {
  return { status, headers: { "content-type": "text/plain" }, body };
}
