import type { DeploymentAnswer } from "#base/client/nomad-answers.ts";
import { valueOf } from "../api/answer.ts";
import { withNomad, type NomadSession } from "../api/session.ts";
import { monitorDeployment, EXIT_CODES } from "../job/monitor.ts";
import { deploymentLines } from "../job/status.ts";
import { columns } from "../print/columns.ts";
import { show } from "../print/show.ts";
import { shortId } from "../print/time.ts";
import { findDeployment } from "./find-deployment.ts";

export const list = withNomad((session) => listAll(session));

/** All deployments, or one; with `-monitor` until it has ended. */
export const status = withNomad(async (session) => {
  if (session.operands.length === 0) return listAll(session);
  const deployment = await findDeployment(session);
  if (session.flags.on("monitor")) return EXIT_CODES[await monitorDeployment(session, deployment.ID)];
  return show(session, deployment, () => detailLines(deployment));
});

async function listAll(session: NomadSession): Promise<number> {
  const { nomad, namespace, flags } = session;
  const all = valueOf(await nomad.deployments.list({ namespace }));
  const id = (text: string): string => (flags.on("verbose") ? text : shortId(text));
  return show(session, all, () => {
    if (all.length === 0) return ["No deployments found"];
    const rows = all.map((one) => [id(one.ID), one.JobID, String(one.JobVersion), one.Status, one.StatusDescription]);
    return columns(["ID", "Job ID", "Job Version", "Status", "Description"], rows);
  });
}

function detailLines(deployment: DeploymentAnswer): readonly string[] {
  return deploymentLines(deployment, { withJob: true }).slice(2);
}
