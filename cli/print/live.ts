import { setTimeout as pause } from "node:timers/promises";
import { on } from "../api/flags.ts";
import type { RunCommand } from "../command/command.ts";
import { isForPrograms } from "./show.ts";

const LIVE_MS = 2000;
/** To the top; what is left below of what stood there is erased (ECMA-48). */
const TOP = "\u001b[H\u001b[2J";

export const LIVE = on("Show it until interrupted, anew every two seconds");

/** With `-live`, a command that goes on telling what it tells; whoever reads a pipe gets one telling after the other. */
export function live(run: RunCommand): RunCommand {
  return async (invocation) => {
    const { flags, output } = invocation;
    if (!flags.on("live") || isForPrograms({ flags })) return run(invocation);
    for (;;) {
      const said: (string | Uint8Array)[] = [];
      await run({
        ...invocation,
        output: {
          terminal: output.terminal,
          columns: output.columns,
          line: (text) => void said.push(`${text}\n`),
          write: (data) => void said.push(data),
          error: (text) => output.error(text),
          writeError: (data) => output.writeError(data),
        },
      });
      output.write(Buffer.concat([output.terminal ? TOP : "", ...said].map((each) => Buffer.from(each))));
      await pause(LIVE_MS);
    }
  };
}
