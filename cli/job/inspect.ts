import * as v from "valibot";
import { JobSubmissionSchema } from "#base/protocol/job-submission.ts";
import { CodedError } from "#base/env/errors.ts";
import { valueOf } from "../api/answer.ts";
import { withNomad, type NomadSession } from "../api/session.ts";
import { UsageError } from "../command/command.ts";
import { printJson } from "../print/json.ts";
import { printed } from "../print/show.ts";
import { findJob, type FoundJob } from "./find-job.ts";
import { findVersion, rawVersions } from "./find-version.ts";

/** The job as the cluster holds it, or with `-hcl` the text it was submitted as. */
export const inspect = withNomad(async (session) => {
  const { flags, output } = session;
  if (flags.on("hcl") && flags.on("json")) throw new UsageError("give -hcl or -json, not both");
  if (flags.on("with-vars") && !flags.on("hcl")) throw new UsageError("-with-vars goes with -hcl");
  const found = await findJob(session, session.operands[0]);
  const wanted = flags.value("version");
  if (flags.on("hcl")) return printSource(session, found, wanted);
  const job = await readRaw(session, found, wanted);
  if (flags.value("t") === undefined) printJson(output, { Job: job });
  else await printed(session, job);
  return 0;
});

async function readRaw(session: NomadSession, found: FoundJob, wanted: string | undefined): Promise<unknown> {
  if (wanted === undefined) {
    const path = `/v1/job/${encodeURIComponent(found.id)}`;
    return valueOf(await session.nomad.call({ path, query: { namespace: found.namespace }, schema: v.unknown() }));
  }
  const { Version } = await findVersion(session, found, wanted);
  return (await rawVersions(session, found)).find((each) => each.Version === Version);
}

async function printSource(session: NomadSession, found: FoundJob, wanted: string | undefined): Promise<number> {
  const { nomad, output, flags } = session;
  const { id, namespace } = found;
  const version = wanted === undefined ? undefined : (await findVersion(session, found, wanted)).Version;
  const path = `/v1/job/${encodeURIComponent(id)}/submission`;
  const result = await nomad.call({ path, query: { namespace, version }, schema: JobSubmissionSchema });
  if (!result.ok && result.error.code === "missing") {
    throw new CodedError("missing", `the text of job "${id}" was not kept`, "lares job inspect prints it as JSON.");
  }
  const { Source, Variables, VariableFlags } = valueOf(result);
  output.write(Source.endsWith("\n") ? Source : `${Source}\n`);
  if (!flags.on("with-vars")) return 0;
  const given = Object.entries(VariableFlags).map(([name, text]) => `${name} = ${JSON.stringify(text)}`);
  output.line(["", "# Variables", ...(Variables === "" ? [] : [Variables.trimEnd()]), ...given].join("\n"));
  return 0;
}
