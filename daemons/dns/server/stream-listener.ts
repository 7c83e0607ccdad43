import type { Env } from "#base/env/env.ts";
import type { Address, Listener, ListenTls, Stream } from "#base/env/net.ts";
import { DOT, PENDING, TCP, type Door } from "../resolve/door.ts";
import { MessageSplitter, withLength } from "../upstream/message-splitter.ts";
import type { Answering } from "./udp-listener.ts";

/** A connection that asks nothing for this long is closed (RFC 7766 §6.2.3 leaves the time to the server). */
const IDLE_MS = 10_000;
const MAX_QUESTION_BYTES = 4096;
/** Questions of one connection that wait; more close it. */
const MAX_WAITING = 128;
/** Connections of one client. */
const MAX_PER_CLIENT = 32;

export interface StreamListening extends Answering {
  readonly maxConnections: () => number;
  readonly reusePort: boolean;
  readonly tls?: ListenTls;
}

/** Questions over TCP, or TLS where there is a certificate. Rejects with the system's code when the address cannot be had. */
export function listenStreams(
  env: Pick<Env, "net" | "clock">,
  at: Address,
  options: StreamListening,
): Promise<Listener> {
  const door = options.tls === undefined ? TCP : DOT;
  const perClient = new Map<string, number>();
  let connections = 0;
  const onStream = (stream: Stream): void => {
    const { host } = stream.remote;
    const theirs = perClient.get(host) ?? 0;
    if (connections >= options.maxConnections() || theirs >= MAX_PER_CLIENT) return stream.destroy();
    connections += 1;
    perClient.set(host, theirs + 1);
    stream.onClose(() => {
      connections -= 1;
      const left = (perClient.get(host) ?? 1) - 1;
      if (left === 0) perClient.delete(host);
      else perClient.set(host, left);
    });
    serve(env, stream, { ...options, door });
  };
  const { reusePort, tls } = options;
  return env.net.listen(at, onStream, tls === undefined ? { reusePort } : { reusePort, tls });
}

function serve(
  env: Pick<Env, "clock">,
  stream: Stream,
  { pipeline, waiting, clients, door }: Answering & { readonly door: Door },
): void {
  const client = clients.byText(stream.remote.host);
  const splitter = new MessageSplitter(MAX_QUESTION_BYTES);
  const out = new Uint8Array(65_535);
  let pending = 0;
  let isOpen = true;
  const closeIfIdle = (): void => {
    if (pending === 0) stream.destroy();
    else idle = env.clock.after(IDLE_MS, closeIfIdle);
  };
  let idle = env.clock.after(IDLE_MS, closeIfIdle);
  stream.onClose(() => {
    isOpen = false;
    idle.cancel();
  });
  const send = (reply: Uint8Array): Promise<void> =>
    isOpen ? stream.write(withLength(reply)).catch(() => stream.destroy()) : Promise.resolve();
  stream.onData(async (data) => {
    const messages = splitter.push(data);
    if (messages === undefined) return stream.destroy();
    idle.cancel();
    idle = env.clock.after(IDLE_MS, closeIfIdle);
    for (const message of messages) {
      const length = pipeline.answer(message, client, { door, out });
      if (length > 0) await send(out.subarray(0, length));
      if (length !== PENDING) continue;
      if (pending >= MAX_WAITING) return stream.destroy();
      pending += 1;
      const answer = (reply: Uint8Array): void => {
        pending -= 1;
        void send(reply);
      };
      waiting.add(message, client, { door, send: answer });
    }
  });
}
