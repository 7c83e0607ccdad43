import { messageOf, CodedError } from "#base/env/errors.ts";
import { UsageError, type Output } from "./command/command.ts";
import { findCommand } from "./command/find.ts";
import { parseFlags } from "./command/flags.ts";
import { commandHelp, listHelp } from "./command/help.ts";
import { COMMANDS } from "./commands.ts";
import { VERSION } from "./version.ts";

const output: Output = {
  terminal: process.stdout.isTTY,
  line: (text) => void process.stdout.write(`${text}\n`),
  write: (data) => void process.stdout.write(data),
  error: (text) => void process.stderr.write(`${text}\n`),
};

const HELP = new Set(["-h", "-help", "--help"]);

async function main(words: readonly string[]): Promise<number> {
  const [first] = words;
  if (first === "-v" || first === "-version" || first === "--version") return main(["version"]);
  if (first === undefined || first === "help" || HELP.has(first)) {
    output.line(listHelp(COMMANDS, VERSION));
    return first === undefined ? 2 : 0;
  }
  const isNoun = words.length === 1 || HELP.has(words[1] ?? "");
  if (
    isNoun &&
    !COMMANDS.some((command) => command.name === first) &&
    COMMANDS.some((command) => command.name.startsWith(`${first} `))
  ) {
    output.line(listHelp(COMMANDS, VERSION, [first]));
    return words.length === 1 ? 2 : 0;
  }
  const { command, rest } = findCommand(COMMANDS, words);
  if (rest.slice(0, rest.includes("--") ? rest.indexOf("--") : undefined).some((word) => HELP.has(word))) {
    output.line(commandHelp(command));
    return 0;
  }
  const { operands, flags } = parseFlags(rest, command.flags);
  if (command.operands === "" && operands.length > 0)
    throw new UsageError(`${command.name} takes no operand, but was given "${operands[0] ?? ""}"`);
  const run = await command.load();
  try {
    return await run({ operands, flags, environment: process.env, output });
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw new UsageError(
      `${command.name}: ${error.message}\nUsage: lares ${command.name} ${command.operands} (lares ${command.name} -help)`,
    );
  }
}

// A reader that went away (`lares job status | head`) is no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
});

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    output.error(`lares: ${messageOf(error)}`);
    if (error instanceof CodedError && error.hint !== undefined) output.error(error.hint);
    else if (!(error instanceof UsageError) && error instanceof Error && process.env["LARES_TRACE"] !== undefined)
      output.error(error.stack ?? "");
    process.exitCode = error instanceof UsageError ? 2 : 1;
  },
);
