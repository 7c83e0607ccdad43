import { readFileSync } from "node:fs";
import * as v from "valibot";
import { CodedError, messageOf } from "#base/env/errors.ts";
import { integer, text } from "#base/protocol/schema.ts";
import { valueOf } from "../api/answer.ts";
import { withNomad } from "../api/session.ts";
import { UsageError } from "../command/command.ts";
import { properties } from "../print/columns.ts";
import { shortId } from "../print/time.ts";
import { findJob } from "./find-job.ts";
import { EXIT_CODES, monitorEval } from "./monitor.ts";
import { printed } from "../print/show.ts";

/** https://developer.hashicorp.com/nomad/docs/job-specification/dispatch_payload */
const MAX_PAYLOAD_BYTES = 16_384;
const Dispatched = v.object({ DispatchedJobID: text, EvalID: text, Index: integer });

/** `JOB [FILE]`: runs a parameterized job, with a file (`-`: standard input) as its payload. */
export const dispatch = withNomad(async (session) => {
  const { operands, flags, nomad, output } = session;
  const [job, file, ...more] = operands;
  if (more.length > 0) throw new UsageError("give a job, and a file for its payload or - for standard input");
  const { id, namespace } = await findJob(session, job);
  const token = flags.value("idempotency-token") ?? "";
  const answer = valueOf(
    await nomad.call({
      method: "PUT",
      path: `/v1/job/${encodeURIComponent(id)}/dispatch`,
      query: { namespace, idempotency_token: token === "" ? undefined : token },
      body: {
        JobID: id,
        Payload: file === undefined ? "" : payloadOf(file),
        Meta: Object.fromEntries(flags.values("meta").map(pairOf)),
        IdPrefixTemplate: flags.value("id-prefix-template") ?? "",
      },
      schema: Dispatched,
    }),
  );
  if (await printed({ flags, output }, answer)) return 0;
  if (answer.EvalID === "") {
    output.line(`Job "${answer.DispatchedJobID}" already dispatched with idempotency token "${token}".`);
    return 0;
  }
  const evalId = flags.on("verbose") ? answer.EvalID : shortId(answer.EvalID);
  for (const line of properties([
    ["Dispatched Job ID", answer.DispatchedJobID],
    ["Evaluation ID", evalId],
  ]))
    output.line(line);
  return flags.on("detach") ? 0 : EXIT_CODES[await monitorEval(session, answer.EvalID)];
});

function pairOf(given: string): readonly [string, string] {
  const equals = given.indexOf("=");
  if (equals < 1) throw new UsageError(`-meta takes KEY=VALUE, not "${given}"`);
  return [given.slice(0, equals), given.slice(equals + 1)];
}

function payloadOf(file: string): string {
  const bytes = readBytes(file);
  if (bytes.length > MAX_PAYLOAD_BYTES) {
    const message = `the payload has ${bytes.length} bytes; at most ${MAX_PAYLOAD_BYTES} are possible`;
    throw new CodedError("payload", message, "Nothing was dispatched.");
  }
  return bytes.toString("base64");
}

function readBytes(file: string): Buffer {
  try {
    return readFileSync(file === "-" ? 0 : file);
  } catch (error) {
    throw new CodedError("unreadable", `cannot read ${file}: ${messageOf(error)}`);
  }
}
