import * as v from "valibot";
import type { Body } from "#base/language/hcl/ast.ts";
import { decodeBody } from "#base/language/hcl/decode/decode.ts";
import { looksLikeJson, parseJsonBody } from "#base/language/hcl/decode/json-body.ts";
import type { Fields } from "#base/language/hcl/decode/table.ts";
import { locate, type Complaint, type Diagnostic } from "#base/language/hcl/diagnostic.ts";
import { resolveLocals } from "#base/language/hcl/evaluate/locals.ts";
import { rootScope } from "#base/language/hcl/evaluate/root.ts";
import type { Scope } from "#base/language/hcl/evaluate/scope.ts";
import type { Value } from "#base/language/hcl/evaluate/value.ts";
import { resolveVariables, type ResolvedVariables, type VariableInput } from "#base/language/hcl/evaluate/variables.ts";
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
  /** False: values for variables the file does not declare are passed over. */
  readonly strictVariables?: boolean;
  /** Steps of evaluation; where others wait for this turn to end, fewer than usual. */
  readonly maxSteps?: number;
}

export type ParsedJob =
  /** `body`: the file's tree, for whoever has to point at a place in it. `variables`: what it declares. */
  | { readonly ok: true; readonly job: Job; readonly body: Body; readonly variables: ResolvedVariables | undefined }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

/** A job file in HCL → the job, structurally complete; defaults that depend on its type come from `canonicalize`. */
export function parseJob(given: JobSource): ParsedJob {
  const source: SourceText = { name: given.fileName, text: given.source };
  const { node, diagnostics: syntax } = looksLikeJson(given.source)
    ? parseJsonBody(source, jobFile, { templates: true })
    : parseHcl(source);
  if (syntax.length > 0) return { ok: false, diagnostics: syntax };
  const diagnostics: Diagnostic[] = [];
  const complain = (complaint: Complaint): void => {
    if (diagnostics.length < MAX_COMPLAINTS) diagnostics.push(locate(complaint, { source }));
  };
  const root = rootScope({
    source,
    complain,
    functions: functionLibrary(given),
    deferUnknown: true,
    maxSteps: given.maxSteps,
  });
  const declared = resolveVariables(node, root, {
    inputs: given.variables ?? [],
    strict: given.strictVariables ?? true,
    report: (each) => void diagnostics.push(each),
  });
  // Whatever needs a variable without a value would only say the same again.
  if (diagnostics.length > 0) return { ok: false, diagnostics };
  const fields = decode(node, declared, root);
  const job = fields === undefined ? undefined : readFields(fields, node, complain);
  if (job === undefined || diagnostics.length > 0) return { ok: false, diagnostics };
  return { ok: true, job, body: node, variables: declared };
}

function decode(body: Body, declared: ResolvedVariables | undefined, root: Scope): Fields | undefined {
  const variables = new Map<string, Value>();
  if (declared !== undefined) variables.set("var", declared.values);
  const locals = resolveLocals(body, { ...root, variables });
  if (locals !== undefined) variables.set("local", locals);
  const { Jobs: jobs } = decodeBody(body, jobFile, { ...root, variables });
  const all: readonly unknown[] = Array.isArray(jobs) ? jobs : [];
  const [first] = all;
  if (typeof first === "object" && first !== null && all.length === 1) return { ...first };
  const span = body.items.findLast((item) => item.kind === "block" && item.type === "job") ?? { start: 0, end: 0 };
  const message = all.length === 0 ? "the file holds no job" : `the file holds ${all.length} jobs`;
  root.complain({ code: "job_count", message, hint: 'expected exactly one: job "name" { … }', span });
  return undefined;
}

function readFields(fields: Fields, body: Body, complain: (complaint: Complaint) => void): Job | undefined {
  const { Label: label, ...rest } = fields;
  const parsed = v.safeParse(JobSchema, { ID: label, Name: label, ...rest });
  if (parsed.success) return parsed.output;
  const span: Span = body.items.find((item) => item.kind === "block" && item.type === "job") ?? body;
  for (const issue of parsed.issues.slice(0, 10)) {
    complain({ code: "job_shape", message: `${v.getDotPath(issue) ?? "job"}: ${issue.message}`, span });
  }
  return undefined;
}
