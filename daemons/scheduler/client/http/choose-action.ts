import { HttpError } from "#base/http/http-error.ts";
import { nearest } from "#base/language/nearest.ts";
import type { AllocRunner } from "../alloc/alloc-runner.ts";
import { groupOf } from "../alloc/group-tasks.ts";
import { interpolate } from "../alloc/interpolate.ts";
import type { ClientHttpDeps } from "./client-deps.ts";

/** What of an action is asked for; empty means any. */
export interface ActionQuery {
  readonly namespace: string;
  readonly job: string;
  readonly action: string;
  readonly allocID: string;
  readonly group: string;
  readonly task: string;
}

interface Choice {
  readonly runner: AllocRunner;
  readonly task: string;
  readonly command: readonly string[];
}

/** The action, in the allocation that was named, else in a running one. Throws what is wrong with the query. */
export function chooseAction({ client }: ClientHttpDeps, query: ActionQuery): Choice {
  if (query.action === "") throw new HttpError(400, "name the action: action=NAME");
  const ofJob = [...client.runners().values()].filter(({ current: { alloc } }) => isMeant(alloc, query));
  if (ofJob.length === 0) {
    throw new HttpError(404, `this node runs no allocation of job ${JSON.stringify(query.job)} that this would be for`);
  }
  const all = ofJob.flatMap(actionsOf);
  const named = all.filter(({ name, task }) => name === query.action && (query.task === "" || task === query.task));
  const running = named.find(({ runner, task }) => runner.tasks.get(task)?.record().phase.kind === "running");
  const chosen = running ?? named[0];
  if (chosen !== undefined) return chosen;
  const names = [...new Set(all.map(({ name }) => name))];
  const close = nearest(query.action, names);
  const hint = close !== undefined ? `did you mean ${close}?` : `its actions: ${names.join(", ") || "none"}`;
  throw new HttpError(404, `job ${JSON.stringify(query.job)} has no action ${JSON.stringify(query.action)} (${hint})`);
}

function isMeant(alloc: AllocRunner["current"]["alloc"], query: ActionQuery): boolean {
  return (
    alloc.Namespace === query.namespace &&
    alloc.JobID === query.job &&
    (query.allocID === "" || alloc.ID === query.allocID) &&
    (query.group === "" || alloc.TaskGroup === query.group)
  );
}

function actionsOf(runner: AllocRunner): (Choice & { readonly name: string })[] {
  return (groupOf(runner.current)?.Tasks ?? []).flatMap((task) => {
    const lookup = runner.taskLookup(task) ?? (() => undefined);
    return task.Actions.map(({ Name, Command, Args }) => ({
      name: Name,
      runner,
      task: task.Name,
      command: [Command, ...Args].map((word) => interpolate(word, lookup)),
    }));
  });
}
