import { readFileSync } from "node:fs";
import { resolve, dirname, isAbsolute } from "node:path";
import { CodedError, messageOf } from "#base/env/errors.ts";
import { renderDiagnostics } from "#base/language/hcl/diagnostic.ts";
import type { VariableInput } from "#base/language/hcl/evaluate/variables.ts";
import { parseJobJson } from "#base/language/jobspec/parse-job-json.ts";
import { readJobFile } from "#base/language/jobspec/read-job-file.ts";
import type { Job } from "#base/protocol/job.ts";
import type { NomadSession } from "../api/session.ts";
import { UsageError, type FlagValues, type Invocation } from "../command/command.ts";

export interface JobFile {
  readonly job: Job;
  readonly submission: { readonly Source: string; readonly Format: "hcl2" | "json"; readonly Variables: string };
}

/**
 * Reads the job file that is a command's one operand (`-`: standard input), in HCL or JSON. Variables come from
 * `NOMAD_VAR_*`, `-var-file` and `-var`, in rising precedence. Throws with the mistakes and their places.
 */
export function readJob(session: Invocation & Pick<NomadSession, "namespace">): JobFile {
  const [file, ...more] = session.operands;
  if (file === undefined || more.length > 0) throw new UsageError("name one job file, or - for standard input");
  const text = readText(file);
  const isJson = file.endsWith(".json") || text.trimStart().startsWith("{");
  const job = isJson ? fromJson(text, file) : fromHcl(text, { ...session, file });
  const namespace = session.namespace ?? job.Namespace;
  return {
    job: namespace === "" ? job : { ...job, Namespace: namespace },
    submission: { Source: text, Format: isJson ? "json" : "hcl2", Variables: "" },
  };
}

/** Mistakes of meaning are shown in their line too, before anything is sent; the server judges again. */
function fromHcl(text: string, { flags, environment, file, output }: Invocation & { readonly file: string }): Job {
  const folder = file === "-" ? process.cwd() : dirname(resolve(file));
  const read = readJobFile({
    source: text,
    fileName: file === "-" ? "stdin" : file,
    variables: variablesOf(flags, environment),
    now: () => Date.now(),
    uuid: () => crypto.randomUUID(),
    readFile: (path) => readIfThere(isAbsolute(path) ? path : resolve(folder, path)),
  });
  if (!read.ok) throw new CodedError("job_file", `${renderDiagnostics(read.diagnostics)}\n`, "Nothing was changed.");
  if (read.warnings.length > 0) output.error(renderDiagnostics(read.warnings));
  return read.job;
}

function fromJson(text: string, file: string): Job {
  const read = parseJobJson(text);
  if (read.ok) return read.job;
  const mistakes = read.errors.map(({ message, hint }) => (hint === undefined ? message : `${message}; ${hint}`));
  throw new CodedError("job_file", `${file} is not a job in JSON:\n${mistakes.join("\n")}`, "Nothing was changed.");
}

function variablesOf(flags: FlagValues, environment: Invocation["environment"]): VariableInput[] {
  const prefix = "NOMAD_VAR_";
  const fromEnvironment = Object.entries(environment).flatMap(([key, text]): VariableInput[] =>
    key.startsWith(prefix) && text !== undefined
      ? [{ kind: "text", name: key.slice(prefix.length), text, from: "environment" }]
      : [],
  );
  const fromFiles = flags
    .values("var-file")
    .map((file): VariableInput => ({ kind: "file", source: { name: file, text: readText(file) } }));
  const fromFlags = flags.values("var").map((given): VariableInput => {
    const equals = given.indexOf("=");
    if (equals < 1) throw new UsageError(`-var takes NAME=VALUE, not "${given}"`);
    return { kind: "text", name: given.slice(0, equals), text: given.slice(equals + 1), from: "flag" };
  });
  return [...fromEnvironment, ...fromFiles, ...fromFlags];
}

function readText(file: string): string {
  try {
    return readFileSync(file === "-" ? 0 : file, "utf8");
  } catch (error) {
    throw new CodedError("unreadable", `cannot read ${file}: ${messageOf(error)}`);
  }
}

function readIfThere(path: string): Uint8Array | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}
