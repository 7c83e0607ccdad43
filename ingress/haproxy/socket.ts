import { concatBytes, textOf } from "#base/env/bytes.ts";
import type { Clock } from "#base/env/clock.ts";
import { fail, messageOf, succeed, type Result } from "#base/env/errors.ts";
import type { Net } from "#base/env/net.ts";

export interface SocketOptions {
  readonly net: Net;
  readonly clock: Clock;
  readonly path: string;
}

const TIMEOUT_MS = 3000;
const MAX_ANSWER = 16 * 1024 * 1024;
/** HAProxy reads a command line into one buffer of 16 kB. */
const MAX_LINE = 8000;

/** One question to one of HAProxy's sockets (https://docs.haproxy.org/2.6/management.html#9.3). */
export async function ask({ net, clock, path }: SocketOptions, line: string): Promise<Result<string>> {
  try {
    const stream = await net.connect({ host: "", port: 0, socketPath: path, timeoutMs: TIMEOUT_MS });
    const parts: Uint8Array[] = [];
    let size = 0;
    const late = clock.after(TIMEOUT_MS, () => stream.destroy());
    const whole = new Promise<Error | undefined>((resolve) => {
      stream.onData((data) => {
        size += data.length;
        if (size > MAX_ANSWER) stream.destroy();
        else parts.push(data);
      });
      stream.onClose((error) => resolve(error));
    });
    let ended = false;
    void whole.then(() => (ended = true));
    await stream.write(Buffer.from(`${line}\n`));
    if (!ended) stream.end();
    const error = await whole;
    late.cancel();
    if (error !== undefined) return fail("haproxy_socket", `HAProxy's socket ${path}: ${error.message}`);
    const text = textOf(concatBytes(parts));
    return text === ""
      ? fail("haproxy_socket", `HAProxy's socket ${path} gave no answer within ${TIMEOUT_MS} ms`)
      : succeed(text);
  } catch (error) {
    return fail("haproxy_socket", `HAProxy's socket ${path}: ${messageOf(error)}`);
  }
}

/** What changes of servers, maps and certificates answer when they were done. */
const DONE =
  /^(?:|.*(?:no need to change|changed from).*|Transaction (?:created|updated) for certificate .*|Committing .*|Success!|OCSP Response updated!|New empty certificate store .*|Inserting certificate .*|Entry .* deleted in crtlist .*|Certificate .* deleted!)$/;

/** Commands that answer nothing when all is well, many in one go. The first that was refused is the failure. */
export async function tell(socket: SocketOptions, commands: readonly string[]): Promise<Result<number>> {
  for (const line of linesOf(commands)) {
    const answer = await ask(socket, line);
    if (!answer.ok) return answer;
    const refused = answer.value.split("\n").find((said) => !DONE.test(said.trim()));
    if (refused !== undefined)
      return fail(
        "haproxy_command",
        `HAProxy answers ${JSON.stringify(refused)} to ${JSON.stringify(line.slice(0, 200))}`,
      );
  }
  return succeed(commands.length);
}

function linesOf(commands: readonly string[]): readonly string[] {
  const lines: string[] = [];
  let line = "";
  for (const command of commands) {
    // What carries text of several lines ends with the connection.
    const isAlone = command.includes("\n");
    if (line !== "" && (isAlone || line.length + command.length > MAX_LINE)) {
      lines.push(line);
      line = "";
    }
    if (isAlone) {
      lines.push(command);
      continue;
    }
    line += line === "" ? command : `;${command}`;
  }
  return line === "" ? lines : [...lines, line];
}
