import { numberText, toFlag, toNumber, toText } from "../evaluate/convert.ts";
import { isList, typeName, type Value } from "../evaluate/value.ts";
import { Fault, type Given, type HclFunction, type Outcome } from "./function.ts";

export const formatFunctions: Readonly<Record<string, HclFunction>> = { format: formatOne, formatlist: formatList };

function formatOne(values: readonly Value[]): Outcome {
  const [pattern, ...args] = values;
  if (typeof pattern !== "string") return { ok: false, argument: 0, message: "expected a format text" };
  return outcomeOf(format(pattern, args));
}

/** Lists give one result per element; other values stand in each. */
function formatList(values: readonly Value[]): Outcome {
  const [pattern, ...args] = values;
  if (typeof pattern !== "string") return { ok: false, argument: 0, message: "expected a format text" };
  const lengths = new Set(args.filter(isList).map((each) => each.length));
  if (lengths.size > 1) return { ok: false, message: "the lists are of different lengths" };
  const [length = 1] = lengths;
  const results: Value[] = [];
  for (let index = 0; index < length; index++) {
    const result = format(
      pattern,
      args.map((each) => (isList(each) ? (each[index] ?? null) : each)),
    );
    if (result instanceof Fault) return { ok: false, message: result.message };
    results.push(result);
  }
  return { ok: true, value: results };
}

function outcomeOf(result: Given): Outcome {
  return result instanceof Fault ? { ok: false, message: result.message } : { ok: true, value: result };
}

const VERB = /%(?:%|([-+ #0]*)(?:\[(\d+)\])?(\d+)?(?:\.(\d+))?([a-zA-Z]))/g;
/** Widest field. */
const MAX_WIDTH = 10_000;

/** The verbs of the language's `format`: %s %q %v %d %i %f %e %g %x %X %o %b %t, flags `- + 0 space`, `%[n]s`. */
function format(pattern: string, args: readonly Value[]): string | Fault {
  let next = 0;
  let used = 0;
  let problem: Fault | undefined;
  const result = pattern.replace(VERB, (...match) => {
    const groups: readonly (string | undefined)[] = match.map((each) => (typeof each === "string" ? each : undefined));
    const [all = "", flags = "", position, width, precision, verb] = groups;
    if (all === "%%") return "%";
    const index = position === undefined ? next : Number(position) - 1;
    next = index + 1;
    used = Math.max(used, next);
    const argument = args[index];
    if (argument === undefined) problem ??= new Fault(`there is no argument ${index + 1} for ${all}`);
    if (Number(width ?? 0) > MAX_WIDTH || Number(precision ?? 0) > 100) problem ??= new Fault(`${all} is too wide`);
    if (problem !== undefined) return "";
    const text = formatVerb(verb ?? "", { argument: argument ?? null, flags, precision });
    if (text instanceof Fault) problem ??= text;
    return typeof text === "string" ? pad(text, { flags, width: Number(width ?? 0) }) : "";
  });
  if (problem === undefined && used < args.length)
    return new Fault(`${args.length - used} arguments too many for ${JSON.stringify(pattern)}`);
  return problem ?? result;
}

interface Verb {
  readonly argument: Value;
  readonly flags: string;
  readonly precision: string | undefined;
}

function formatVerb(verb: string, { argument, flags, precision }: Verb): string | Fault {
  if (verb === "v" || verb === "s" || verb === "q" || verb === "t")
    return formatText(verb, { argument, flags, precision });
  const number = toNumber(argument);
  if (number === undefined) return new Fault(`%${verb} needs a number, found ${typeName(argument)}`);
  const digits = formatNumber(verb, { number, precision });
  if (digits === undefined) return new Fault(`the verb %${verb} is not known`);
  if (number < 0) return digits;
  return flags.includes("+") ? `+${digits}` : flags.includes(" ") ? ` ${digits}` : digits;
}

function formatText(verb: string, { argument, flags, precision }: Verb): string | Fault {
  if (verb === "t") {
    const flag = toFlag(argument);
    return flag === undefined ? new Fault(`%t needs a bool, found ${typeName(argument)}`) : String(flag);
  }
  const text = toText(argument) ?? (verb === "v" ? JSON.stringify(argument) : undefined);
  if (text === undefined) return new Fault(`%${verb} needs a string, found ${typeName(argument)}`);
  if (verb === "q" || (verb === "v" && flags.includes("#"))) return JSON.stringify(text);
  return precision === undefined ? text : text.slice(0, Number(precision));
}

const BASES: Readonly<Record<string, number>> = { x: 16, X: 16, o: 8, b: 2 };

function formatNumber(
  verb: string,
  value: { readonly number: number; readonly precision: string | undefined },
): string | undefined {
  const { number, precision } = value;
  const base = BASES[verb];
  if (base !== undefined)
    return verb === "X" ? Math.trunc(number).toString(base).toUpperCase() : Math.trunc(number).toString(base);
  if (verb === "d" || verb === "i") return numberText(Math.trunc(number));
  if (verb === "f" || verb === "F") return number.toFixed(Number(precision ?? 6));
  if (verb === "e" || verb === "E") return exponent(number.toExponential(Number(precision ?? 6)));
  if (verb === "g" || verb === "G")
    return precision === undefined
      ? numberText(number)
      : String(Number(number.toPrecision(Math.max(1, Number(precision)))));
  return undefined;
}

/** At least two digits, as Go and C write it. */
function exponent(text: string): string {
  return text.replace(/e([+-])(\d)$/, "e$10$2");
}

function pad(text: string, field: { readonly flags: string; readonly width: number }): string {
  if (text.length >= field.width) return text;
  if (field.flags.includes("-")) return text.padEnd(field.width);
  if (!field.flags.includes("0")) return text.padStart(field.width);
  const sign = /^[+-]/.exec(text)?.[0] ?? "";
  return sign + text.slice(sign.length).padStart(field.width - sign.length, "0");
}
