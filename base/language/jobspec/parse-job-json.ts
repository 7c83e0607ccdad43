import * as v from "valibot";
import { messageOf } from "#base/env/errors.ts";
import type { Expression } from "#base/language/hcl/ast.ts";
import { looksLikeJson } from "#base/language/hcl/decode/json-body.ts";
import { locate, type Diagnostic } from "#base/language/hcl/diagnostic.ts";
import { parseHclExpression } from "#base/language/hcl/parse.ts";
import type { SourceText, Span } from "#base/language/hcl/source.ts";
import { JobSchema, type Job } from "#base/protocol/job.ts";

export type JobFromJson =
  | { readonly ok: true; readonly job: Job }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

/** More problems than this help nobody. */
const MAX_PROBLEMS = 10;
const HCL_IN_JSON = /^[\s\uFEFF]*\{\s*"(?:job|variable|variables|locals)"\s*:/;

/** Whether a text is a job as the API carries it, and no job file (which may be JSON, too: `{"job": {"web": …}}`). */
export function isApiJob(text: string): boolean {
  return looksLikeJson(text) && !HCL_IN_JSON.test(text);
}

/** A job as the API carries it: `{"Job": {…}}` or the job itself. Unknown fields are dropped, as the API's users expect. */
export function parseJobJson(text: string, fileName = "job.json"): JobFromJson {
  const source: SourceText = { name: fileName, text };
  try {
    const json: unknown = JSON.parse(text);
    return readJob(json, source);
  } catch (thrown) {
    // The engine's message knows no line; the same mistake seen by HCL's parser does.
    const { diagnostics } = parseHclExpression(source);
    if (diagnostics.length > 0) return { ok: false, diagnostics: diagnostics.slice(0, MAX_PROBLEMS) };
    return refused(source, [
      { code: "json_syntax", message: `this is no JSON: ${messageOf(thrown)}`, span: whole(text) },
    ]);
  }
}

function readJob(json: unknown, source: SourceText): JobFromJson {
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    const hint = 'for example {"Job": {"ID": "web", …}}';
    return refused(source, [
      { code: "job_shape", message: "expected a job as an object", hint, span: whole(source.text) },
    ]);
  }
  const wrapped = "Job" in json && !("ID" in json);
  const parsed = v.safeParse(JobSchema, wrapped ? json.Job : json);
  if (parsed.success) return { ok: true, job: parsed.output };
  const { node } = parseHclExpression(source);
  return refused(
    source,
    parsed.issues.slice(0, MAX_PROBLEMS).map((issue) => {
      const keys = [...(wrapped ? ["Job"] : []), ...(issue.path ?? []).map(({ key }) => key)];
      const expected = (issue.expected ?? "another value")
        .replaceAll("Object", "an object")
        .replaceAll("Array", "a list");
      const problem = issue.kind === "schema" ? `expected ${expected}, found ${issue.received}` : issue.message;
      const message = `${v.getDotPath(issue) ?? "Job"}: ${problem}`;
      return { code: "job_shape", message, span: spanOf(node, keys) };
    }),
  );
}

interface Found {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
  readonly span: Span;
}

function refused(source: SourceText, found: readonly Found[]): JobFromJson {
  return { ok: false, diagnostics: found.map((each) => locate(each, { source })) };
}

function whole(text: string): Span {
  return { start: 0, end: Math.min(1, text.length) };
}

/** The value a path of keys leads to, or the innermost one on the way that is there. */
function spanOf(root: Expression, keys: readonly unknown[]): Span {
  let at = root;
  for (const key of keys) {
    const next =
      at.kind === "object"
        ? at.items.find((item) => item.key.kind === "literal" && item.key.value === key)?.value
        : at.kind === "tuple" && typeof key === "number"
          ? at.items[key]
          : undefined;
    if (next === undefined) break;
    at = next;
  }
  return at;
}
