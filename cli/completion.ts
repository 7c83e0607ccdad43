import { UsageError, type RunCommand } from "./command/command.ts";
import { completions, completionScript, SHELLS } from "./command/completion.ts";
import { COMMANDS } from "./commands.ts";

export const completion: RunCommand = ({ operands, output }) => {
  const shell = SHELLS.find((one) => one === operands[0]);
  if (shell === undefined || operands.length !== 1) throw new UsageError(`name one shell: ${SHELLS.join(", ")}`);
  output.write(completionScript(shell));
  return Promise.resolve(0);
};

export const completionWords: RunCommand = ({ operands, output }) => {
  for (const word of completions(COMMANDS, operands)) output.line(word);
  return Promise.resolve(0);
};
