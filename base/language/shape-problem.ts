import * as v from "valibot";
import { didYouMean } from "./nearest.ts";

/** What is wrong with the shape of settings a person wrote, by its path; a key that is unknown is told with those known there. */
export function shapeProblem(
  schema: v.GenericSchema,
  issue: v.BaseIssue<unknown>,
): { readonly message: string; readonly hint: string | undefined } {
  const path = v.getDotPath(issue) ?? "the whole";
  if (issue.type !== "strict_object" || issue.expected !== "never")
    return { message: `${path}: ${issue.message}`, hint: undefined };
  const steps = (issue.path ?? []).map(({ key }) => String(key));
  const key = steps.pop() ?? "";
  return { message: `there is no setting "${path}"`, hint: didYouMean(key, keysAt(schema, steps)) };
}

function keysAt(schema: unknown, steps: readonly string[]): readonly string[] {
  const wrapped = part(schema, "wrapped");
  if (wrapped !== undefined) return keysAt(wrapped, steps);
  const options = part(schema, "options");
  if (Array.isArray(options)) return options.flatMap((option: unknown) => keysAt(option, steps));
  const entries = part(schema, "entries");
  const [step, ...rest] = steps;
  if (step === undefined) return typeof entries === "object" && entries !== null ? Object.keys(entries) : [];
  return keysAt(part(entries, step) ?? part(schema, "item") ?? part(schema, "value"), rest);
}

function part(of: unknown, key: string): unknown {
  return typeof of === "object" && of !== null && Object.hasOwn(of, key) ? Reflect.get(of, key) : undefined;
}
