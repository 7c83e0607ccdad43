import { nearest } from "#base/language/nearest.ts";
import { UsageError, type Command } from "./command.ts";

/** Words of `operator root keyring list`. */
const LONGEST_NAME = 4;

/** The command whose name is the longest beginning of the words, and what is left of them. */
export function findCommand(
  commands: readonly Command[],
  words: readonly string[],
): { readonly command: Command; readonly rest: readonly string[] } {
  for (let length = Math.min(LONGEST_NAME, words.length); length > 0; length--) {
    const name = words.slice(0, length).join(" ");
    const command = commands.find((one) => one.name === name);
    if (command !== undefined) return { command, rest: words.slice(length) };
  }
  const [noun = "", verb = ""] = words;
  const verbs = commands.filter((one) => one.name.startsWith(`${noun} `)).map((one) => one.name);
  const nouns = [...new Set(commands.map((one) => one.name.split(" ")[0] ?? ""))];
  const asked = verbs.length === 0 ? noun : `${noun} ${verb}`.trim();
  const meant = verbs.length === 0 ? nearest(noun, nouns) : nearest(asked, verbs);
  const hint = meant === undefined ? "lares -help lists the commands" : `did you mean "lares ${meant}"?`;
  throw new UsageError(`there is no command "${asked}"; ${hint}`);
}
