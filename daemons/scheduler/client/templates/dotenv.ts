import { fail, succeed, type Result } from "#base/env/errors.ts";

/** A text of more lines is refused. */
export const MAX_LINES = 100_000;
const ESCAPES: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", "\\": "\\", '"': '"', "'": "'", $: "$" };

/**
 * Variables written as shells have them: `NAME=value`, `export NAME="va\nlue"`, `NAME='as it is'`, `# a comment`. White space
 * around names and bare values means nothing; a bare value ends before ` #`.
 */
export function parseDotenv(text: string): Result<Readonly<Record<string, string>>> {
  const lines = text.split("\n");
  if (lines.length > MAX_LINES) return fail("dotenv", `more than ${MAX_LINES} lines of variables`);
  const variables = new Map<string, string>();
  for (const [index, raw] of lines.entries()) {
    const line = raw.trim();
    if (line === "" || line.startsWith("#")) continue;
    const [, name, written] = /^(?:export\s+)?([A-Za-z_][A-Za-z0-9_.-]*)\s*=\s*(.*)$/.exec(line) ?? [];
    if (name === undefined || written === undefined)
      return fail(
        "dotenv",
        `line ${index + 1} is no variable: expected NAME=value, found ${JSON.stringify(shown(line))}`,
      );
    const value = valueOf(written);
    if (value === undefined) return fail("dotenv", `line ${index + 1}: the quotes of ${name} are not closed`);
    variables.set(name, value);
  }
  return succeed(Object.fromEntries(variables));
}

function valueOf(written: string): string | undefined {
  const quote = written[0];
  if (quote === "'") return /^'([^']*)'/.exec(written)?.[1];
  if (quote === '"')
    return /^"((?:[^"\\]|\\.)*)"/
      .exec(written)?.[1]
      ?.replaceAll(/\\(.)/g, (all, letter: string) => ESCAPES[letter] ?? all);
  return written.replace(/\s+#.*$/, "").trim();
}

/** Values may be secret: only what looks like a name is repeated. */
function shown(line: string): string {
  return line.length > 20 ? `${line.slice(0, 20)}…` : line;
}
