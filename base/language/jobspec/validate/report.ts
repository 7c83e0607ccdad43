import type { Failure } from "#base/env/errors.ts";

/** Collects what is wrong, each with the path to it: `group "web": task "nginx": …`. */
export interface Report {
  readonly error: (message: string, hint?: string) => void;
  readonly warn: (message: string, hint?: string) => void;
  /** The same report one level further in. */
  readonly at: (place: string) => Report;
}

/** `path` holds the blocks around it from the outside in: `group "web"`, `task "nginx"`, `template`. */
export interface JobFinding extends Failure {
  readonly path: readonly string[];
}

export interface Findings {
  readonly errors: JobFinding[];
  readonly warnings: JobFinding[];
}

export function createReport(findings: Findings, path: readonly string[] = []): Report {
  const prefix = path.map((place) => `${place}: `).join("");
  const add = (list: JobFinding[], code: string) => (message: string, hint?: string) => {
    list.push({ code, message: prefix + message, path, ...(hint === undefined ? {} : { hint }) });
  };
  return {
    error: add(findings.errors, "invalid_job"),
    warn: add(findings.warnings, "job_warning"),
    at: (place) => createReport(findings, [...path, place]),
  };
}

/** Complains about every name that occurs again. */
export function unique(names: readonly string[], what: string, report: Report): void {
  const seen = new Set<string>();
  for (const name of names) {
    if (seen.has(name) && name !== "")
      report.error(`${what} ${JSON.stringify(name)} occurs twice`, "names must differ");
    seen.add(name);
  }
}

/** Complains unless the value is one of the known ones. */
export function oneOf(
  value: string,
  known: readonly string[],
  { what, report }: { readonly what: string; readonly report: Report },
): void {
  if (!known.includes(value))
    report.error(`${what} ${JSON.stringify(value)} is not known`, `expected ${known.join(", ")}`);
}

/** Longest name of a job, group or task: it becomes part of file names. */
const MAX_NAME = 255;

/** Complains about names that break file names, logs or terminals. */
export function checkName(name: string, what: string, report: Report): void {
  if (name === "") return report.error(`${what} has no name`);
  if (name.length > MAX_NAME)
    report.error(`the name of ${what} has ${name.length} characters; at most ${MAX_NAME} are possible`);
  if (CONTROL.test(name))
    report.error(`the name ${JSON.stringify(name)} of ${what} holds control characters`, "remove them");
}

const CONTROL = /\p{Cc}/u;

/** Complains about what would end a line, or steer a terminal, wherever the text is shown. */
export function checkText(text: string, what: string, report: Report): void {
  if (CONTROL.test(text)) report.error(`${what} holds control characters: ${JSON.stringify(text)}`, "remove them");
}

/** The same for the keys of a map. */
export function checkKeys(map: Readonly<Record<string, unknown>>, what: string, report: Report): void {
  for (const key of Object.keys(map)) {
    if (key === "") report.error(`${what}: a key is empty`);
    checkText(key, `${what}: a key`, report);
  }
}
