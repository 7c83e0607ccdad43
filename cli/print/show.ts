import type { Invocation } from "../command/command.ts";
import { printJson } from "./json.ts";

/** An answer as JSON where `-json` asks for it, else as lines for people. */
export function show({ flags, output }: Invocation, value: unknown, lines: () => readonly string[]): number {
  if (flags.on("json")) printJson(output, value);
  else for (const line of lines()) output.line(line);
  return 0;
}
