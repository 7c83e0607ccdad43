import { valueOf } from "../api/answer.ts";
import { withNomad } from "../api/session.ts";
import { properties } from "../print/columns.ts";
import { printJson } from "../print/json.ts";
import { localTime } from "../print/time.ts";
import { findJob } from "./find-job.ts";

/** The job as the cluster holds it. */
export const inspect = withNomad(async (session) => {
  const { id, namespace } = await findJob(session, session.operands[0]);
  printJson(session.output, { Job: valueOf(await session.nomad.jobs.read(id, { namespace })) });
  return 0;
});

/** The kept versions, newest first. */
export const history = withNomad(async (session) => {
  const { output, nomad, flags } = session;
  const { id, namespace } = await findJob(session, session.operands[0]);
  const { Versions: versions } = valueOf(await nomad.jobs.versions(id, { namespace }));
  if (flags.on("json")) {
    printJson(output, versions);
    return 0;
  }
  for (const [at, version] of versions.entries()) {
    if (at > 0) output.line("");
    const lines = properties([
      ["Version", String(version.Version)],
      ["Stable", String(version.Stable)],
      ["Submit Date", localTime(version.SubmitTime)],
    ]);
    for (const line of lines) output.line(line);
  }
  return 0;
});
