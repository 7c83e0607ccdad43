import type { VariableInput } from "#base/language/hcl/evaluate/variables.ts";
import { UsageError, type Invocation } from "../command/command.ts";
import { readTextFile } from "../spec/read-text.ts";

/** What a command was given for a job file's variables. */
export interface JobVariables {
  /** In rising precedence: `NOMAD_VAR_*`, `-var-file`, `-var`. */
  readonly inputs: readonly VariableInput[];
  /** The files' texts, one after the other. */
  readonly fileTexts: string;
  /** By name, from the environment and from `-var`. */
  readonly texts: Readonly<Record<string, string>>;
}

const PREFIX = "NOMAD_VAR_";

export function jobVariables({ flags, environment }: Pick<Invocation, "flags" | "environment">): JobVariables {
  const fromEnvironment = Object.entries(environment).flatMap(([key, text]): TextInput[] =>
    key.startsWith(PREFIX) && text !== undefined
      ? [{ kind: "text", name: key.slice(PREFIX.length), text, from: "environment" }]
      : [],
  );
  const files = flags.values("var-file").map((file) => ({ name: file, text: readTextFile(file) }));
  const fromFlags = flags.values("var").map((given): TextInput => {
    const equals = given.indexOf("=");
    if (equals < 1) throw new UsageError(`-var takes NAME=VALUE, not "${given}"`);
    return { kind: "text", name: given.slice(0, equals), text: given.slice(equals + 1), from: "flag" };
  });
  return {
    inputs: [...fromEnvironment, ...files.map((source): VariableInput => ({ kind: "file", source })), ...fromFlags],
    fileTexts: files.map(({ text }) => text).join("\n"),
    texts: Object.fromEntries([...fromEnvironment, ...fromFlags].map(({ name, text }) => [name, text])),
  };
}

type TextInput = Extract<VariableInput, { readonly kind: "text" }>;
