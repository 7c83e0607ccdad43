import type { Env } from "#base/env/env.ts";
import type { Address, Listener, Stream } from "#base/env/net.ts";
import type { SerialPorts, SerialSettings } from "#base/env/serial.ts";
import type { Exchange } from "#base/http/exchange.ts";
import { createBridgeExchange } from "./bridge-exchange.ts";
import { BridgedPort } from "./bridged-port.ts";
import { LineLog, type LoggedLine } from "./line-log.ts";
import { Outbox } from "./outbox.ts";
import { TelnetSession } from "./telnet-session.ts";

export interface BridgeDeps {
  readonly env: Pick<Env, "clock" | "log" | "net">;
  readonly ports: Pick<SerialPorts, "open">;
  readonly path: string;
  readonly settings: SerialSettings;
  /** Where telnet clients come (RFC 2217), and those that want the bytes alone. Undefined: nowhere. */
  readonly telnet: Address | undefined;
  readonly raw: Address | undefined;
  readonly onLine: (line: LoggedLine) => void;
}

export interface Bridge {
  readonly exchange: Exchange;
  readonly addresses: { readonly telnet: Address | undefined; readonly raw: Address | undefined };
  stop(): Promise<void>;
}

/** Clients of one listener; more are refused: each costs memory, and a port is slow. */
export const MAX_CLIENTS = 32;

/** Rejects when an address cannot be listened on; a port that is not there is waited for. */
export async function createBridge(deps: BridgeDeps): Promise<Bridge> {
  const { env } = deps;
  const port = new BridgedPort(deps);
  const lines = new LineLog(env.clock);
  const clients = new Set<Stream>();
  port.listen((data) => lines.take(data));
  lines.onLine(deps.onLine);
  const listeners: Listener[] = [];
  const listen = async (at: Address | undefined, serve: (stream: Stream) => void): Promise<Address | undefined> => {
    if (at === undefined) return undefined;
    const listener = await env.net.listen(at, (stream) => {
      if (clients.size >= MAX_CLIENTS) return stream.destroy();
      clients.add(stream);
      stream.onClose(() => void clients.delete(stream));
      serve(stream);
    });
    listeners.push(listener);
    return listener.address;
  };
  const stop = async (): Promise<void> => {
    await Promise.all(listeners.map((listener) => listener.close()));
    await port.stop();
    lines.close();
  };
  try {
    const telnet = await listen(deps.telnet, (stream) => new TelnetSession(env, stream, port).start());
    const raw = await listen(deps.raw, (stream) => joinPlain(port, stream));
    await port.start();
    const exchange = createBridgeExchange({ port, lines, clients: () => clients.size });
    return { exchange, addresses: { telnet, raw }, stop };
  } catch (thrown) {
    await stop();
    throw thrown;
  }
}

function joinPlain(port: BridgedPort, stream: Stream): void {
  const outbox = new Outbox(
    (data) => stream.write(data),
    () => stream.destroy(),
  );
  const stop = port.listen((data) => outbox.put(data));
  stream.onClose(stop);
  stream.onData((data) => port.write(data).catch(() => {}));
}
