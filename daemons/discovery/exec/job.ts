import * as v from "valibot";
import { textOf } from "#base/env/bytes.ts";
import { fail, succeed, type Result } from "#base/env/errors.ts";

/** Largest payload and job that are read, in bytes. */
const MAX_TEXT_BYTES = 512 * 1024;

const CallSchema = v.object({ Prefix: v.string(), Session: v.pipe(v.string(), v.uuid()) });
/** Where a command is to be found: `<Prefix>/<Session>/job`. */
export type ExecCall = v.InferOutput<typeof CallSchema>;

const JobSchema = v.object({
  Command: v.nullish(v.string(), ""),
  Args: v.nullish(v.array(v.string()), () => []),
  /** Base64: a file that is run. */
  Script: v.nullish(v.string(), ""),
});
/** What is to be run: `Args` as they are, else `Script`, else `Command` by a shell. */
export type ExecJob = v.InferOutput<typeof JobSchema>;

/** Failure `exec_call`. */
export function readCall(payload: Uint8Array): Result<ExecCall> {
  return read(CallSchema, payload, "exec_call");
}

/** Failure `exec_job`. */
export function readJob(value: Uint8Array): Result<ExecJob> {
  const job = read(JobSchema, value, "exec_job");
  if (!job.ok) return job;
  const { Command, Args, Script } = job.value;
  return Command === "" && Args.length === 0 && Script === "" ? fail("exec_job", "the job names no command") : job;
}

function read<T>(schema: v.GenericSchema<unknown, T>, bytes: Uint8Array, code: string): Result<T> {
  if (bytes.length > MAX_TEXT_BYTES) return fail(code, `${bytes.length} bytes, at most ${MAX_TEXT_BYTES} are read`);
  let json: unknown;
  try {
    json = JSON.parse(textOf(bytes));
  } catch {
    return fail(code, "it is no JSON");
  }
  const parsed = v.safeParse(schema, json);
  return parsed.success ? succeed(parsed.output) : fail(code, parsed.issues.map(({ message }) => message).join("; "));
}
