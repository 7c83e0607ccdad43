import { canonicalize } from "#base/language/jobspec/canonicalize.ts";
import { jobToWire } from "#base/protocol/job-wire.ts";
import { valueOf } from "../api/answer.ts";
import { withNomad } from "../api/session.ts";
import { UsageError } from "../command/command.ts";
import { printJson } from "../print/json.ts";
import { shortId } from "../print/time.ts";
import { EXIT_CODES, monitorEval } from "./monitor.ts";
import { readJob, untold } from "./read-job.ts";
import { printed } from "../print/show.ts";

/** Registers a job and follows it until it runs. Exit code 0 all well, 1 failed, 2 some of it found no place. */
export const run = withNomad(async (session) => {
  const { flags, output, nomad } = session;
  const file = await readJob(session);
  const { job, submission } = file;
  if (flags.on("output")) {
    printJson(output, { Job: jobToWire(canonicalize(job)) });
    return 0;
  }
  const registered = await nomad.jobs.register(job, {
    checkIndex: wholeNumber("check-index", flags.value("check-index")),
    evalPriority: wholeNumber("eval-priority", flags.value("eval-priority")),
    preserveCounts: flags.on("preserve-counts") || undefined,
    preserveResources: flags.on("preserve-resources") || undefined,
    submission,
  });
  if (!registered.ok && registered.error.message.includes("job modify index")) output.error("Job not updated");
  const answer = valueOf(registered);
  const warnings = untold(answer.Warnings, file);
  if (warnings.length > 0) output.error(["Job Warnings:", ...warnings].join("\n"));
  if (await printed({ flags, output }, answer)) return 0;
  if (answer.EvalID === "") {
    output.line(`Job registration successful: "${job.ID}" starts by its schedule, or when it is dispatched`);
    return 0;
  }
  if (flags.on("detach")) {
    output.line(`Job registration successful\nEvaluation ID: ${answer.EvalID}`);
    return 0;
  }
  const outcome = await monitorEval(session, answer.EvalID);
  if (outcome === "failed")
    output.error(`see: lares job status ${job.ID}; lares eval status ${shortId(answer.EvalID)}`);
  return EXIT_CODES[outcome];
});

function wholeNumber(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,15}$/.test(text)) throw new UsageError(`-${flag} takes a whole number, not "${text}"`);
  return Number(text);
}
