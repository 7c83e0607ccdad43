import type { DeploymentAnswer } from "#base/client/nomad-answers.ts";
import { valueOf } from "../api/answer.ts";
import { oneByPrefix } from "../api/by-prefix.ts";
import { withNomad, type NomadSession } from "../api/session.ts";
import { UsageError } from "../command/command.ts";
import { deploymentLines } from "../job/status.ts";
import { columns } from "../print/columns.ts";
import { printJson } from "../print/json.ts";
import { shortId } from "../print/time.ts";

/** All deployments, or one. */
export const status = withNomad(async (session) => {
  const { output, flags, nomad, operands, namespace } = session;
  if (operands.length > 0) {
    const deployment = await find(session);
    if (flags.on("json")) printJson(output, deployment);
    else for (const line of deploymentLines(deployment).slice(2)) output.line(line);
    return 0;
  }
  const all = valueOf(await nomad.deployments.list({ namespace }));
  if (flags.on("json")) printJson(output, all);
  else if (all.length === 0) output.line("No deployments found");
  else {
    const rows = all.map((one) => [
      shortId(one.ID),
      one.JobID,
      String(one.JobVersion),
      one.Status,
      one.StatusDescription,
    ]);
    for (const line of columns(["ID", "Job ID", "Job Version", "Status", "Description"], rows)) output.line(line);
  }
  return 0;
});

/** Lets a deployment go on after its canaries. */
export const promote = withNomad(async (session) => {
  const { ID } = await find(session);
  const answer = valueOf(await session.nomad.deployments.promote(ID));
  if (session.flags.on("json")) printJson(session.output, answer);
  else session.output.line(`Deployment "${shortId(ID)}" promoted`);
  return 0;
});

/** Ends a deployment as failed; with `auto_revert` the last stable version returns. */
export const fail = withNomad(async (session) => {
  const { ID } = await find(session);
  const answer = valueOf(await session.nomad.deployments.fail(ID));
  if (session.flags.on("json")) printJson(session.output, answer);
  else session.output.line(`Deployment "${shortId(ID)}" failed`);
  return 0;
});

async function find({ nomad, operands, namespace }: NomadSession): Promise<DeploymentAnswer> {
  const [typed] = operands;
  if (typed === undefined) throw new UsageError("name a deployment");
  const all = valueOf(await nomad.deployments.list({ prefix: typed, namespace: namespace ?? "*" }));
  return oneByPrefix(all, typed, { kind: "deployment", idOf: ({ ID }) => ID, list: "lares deployment status" });
}
