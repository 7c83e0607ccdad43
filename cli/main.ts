import type { Command, Output } from "./command/command.ts";
import { dispatch } from "./command/dispatch.ts";
import { wordsAs } from "./command/link-name.ts";
import { ROLE_COMMANDS } from "./role/rows.ts";
import { VERSION } from "./version.ts";

const output: Output = {
  terminal: process.stdout.isTTY,
  get columns() {
    // 0 where the terminal does not know.
    return process.stdout.columns || undefined;
  },
  line: (text) => void process.stdout.write(`${text}\n`),
  write: (data) => void process.stdout.write(data),
  error: (text) => void process.stderr.write(`${text}\n`),
  writeError: (data) => void process.stderr.write(data),
};

// A reader that went away (`lares job status | head`) is no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
});

// Timers of the platform keep no process alive; a command that only waits is not over.
const alive = setInterval(() => {}, 2 ** 30);
// From source a launcher stands between, and says by which name it was called.
const { LARES_CALLED_AS: launchedAs } = process.env;
delete process.env["LARES_CALLED_AS"];
const words = wordsAs([launchedAs, process.argv0, process.argv[1]], process.argv.slice(2));
void run();

async function run(): Promise<void> {
  const code = await dispatch(words, {
    commands: await commands(),
    version: VERSION,
    environment: process.env,
    output,
  });
  clearInterval(alive);
  process.exitCode = code;
}

/** A role carries no more than it needs, for as long as it runs: what all the other commands are takes most of a megabyte. */
async function commands(): Promise<readonly Command[]> {
  return words[0] === "role" ? ROLE_COMMANDS : (await import("./commands.ts")).COMMANDS;
}
