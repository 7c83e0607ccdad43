import type { AllocAnswer, AllocStub } from "#base/client/nomad-answers.ts";
import { valueOf } from "../api/answer.ts";
import { oneByPrefix } from "../api/by-prefix.ts";
import type { NomadSession } from "../api/session.ts";
import { UsageError } from "../command/command.ts";

/** The allocation an operand means: its id, or the beginning of just one. */
export async function findAlloc(session: NomadSession, operand: string | undefined): Promise<AllocAnswer> {
  if (operand === undefined) throw new UsageError("name an allocation");
  const { nomad, namespace } = session;
  const stubs = valueOf(await nomad.allocs.list({ prefix: operand, namespace: namespace ?? "*" }));
  const { ID } = oneByPrefix(stubs, operand, {
    kind: "allocation",
    idOf: (one) => one.ID,
    list: "lares job status JOB",
  });
  return valueOf(await nomad.allocs.read(ID));
}

/** The allocation an operand means: with `-job` one of that job (and `-group`), else its id. */
export function chosenAlloc(session: NomadSession, operand: string): Promise<AllocAnswer> {
  return session.flags.on("job") ? allocOfJob(session, operand) : findAlloc(session, operand);
}

/** A running one, the newest of those. */
async function allocOfJob(session: NomadSession, job: string): Promise<AllocAnswer> {
  const all = valueOf(await session.nomad.jobs.allocations(job, { namespace: session.namespace }));
  const group = session.flags.value("group");
  const allocs = group === undefined ? all : all.filter(({ TaskGroup }) => TaskGroup === group);
  const newest = (some: readonly AllocStub[]): AllocStub | undefined =>
    some.toSorted((a, b) => b.CreateIndex - a.CreateIndex)[0];
  const chosen = newest(allocs.filter(({ ClientStatus }) => ClientStatus === "running")) ?? newest(allocs);
  if (chosen === undefined)
    throw new UsageError(`job "${job}" has no allocations${group === undefined ? "" : ` of group "${group}"`}`);
  return valueOf(await session.nomad.allocs.read(chosen.ID));
}

/** The task an operand or the allocation itself leaves no doubt about. */
export function taskOf(alloc: AllocAnswer, wanted: string | undefined): string {
  const names = Object.keys(alloc.AllocatedResources.Tasks);
  const known = names.length > 0 ? names : Object.keys(alloc.TaskStates);
  if (wanted !== undefined) {
    if (known.length === 0 || known.includes(wanted)) return wanted;
    throw new UsageError(`allocation ${alloc.ID.slice(0, 8)} has no task "${wanted}"; it has: ${known.join(", ")}`);
  }
  const [first] = known;
  if (first !== undefined && known.length === 1) return first;
  throw new UsageError(`allocation ${alloc.ID.slice(0, 8)} has several tasks; name one: ${known.join(", ")}`);
}
