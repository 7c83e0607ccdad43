import * as v from "valibot";
import { renderDiagnostics } from "#base/language/hcl/diagnostic.ts";
import type { VariableInput } from "#base/language/hcl/evaluate/variables.ts";
import { functionsNamedIn } from "#base/language/hcl/functions/on-demand.ts";
import { canonicalize } from "#base/language/jobspec/canonicalize.ts";
import { parseJob } from "#base/language/jobspec/parse-job.ts";
import { jobToWire } from "#base/protocol/job-wire.ts";
import { flag, text, textMap } from "#base/protocol/schema.ts";

/** https://developer.hashicorp.com/nomad/api-docs/jobs#parse-job */
export const ParseRequestSchema = v.object({
  JobHCL: text,
  Variables: text,
  VariableFlags: textMap,
  Canonicalize: flag,
  HCLv1: flag,
});
export type ParseRequest = v.InferOutput<typeof ParseRequestSchema>;

export interface ParseEffects {
  /** Steps of evaluation. */
  readonly maxSteps: number;
  readonly now: () => number;
  readonly uuid: () => string;
  /** Absent: whoever names a slow function is told that it is unknown. */
  readonly randomBytes?: (length: number) => Uint8Array;
}

/** The job as JSON, or what is wrong with the file, with its places. */
export const ParsedTextSchema = v.variant("ok", [
  v.object({ ok: v.literal(true), json: v.string() }),
  v.object({ ok: v.literal(false), message: v.string() }),
]);
export type ParsedText = v.InferOutput<typeof ParsedTextSchema>;

export async function parseJobText(request: ParseRequest, effects: ParseEffects): Promise<ParsedText> {
  const { randomBytes } = effects;
  const parsed = parseJob({
    source: request.JobHCL,
    fileName: "job.hcl",
    variables: [
      ...(request.Variables === "" ? [] : [fileInput(request.Variables)]),
      ...Object.entries(request.VariableFlags).map(([name, given]) => flagInput(name, given)),
    ],
    onDemand: await functionsNamedIn(request.JobHCL + request.Variables, { randomBytes }),
    maxSteps: effects.maxSteps,
    now: effects.now,
    uuid: effects.uuid,
  });
  if (!parsed.ok) return { ok: false, message: renderDiagnostics(parsed.diagnostics) };
  const job = jobToWire(request.Canonicalize ? canonicalize(parsed.job) : parsed.job);
  // Of a job that was never registered.
  const value = { ...job, Status: "", StatusDescription: "", CreateIndex: 0, ModifyIndex: 0, JobModifyIndex: 0 };
  return { ok: true, json: JSON.stringify(value) };
}

function fileInput(content: string): VariableInput {
  return { kind: "file", source: { name: "variables.hcl", text: content } };
}

function flagInput(name: string, given: string): VariableInput {
  return { kind: "text", name, text: given, from: "flag" };
}
