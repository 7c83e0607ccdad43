import { valueOf } from "../api/answer.ts";
import { oneByPrefix } from "../api/by-prefix.ts";
import type { NomadSession } from "../api/session.ts";
import { UsageError } from "../command/command.ts";

export interface FoundJob {
  readonly id: string;
  readonly namespace: string;
}

/** The job an operand means: its id, or the beginning of just one. */
export async function findJob(session: NomadSession, operand: string | undefined): Promise<FoundJob> {
  if (operand === undefined) throw new UsageError("name a job");
  const namespace = session.namespace;
  const jobs = valueOf(await session.nomad.jobs.list({ prefix: operand, namespace }));
  const job = oneByPrefix(jobs, operand, { kind: "job", idOf: ({ ID }) => ID, list: "lares job status" });
  return { id: job.ID, namespace: job.Namespace === "" ? (namespace ?? "default") : job.Namespace };
}
