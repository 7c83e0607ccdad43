import * as v from "valibot";
import type { Body } from "#base/language/hcl/ast.ts";
import { decodeBody } from "#base/language/hcl/decode/decode.ts";
import type { Fields } from "#base/language/hcl/decode/table.ts";
import { locate, type Complaint, type Diagnostic } from "#base/language/hcl/diagnostic.ts";
import { resolveLocals } from "#base/language/hcl/evaluate/locals.ts";
import { rootScope } from "#base/language/hcl/evaluate/root.ts";
import type { Value } from "#base/language/hcl/evaluate/value.ts";
import { resolveVariables, type VariableInput } from "#base/language/hcl/evaluate/variables.ts";
import { functionLibrary, type LibraryEffects } from "#base/language/hcl/functions/library.ts";
import { parseHcl } from "#base/language/hcl/parse.ts";
import { MAX_COMPLAINTS } from "#base/language/hcl/parser.ts";
import type { SourceText, Span } from "#base/language/hcl/source.ts";
import { JobSchema, type Job } from "#base/protocol/job.ts";
import { jobFile } from "./tables/job.ts";

export interface JobSource extends LibraryEffects {
  readonly source: string;
  readonly fileName: string;
  /** In rising precedence: environment, files, flags. */
  readonly variables?: readonly VariableInput[];
}

export type ParsedJob =
  /** `body`: the file's tree, for whoever has to point at a place in it. */
  | { readonly ok: true; readonly job: Job; readonly body: Body }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

/** A job file in HCL → the job, structurally complete; defaults that depend on its type come from `canonicalize`. */
export function parseJob(given: JobSource): ParsedJob {
  const source: SourceText = { name: given.fileName, text: given.source };
  const { node, diagnostics: syntax } = parseHcl(source);
  if (syntax.length > 0) return { ok: false, diagnostics: syntax };
  const diagnostics: Diagnostic[] = [];
  const complain = (complaint: Complaint): void => {
    if (diagnostics.length < MAX_COMPLAINTS) diagnostics.push(locate(complaint, { source }));
  };
  const fields = decode(node, { given, source, complain, report: (each) => void diagnostics.push(each) });
  const job = fields === undefined ? undefined : readFields(fields, node, complain);
  if (job === undefined || diagnostics.length > 0) return { ok: false, diagnostics };
  return { ok: true, job, body: node };
}

interface DecodeOptions {
  readonly given: JobSource;
  readonly source: SourceText;
  readonly complain: (complaint: Complaint) => void;
  readonly report: (diagnostic: Diagnostic) => void;
}

function decode(body: Body, { given, source, complain, report }: DecodeOptions): Fields | undefined {
  const root = rootScope({ source, complain, functions: functionLibrary(given), deferUnknown: true });
  const variables = new Map<string, Value>();
  const declared = resolveVariables(body, root, { inputs: given.variables ?? [], report });
  if (declared !== undefined) variables.set("var", declared);
  const locals = resolveLocals(body, { ...root, variables });
  if (locals !== undefined) variables.set("local", locals);
  const { Jobs: jobs } = decodeBody(body, jobFile, { ...root, variables });
  const all: readonly unknown[] = Array.isArray(jobs) ? jobs : [];
  const [first] = all;
  if (typeof first === "object" && first !== null && all.length === 1) return { ...first };
  const span = body.items.findLast((item) => item.kind === "block" && item.type === "job") ?? { start: 0, end: 0 };
  const message = all.length === 0 ? "the file holds no job" : `the file holds ${all.length} jobs`;
  complain({ code: "job_count", message, hint: 'expected exactly one: job "name" { … }', span });
  return undefined;
}

function readFields(fields: Fields, body: Body, complain: (complaint: Complaint) => void): Job | undefined {
  const { Label: label, ...rest } = fields;
  const parsed = v.safeParse(JobSchema, { ID: label, ...rest });
  if (parsed.success) return parsed.output;
  const span: Span = body.items.find((item) => item.kind === "block" && item.type === "job") ?? body;
  for (const issue of parsed.issues.slice(0, 10)) {
    complain({ code: "job_shape", message: `${v.getDotPath(issue) ?? "job"}: ${issue.message}`, span });
  }
  return undefined;
}
