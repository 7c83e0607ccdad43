import type { AllocStub } from "#base/client/nomad-answers.ts";
import { sleep } from "#base/env/clock.ts";
import { CodedError, messageOf } from "#base/env/errors.ts";
import { valueOf } from "../api/answer.ts";
import { withNomad, type NomadSession } from "../api/session.ts";
import { isAgreed } from "../command/ask.ts";
import { isForPrograms, printed } from "../print/show.ts";
import { shortId } from "../print/time.ts";
import { findJob } from "./find-job.ts";
import { replaceAlloc, restartAlloc } from "./restart-alloc.ts";
import { restartOptions, type RestartOptions } from "./restart-options.ts";

const OTHERWISE = "Say beforehand: -yes goes on, -on-error=fail stops, -batch-wait=DURATION waits.";

/**
 * Restarts the tasks of a job's running allocations, a batch after the other; each batch is waited for. With
 * `-reschedule` allocations are replaced instead. Exit code 1: some could not be restarted.
 */
export const restart = withNomad(async (session) => {
  const { nomad, output, operands, flags } = session;
  const options = restartOptions(flags);
  const { id, namespace } = await findJob(session, operands[0]);
  const all = valueOf(await nomad.jobs.allocations(id, { namespace }));
  const chosen = chosenOf(all, options);
  const done: string[] = [];
  const failed: string[] = [];
  const size = options.batchOf(chosen.length);
  for (let at = 0; at < chosen.length; at += size) {
    if (at > 0 && !(await goesOn(session, options, chosen.length - at))) break;
    const batch = chosen.slice(at, at + size);
    const said = await Promise.all(batch.map((alloc) => one(session, alloc, options)));
    for (const [place, mistake] of said.entries()) (mistake === "" ? done : failed).push(batch[place]?.ID ?? "");
    const mistakes = said.filter((mistake) => mistake !== "");
    for (const mistake of mistakes) output.error(mistake);
    if (mistakes.length > 0 && at + size < chosen.length && !(await staysOn(options))) break;
  }
  if (!(await printed(session, { Restarted: done, Failed: failed })))
    output.line(
      chosen.length === 0
        ? `Job "${id}" has no running allocations`
        : `${done.length} of ${chosen.length} allocations ${options.reschedule ? "rescheduled" : "restarted"}`,
    );
  return done.length === chosen.length ? 0 : 1;
});

/** What went wrong with it; empty: nothing. */
async function one(session: NomadSession, alloc: AllocStub, options: RestartOptions): Promise<string> {
  const say = (text: string): void => {
    if (!isForPrograms(session)) session.output.line(text);
  };
  const name = `Allocation "${shortId(alloc.ID)}"`;
  try {
    if (options.reschedule) {
      const replacement = await replaceAlloc(session, alloc, options);
      say(`${name} rescheduled: "${shortId(replacement.ID)}" runs on node "${replacement.NodeName}"`);
    } else {
      await restartAlloc(session, alloc, options);
      say(`${name} restarted`);
    }
    return "";
  } catch (error) {
    return `${name}: ${messageOf(error)}`;
  }
}

/** Running allocations of the groups and with the tasks asked for. Throws for names that are nowhere. */
function chosenOf(all: readonly AllocStub[], { groups, tasks }: RestartOptions): readonly AllocStub[] {
  const running = all.filter((alloc) => alloc.ClientStatus === "running" && alloc.DesiredStatus === "run");
  refuseUnknown("group", { wanted: groups, known: running.map(({ TaskGroup }) => TaskGroup) });
  const inGroups = running.filter(({ TaskGroup }) => groups.length === 0 || groups.includes(TaskGroup));
  refuseUnknown("task", { wanted: tasks, known: inGroups.flatMap(({ TaskStates }) => Object.keys(TaskStates)) });
  return inGroups.filter(({ TaskStates }) => tasks.length === 0 || tasks.some((task) => task in TaskStates));
}

function refuseUnknown(
  kind: string,
  { wanted, known }: { readonly wanted: readonly string[]; readonly known: readonly string[] },
): void {
  const names = [...new Set(known)].toSorted().join(", ");
  for (const name of wanted)
    if (!known.includes(name))
      throw new CodedError(
        "missing",
        `no running allocation has a ${kind} "${name}"`,
        `There are: ${names || "none"}.`,
      );
}

async function goesOn({ env }: NomadSession, { waitMs }: RestartOptions, left: number): Promise<boolean> {
  if (waitMs === "ask") return isAgreed(`Go on with the next batch? ${left} allocations are left.`, OTHERWISE);
  if (waitMs > 0) await sleep(env.clock, waitMs);
  return true;
}

async function staysOn({ onError }: RestartOptions): Promise<boolean> {
  return onError === "ask" ? isAgreed("Go on with the next batch all the same?", OTHERWISE) : onError === "go on";
}
