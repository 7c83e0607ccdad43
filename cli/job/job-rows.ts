import type { JobStub } from "#base/client/nomad-answers.ts";
import { columns } from "../print/columns.ts";
import { localTime } from "../print/time.ts";

/** A table of jobs; with their namespace where several were asked for. */
export function jobRows(jobs: readonly JobStub[], { namespaces = false } = {}): string[] {
  const heading = ["ID", ...(namespaces ? ["Namespace"] : []), "Type", "Priority", "Status", "Submit Date"];
  const rows = jobs.map((job) => [
    job.ID,
    ...(namespaces ? [job.Namespace] : []),
    kindOf(job),
    String(job.Priority),
    statusOf(job),
    localTime(job.SubmitTime),
  ]);
  return columns(heading, rows);
}

function kindOf({ Type, Periodic, ParameterizedJob }: JobStub): string {
  if (Periodic) return `${Type}/periodic`;
  return ParameterizedJob ? `${Type}/parameterized` : Type;
}

export function statusOf({ Status, Stop }: { readonly Status: string; readonly Stop: boolean }): string {
  return Stop ? `${Status} (stopped)` : Status;
}
