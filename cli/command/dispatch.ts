import { CodedError, messageOf } from "#base/env/errors.ts";
import { mapStack } from "#base/platform/embedded/stack-trace.ts";
import { UsageError, type Command, type Invocation } from "./command.ts";
import { findCommand } from "./find.ts";
import { parseFlags } from "./flags.ts";
import { commandHelp, listHelp } from "./help.ts";

export interface CommandLine extends Pick<Invocation, "environment" | "output"> {
  readonly commands: readonly Command[];
  readonly version: string;
}

const HELP = new Set(["-h", "-help", "--help"]);

/** Finds the command of the words, runs it, and says on standard error what went wrong. Resolves with the exit code. */
export async function dispatch(words: readonly string[], line: CommandLine): Promise<number> {
  try {
    return await run(words, line);
  } catch (error) {
    const { output, environment } = line;
    output.error(`lares: ${messageOf(error)}`);
    if (error instanceof CodedError && error.hint !== undefined) output.error(error.hint);
    else if (!(error instanceof UsageError) && error instanceof Error && environment["LARES_TRACE"] !== undefined)
      output.error(mapStack(error.stack ?? ""));
    return error instanceof UsageError ? 2 : 1;
  }
}

function asksForHelp(words: readonly string[], command: Command): boolean {
  const own = words.slice(0, words.includes("--") ? words.indexOf("--") : undefined);
  if (command.flagsEndAt === undefined) return own.some((word) => HELP.has(word));
  // Words behind the other program's name are for that program.
  const help = { kind: "switch", summary: "" } as const;
  const { flags } = parseFlags(own, { ...command.flags, h: help, help }, { flagsEndAt: command.flagsEndAt });
  return flags.on("h") || flags.on("help");
}

async function run(words: readonly string[], line: CommandLine): Promise<number> {
  const { commands, version, environment, output } = line;
  const [first] = words;
  if (first === "-v" || first === "-version" || first === "--version") return run(["version"], line);
  if (first === undefined || first === "help" || HELP.has(first)) {
    output.line(listHelp(commands, version));
    return first === undefined ? 2 : 0;
  }
  if ((words.length === 1 || HELP.has(words[1] ?? "")) && isNoun(first, commands)) {
    output.line(listHelp(commands, version, [first]));
    return words.length === 1 ? 2 : 0;
  }
  const { command, rest } = findCommand(commands, words);
  if (command.ownFlags === true) {
    const start = await command.load();
    return start({ operands: rest, flags: parseFlags([], {}).flags, environment, output });
  }
  if (asksForHelp(rest, command)) {
    output.line(commandHelp(command));
    return 0;
  }
  const { operands, flags } = parseFlags(rest, command.flags, { flagsEndAt: command.flagsEndAt });
  if (command.operands === "" && operands.length > 0)
    throw new UsageError(`${command.name} takes no operand, but was given "${operands[0] ?? ""}"`);
  const start = await command.load();
  try {
    return await start({ operands, flags, environment, output });
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw new UsageError(
      `${command.name}: ${error.message}\nUsage: lares ${command.name} ${command.operands} (lares ${command.name} -help)`,
    );
  }
}

/** A word that commands begin with, and that is none itself. */
function isNoun(word: string, commands: readonly Command[]): boolean {
  return !commands.some(({ name }) => name === word) && commands.some(({ name }) => name.startsWith(`${word} `));
}
