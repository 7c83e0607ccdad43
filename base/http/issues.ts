import * as v from "valibot";
import { HttpError } from "./http-error.ts";

const MOST_ISSUES = 5;
const LONGEST_VALUE = 60;

/** The typed value, or a 400 that names each wrong field, what it was and what was expected. */
export function parseInput<T>(schema: v.GenericSchema<unknown, T>, raw: unknown, what: string): T {
  const parsed = v.safeParse(schema, raw);
  if (parsed.success) return parsed.output;
  throw new HttpError(400, `${what}: ${describeIssues(parsed.issues)}`);
}

/** `TaskGroups[0].Count: expected number, got "two"`, joined by semicolons. */
export function describeIssues(issues: readonly v.BaseIssue<unknown>[]): string {
  const shown = issues.slice(0, MOST_ISSUES).map(describe);
  const rest = issues.length - shown.length;
  return shown.join("; ") + (rest > 0 ? `; and ${rest} more` : "");
}

function describe(issue: v.BaseIssue<unknown>): string {
  const path = (issue.path ?? []).map(({ key }) => (typeof key === "number" ? `[${key}]` : `.${String(key)}`)).join("");
  const where = path.replace(/^\./, "");
  if (issue.input === undefined && where !== "") return `${where} is missing`;
  // A schema's own message says more than the bare type; valibot's default starts with "Invalid".
  const problem =
    issue.message.startsWith("Invalid ") && issue.expected !== null
      ? `expected ${issue.expected.replaceAll("Object", "an object").replaceAll("Array", "a list")}, got ${quote(issue.input)}`
      : issue.message;
  return where === "" ? problem : `${where}: ${problem}`;
}

function quote(value: unknown): string {
  if (value === undefined) return "nothing";
  if (typeof value === "bigint") return String(value);
  const text = JSON.stringify(value) ?? typeof value;
  return text.length <= LONGEST_VALUE ? text : `${text.slice(0, LONGEST_VALUE)}…`;
}
