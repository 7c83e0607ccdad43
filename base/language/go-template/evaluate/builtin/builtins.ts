import { MAX_TEXT, sprint, sprintf, sprintln } from "../../format/sprintf.ts";
import { goFunction, variadic, type FunctionTable } from "../../function.ts";
import { takeAny, takeString } from "../../param.ts";
import { GoError, type GoFunction, type GoValue } from "../../value.ts";
import { takeReflect } from "../argument.ts";
import type { Evaluated } from "../frame.ts";
import { plainTextOf } from "../print-value.ts";
import { isTrue } from "../truth.ts";
import { equal, greater, greaterOrEqual, less, lessOrEqual, notEqual } from "./compare.ts";
import { escapeHtml, escapeQuery, escapeScript } from "./escape.ts";
import { index, length, slice } from "./index-slice.ts";

/** `and`, `or` and `call` are here for their names; the evaluator runs them itself. */
const special = variadic([takeReflect], takeReflect, ([first]) => first ?? null);

/** Go's predefined functions. */
export const builtins: FunctionTable = new Map<string, GoFunction>([
  ["and", special],
  ["or", special],
  ["call", special],
  ["not", goFunction([takeReflect], (value: Evaluated) => !isTrue(value))],
  ["len", goFunction([takeReflect], length)],
  ["index", variadic([takeReflect], takeReflect, ([item], indexes) => index(item, indexes))],
  ["slice", variadic([takeReflect], takeReflect, ([item], indexes) => slice(item, indexes))],
  ["eq", variadic([takeReflect], takeReflect, ([first], others) => equal(first, others))],
  ["ne", goFunction([takeReflect, takeReflect], notEqual)],
  ["lt", goFunction([takeReflect, takeReflect], less)],
  ["le", goFunction([takeReflect, takeReflect], lessOrEqual)],
  ["gt", goFunction([takeReflect, takeReflect], greater)],
  ["ge", goFunction([takeReflect, takeReflect], greaterOrEqual)],
  ["print", variadic([], takeAny, (_, args) => limited(sprint(args)))],
  ["printf", variadic([takeString], takeAny, ([format], args) => limited(sprintf(format, args)))],
  ["println", variadic([], takeAny, (_, args) => limited(sprintln(args)))],
  ["html", variadic([], takeAny, (_, args) => escapeHtml(shown(args)))],
  ["js", variadic([], takeAny, (_, args) => escapeScript(shown(args)))],
  ["urlquery", variadic([], takeAny, (_, args) => escapeQuery(shown(args)))],
]);

/** A text that doubles in a loop ends here, before the memory does. */
function limited(text: string): string | GoError {
  return text.length > MAX_TEXT ? new GoError(`more than ${MAX_TEXT} characters in one value`) : text;
}

/** As actions print values, with spaces as `print` puts them. */
function shown(args: readonly GoValue[]): string {
  const [only] = args;
  if (args.length === 1 && typeof only === "string") return only;
  return sprint(args.map((arg) => (typeof arg === "object" ? plainTextOf(arg) : arg)));
}
