import { randomBytes } from "node:crypto";
import { dirname, resolve } from "node:path";
import { CodedError } from "#base/env/errors.ts";
import { renderDiagnostics } from "#base/language/hcl/diagnostic.ts";
import { functionsNamedIn } from "#base/language/hcl/functions/on-demand.ts";
import { isApiJob, parseJobJson } from "#base/language/jobspec/parse-job-json.ts";
import { readJobFile } from "#base/language/jobspec/read-job-file.ts";
import type { JobSubmission } from "#base/protocol/job-submission.ts";
import type { Job } from "#base/protocol/job.ts";
import type { NomadSession } from "../api/session.ts";
import { UsageError, type Invocation } from "../command/command.ts";
import { fileAccess } from "./file-access.ts";
import { jobVariables } from "./job-variables.ts";
import { readTextFile } from "../spec/read-text.ts";

export interface JobFile {
  readonly job: Job;
  readonly submission: JobSubmission;
  /** Warnings that were shown already, with their place in the file. */
  readonly told: readonly string[];
}

/**
 * Reads the job file that is a command's one operand (`-`: standard input): HCL, HCL's JSON, or (with `-json`, or when it
 * looks like it) the API's JSON. Variables come from `NOMAD_VAR_*`, `-var-file` and `-var`, in rising precedence. Throws
 * with the mistakes and their places.
 */
export async function readJob(session: Invocation & Pick<NomadSession, "namespace">): Promise<JobFile> {
  const [file, ...more] = session.operands;
  if (file === undefined || more.length > 0) throw new UsageError("name one job file, or - for standard input");
  const text = readTextFile(file);
  const { job, submission, told } = isApiJob(text) ? fromJson(text, file) : await fromHcl(text, file, session);
  const namespace = session.namespace ?? job.Namespace;
  return { job: namespace === "" ? job : { ...job, Namespace: namespace }, submission, told };
}

/** Mistakes of meaning are shown in their line too, before anything is sent; the server judges again. */
async function fromHcl(text: string, file: string, invocation: Invocation): Promise<JobFile> {
  const { inputs, fileTexts, texts } = jobVariables(invocation);
  const read = readJobFile({
    source: text,
    fileName: file === "-" ? "stdin" : file,
    variables: inputs,
    strictVariables: invocation.flags.value("hcl2-strict") !== "false",
    now: () => Date.now(),
    uuid: () => crypto.randomUUID(),
    files: fileAccess(file === "-" ? process.cwd() : dirname(resolve(file))),
    onDemand: await functionsNamedIn(text + fileTexts, { randomBytes }),
  });
  if (!read.ok) throw new CodedError("job_file", `${renderDiagnostics(read.diagnostics)}\n`, "Nothing was changed.");
  if (read.warnings.length > 0) invocation.output.error(renderDiagnostics(read.warnings));
  const { values = {}, sensitive } = read.variables ?? {};
  const VariableFlags = Object.fromEntries(
    Object.entries(texts).filter(([name]) => Object.hasOwn(values, name) && sensitive?.has(name) !== true),
  );
  const submission = { Source: text, Format: "hcl2", VariableFlags, Variables: fileTexts };
  return { job: read.job, submission, told: read.warnings.map(({ message }) => message) };
}

function fromJson(text: string, file: string): JobFile {
  const read = parseJobJson(text, file === "-" ? "stdin" : file);
  const submission = { Source: text, Format: "json", VariableFlags: {}, Variables: "" };
  if (read.ok) return { job: read.job, submission, told: [] };
  throw new CodedError("job_file", `${renderDiagnostics(read.diagnostics)}\n`, "Nothing was changed.");
}

/** What a server warns of that the file's reading did not say already. */
export function untold(warnings: string, { told }: Pick<JobFile, "told">): readonly string[] {
  const lines = warnings.split("\n").filter((line) => line.startsWith("* "));
  return lines.filter((line) => !told.some((message) => line.includes(message)));
}
