import type { Job } from "#base/protocol/job.ts";

/**
 * Why a stored job cannot become this one; undefined: it can. Its kind decides which scheduler looks after its allocations,
 * so it stays what it is until it is purged.
 */
export function transitionProblem(before: Job, after: Job): string | undefined {
  if (before.Type !== after.Type) return `cannot update job from type "${before.Type}" to "${after.Type}"`;
  if (before.Dispatched) return "job can't be submitted with 'Dispatched' set: dispatch its parent again";
  const periodic = change(before.Periodic !== null, after.Periodic !== null, "periodic");
  return periodic ?? change(before.ParameterizedJob !== null, after.ParameterizedJob !== null, "parameterized");
}

function change(was: boolean, is: boolean, what: string): string | undefined {
  if (was === is) return undefined;
  return was ? `cannot update ${what} job to being non-${what}` : `cannot update non-${what} job to being ${what}`;
}
