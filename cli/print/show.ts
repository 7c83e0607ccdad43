import type { Invocation } from "../command/command.ts";
import { printJson } from "./json.ts";

type To = Pick<Invocation, "flags" | "output">;

/** An answer as `-json` or `-t` asks for it, else as lines for people. Resolves with exit code 0. */
export async function show(to: To, value: unknown, lines: () => readonly string[]): Promise<number> {
  if (!(await printed(to, value))) for (const line of lines()) to.output.line(line);
  return 0;
}

/** Prints an answer where `-json` or `-t TEMPLATE` asks for it; false where neither does, and nothing was printed. */
export async function printed({ flags, output }: To, value: unknown): Promise<boolean> {
  const template = flags.value("t");
  if (template !== undefined) output.line(await through(template, value));
  else if (flags.on("json")) printJson(output, value);
  return template !== undefined || flags.on("json");
}

/** Whether the answer is for programs: then nothing else may be said on standard output. */
export function isForPrograms({ flags }: Pick<Invocation, "flags">): boolean {
  return flags.on("json") || flags.value("t") !== undefined;
}

/** The language is only loaded where it is spoken. */
async function through(template: string, answer: unknown): Promise<string> {
  const { renderAnswer } = await import("./go-template.ts");
  return renderAnswer(template, answer);
}
