import { isatty } from "node:tty";
import * as v from "valibot";
import { CodedError } from "#base/env/errors.ts";
import type { WebSocketChannel } from "#base/env/web-socket.ts";
import { UsageError, type Invocation } from "../command/command.ts";
import { watchForEscape } from "./escape.ts";

export interface ShellOptions {
  readonly tty: boolean;
  /** Standard input is passed on. */
  readonly interactive: boolean;
  /** Behind a newline and before a dot it ends the session; empty: nothing does. */
  readonly escape: string;
}

/** `-i`, `-t` and `-e`, with what the terminal says where they are not given. */
export function shellOptions({ flags }: Pick<Invocation, "flags">): ShellOptions {
  const isTerminal = isatty(process.stdin.fd) && isatty(process.stdout.fd);
  const tty = flags.value("t") === undefined ? isTerminal : flags.on("t");
  const interactive = flags.value("i") === undefined || flags.on("i");
  const escape = flags.value("e") ?? "~";
  if (tty && !interactive) throw new UsageError("-t needs -i: a terminal without input is none");
  if (escape !== "none" && escape.length > 1) throw new UsageError(`-e takes one character or none, not "${escape}"`);
  return { tty, interactive, escape: escape === "none" ? "" : escape };
}

const part = v.nullish(v.object({ data: v.nullish(v.string(), "") }));
const FrameSchema = v.object({
  stdout: part,
  stderr: part,
  exited: v.nullish(v.boolean(), false),
  result: v.nullish(v.object({ exit_code: v.nullish(v.number(), 0) })),
});

/** Joins this program's input and output to a command in a task. Resolves with its exit code; rejects when it cannot be learnt. */
export async function runAttached(channel: WebSocketChannel, options: ShellOptions): Promise<number> {
  const left = new AbortController();
  const restore = options.tty ? takeTerminal(channel) : () => {};
  const stopReading = options.interactive ? passInput(channel, options, left) : () => {};
  try {
    return await exitOf(channel, left.signal);
  } finally {
    stopReading();
    restore();
  }
}

/** Close codes from here on are the server's own words (RFC 6455 section 7.4.2). */
const REFUSED = 4000;

function exitOf(channel: WebSocketChannel, left: AbortSignal): Promise<number> {
  return new Promise((resolve, reject) => {
    let exit: number | undefined;
    channel.onMessage((message) => {
      const frame = v.safeParse(v.pipe(v.string(), v.parseJson(), FrameSchema), Buffer.from(message).toString("utf8"));
      if (!frame.success) return channel.close(1007, "no frame of an exec session");
      const { stdout, stderr, exited, result } = frame.output;
      if (exited) exit = result?.exit_code ?? 0;
      return written([
        [process.stdout, stdout?.data ?? ""],
        [process.stderr, stderr?.data ?? ""],
      ]);
    });
    channel.onClose((code, reason) => {
      if (exit !== undefined) resolve(exit);
      else if (left.aborted) resolve(0);
      else if (code >= REFUSED) reject(new CodedError("REFUSED", reason));
      else {
        const why = reason === "" ? `the connection broke (${code})` : reason;
        reject(new CodedError("BROKEN", `the command's end is not known: ${why}`));
      }
    });
  });
}

async function written(parts: readonly (readonly [NodeJS.WriteStream, string])[]): Promise<void> {
  for (const [stream, base64] of parts) {
    if (base64 === "") continue;
    await new Promise<void>((resolve) => {
      stream.write(Buffer.from(base64, "base64"), () => resolve());
    });
  }
}

/** Keys go to the command as they are, and it learns how large the window is. */
function takeTerminal(channel: WebSocketChannel): () => void {
  const { stdin, stdout } = process;
  const tellSize = (): void => {
    const { rows: height, columns: width } = stdout;
    if (height > 0 && width > 0) void channel.send(JSON.stringify({ tty_size: { height, width } }));
  };
  if (stdin.isTTY) stdin.setRawMode(true);
  stdout.on("resize", tellSize);
  tellSize();
  return () => {
    stdout.off("resize", tellSize);
    if (stdin.isTTY) stdin.setRawMode(false);
  };
}

function passInput(channel: WebSocketChannel, { tty, escape }: ShellOptions, left: AbortController): () => void {
  const { stdin } = process;
  const watch = tty && escape !== "" ? watchForEscape(escape) : (data: Buffer) => ({ pass: data, leave: false });
  const onData = (data: Buffer): void => {
    const { pass, leave } = watch(data);
    if (leave) {
      left.abort();
      return channel.close();
    }
    if (pass.length === 0) return;
    // The command reads at its own pace.
    stdin.pause();
    void channel
      .send(JSON.stringify({ stdin: { data: pass.toString("base64") } }))
      .then(() => (over ? undefined : stdin.resume()));
  };
  const onEnd = (): void => void channel.send(JSON.stringify({ stdin: { close: true } }));
  let over = false;
  stdin.on("data", onData);
  stdin.once("end", onEnd);
  return () => {
    over = true;
    stdin.off("data", onData);
    stdin.off("end", onEnd);
    stdin.pause();
    // A file or /dev/null has none.
    stdin.unref?.();
  };
}
