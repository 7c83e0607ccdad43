import type { AllocStub, DeploymentAnswer } from "#base/client/nomad-answers.ts";
import { valueOf } from "../api/answer.ts";
import { withNomad } from "../api/session.ts";
import { columns } from "../print/columns.ts";
import { show } from "../print/show.ts";
import { ago, shortId } from "../print/time.ts";
import { findJob } from "./find-job.ts";

/** The allocations of a job. */
export const allocs = withNomad(async (session) => {
  const { nomad, operands, flags, env } = session;
  const { id, namespace } = await findJob(session, operands[0]);
  const all = valueOf(await nomad.jobs.allocations(id, { namespace, all: flags.on("all") }));
  return show(session, all, () =>
    all.length === 0
      ? ["No allocations placed"]
      : allocRows(all, { verbose: flags.on("verbose"), nowMs: env.clock.nowMs() }),
  );
});

/** The deployments of a job, newest first; `-latest` only that. */
export const deployments = withNomad(async (session) => {
  const { nomad, operands, flags } = session;
  const { id, namespace } = await findJob(session, operands[0]);
  const all = flags.on("latest")
    ? [valueOf(await nomad.jobs.deployment(id, { namespace }))].flatMap((one) => (one === null ? [] : [one]))
    : valueOf(await nomad.jobs.deployments(id, { namespace }));
  return show(session, all, () =>
    all.length === 0 ? ["No deployments found"] : deploymentRows(all, flags.on("verbose")),
  );
});

function deploymentRows(all: readonly DeploymentAnswer[], verbose: boolean): string[] {
  const rows = all.map((one) => [
    verbose ? one.ID : shortId(one.ID),
    one.JobID,
    String(one.JobVersion),
    one.Status,
    one.StatusDescription,
  ]);
  return columns(["ID", "Job ID", "Job Version", "Status", "Description"], rows);
}

/** A table of allocations, newest first. */
export function allocRows(
  allocs: readonly AllocStub[],
  { verbose = false, nowMs }: { readonly verbose?: boolean; readonly nowMs: number },
): string[] {
  const id = (text: string): string => (verbose ? text : shortId(text));
  const rows = allocs
    .toSorted((a, b) => b.CreateIndex - a.CreateIndex)
    .map((alloc) => [
      id(alloc.ID),
      ...(verbose ? [id(alloc.EvalID)] : []),
      id(alloc.NodeID),
      ...(verbose ? [alloc.NodeName] : []),
      alloc.TaskGroup,
      String(alloc.JobVersion),
      alloc.DesiredStatus,
      alloc.ClientStatus,
      ago(alloc.CreateTime, nowMs),
      ago(alloc.ModifyTime, nowMs),
    ]);
  const heading = [
    "ID",
    ...(verbose ? ["Eval ID"] : []),
    "Node ID",
    ...(verbose ? ["Node Name"] : []),
    "Task Group",
    "Version",
    "Desired",
    "Status",
    "Created",
    "Modified",
  ];
  return columns(heading, rows);
}
