import { messageOf } from "#base/env/errors.ts";
import type { Env } from "#base/env/env.ts";
import type { WebSocketChannel } from "#base/env/web-socket.ts";
import type { Driver, ExecSession, TaskHandle } from "#drivers/driver.ts";
import { closedFrame, exitFrame, HEARTBEAT, outputFrame, parseExecInput } from "./exec-frames.ts";
import type { ExecInput } from "./exec-frames.ts";

export interface ExecTarget {
  readonly driver: Driver;
  readonly handle: TaskHandle;
  readonly command: readonly string[];
  readonly tty: boolean;
}

/** Keeps the connection open through whatever closes quiet ones, and finds out that nobody is there any more. */
const HEARTBEAT_MS = 10_000;
/** What is sent in one frame; a driver's piece may be longer. */
const MAX_FRAME_BYTES = 64 * 1024;
/** Close codes of our own are 4000 and the HTTP status that says the same (RFC 6455 section 7.4.2). */
const PRIVATE_CODES = 4000;

/** Why a connection is closed: the status an HTTP answer would have had. */
export interface Refusal {
  readonly status: number;
  readonly message: string;
}

export function closeWith(channel: WebSocketChannel, { status, message }: Refusal): void {
  channel.close(PRIVATE_CODES + status, message);
}

/** Runs a command in a task for as long as both it and the connection last. */
export async function serveExec(env: Env, channel: WebSocketChannel, target: ExecTarget): Promise<void> {
  const over = new AbortController();
  channel.onClose(() => over.abort());
  let sent: Promise<void> = Promise.resolve();
  const send = (frame: string): Promise<void> => (sent = channel.send(frame));
  try {
    const begun = await target.driver.exec(target.handle, {
      command: target.command,
      tty: target.tty,
      signal: over.signal,
      onOutput: async (stream, data) => {
        for (let at = 0; at < data.length; at += MAX_FRAME_BYTES) {
          await send(outputFrame(stream, data.subarray(at, at + MAX_FRAME_BYTES)));
        }
      },
    });
    if (!begun.ok) {
      const { message, hint } = begun.error;
      return closeWith(channel, { status: 500, message: hint === undefined ? message : `${message} (${hint})` });
    }
    const session = begun.value;
    channel.onMessage((message) => take(message, session, channel));
    const stopBeating = beat(env, () => void send(HEARTBEAT));
    const exit = await session.exited.finally(stopBeating);
    await sent;
    await send(closedFrame("stdout"));
    if (!target.tty) await send(closedFrame("stderr"));
    await send(exitFrame(exit));
    channel.close();
  } catch (thrown) {
    closeWith(channel, { status: 500, message: messageOf(thrown) });
  } finally {
    over.abort();
  }
}

async function take(message: Uint8Array, session: ExecSession, channel: WebSocketChannel): Promise<void> {
  const inputs = parseExecInput(message);
  if (!inputs.ok) return closeWith(channel, { status: 400, message: inputs.error.message });
  for (const input of inputs.value) await apply(input, session);
}

async function apply(input: ExecInput, session: ExecSession): Promise<void> {
  switch (input.kind) {
    case "data":
      return session.write(input.data);
    case "end":
      return session.endInput();
    case "size":
      return session.resize(input);
    case "heartbeat":
      return;
    default:
      return input satisfies never;
  }
}

function beat(env: Env, send: () => void): () => void {
  let timer = env.clock.after(HEARTBEAT_MS, again);
  function again(): void {
    send();
    timer = env.clock.after(HEARTBEAT_MS, again);
  }
  return () => timer.cancel();
}
