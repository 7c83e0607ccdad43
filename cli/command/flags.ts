import { nearest } from "#base/language/nearest.ts";
import { UsageError, type Flag, type FlagValues } from "./command.ts";

export interface Parsed {
  readonly operands: readonly string[];
  readonly flags: FlagValues;
}

/**
 * Reads arguments as both families of tools write them: `-flag`, `--flag`, `-flag=value`, `-flag value`; `--` ends the
 * flags; a lone `-` is an operand. Flags may stand before, between and after operands, unless one of these ends them:
 * `flagsEndAt`, the number of the operand that names another program.
 */
export function parseFlags(
  args: readonly string[],
  known: Readonly<Record<string, Flag>>,
  { flagsEndAt = Infinity }: { readonly flagsEndAt?: number | undefined } = {},
): Parsed {
  const operands: string[] = [];
  const given = new Map<string, string[]>();
  const rest = [...args];
  for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
    if (arg === "--") {
      operands.push(...rest);
      break;
    }
    if (!arg.startsWith("-") || arg === "-" || /^-\d/.test(arg)) {
      operands.push(arg);
      if (operands.length >= flagsEndAt) operands.push(...rest.splice(0));
      continue;
    }
    const [, name = "", , inline] = /^--?([^=]*)(=(.*))?$/s.exec(arg) ?? [];
    const flag = Object.hasOwn(known, name) ? known[name] : undefined;
    if (flag === undefined) throw new UsageError(unknownFlag(arg, name, Object.keys(known)));
    const value = inline ?? (flag.kind === "switch" ? "true" : rest.shift());
    if (value === undefined) throw new UsageError(`flag -${name} needs a value (${flag.value ?? "VALUE"})`);
    if (flag.kind === "switch" && !["true", "false"].includes(value))
      throw new UsageError(`flag -${name} is on or off: give -${name} or -${name}=false, not "${value}"`);
    given.set(name, [...(given.get(name) ?? []), value]);
  }
  return { operands, flags: valuesOf(given) };
}

function valuesOf(given: ReadonlyMap<string, readonly string[]>): FlagValues {
  return {
    on: (name) => given.get(name)?.at(-1) === "true",
    value: (name) => given.get(name)?.at(-1),
    values: (name) => given.get(name) ?? [],
  };
}

function unknownFlag(arg: string, name: string, known: readonly string[]): string {
  const meant = nearest(name, known);
  return `unknown flag ${arg}${meant === undefined ? "" : `; did you mean -${meant}?`}`;
}
