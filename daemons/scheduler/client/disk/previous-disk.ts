import { join } from "node:path/posix";
import { sleep } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import { messageOf } from "#base/env/errors.ts";
import type { ServerLink } from "../../link.ts";
import { inheritDisk } from "../alloc/alloc-dir.ts";
import type { AllocRunner } from "../alloc/alloc-runner.ts";
import { groupOf } from "../alloc/group-tasks.ts";
import type { Happening } from "../task/task-event.ts";
import { fetchDisk } from "./fetch-disk.ts";

export interface Predecessors {
  readonly env: Env;
  readonly link: Pick<ServerLink, "previousDisk">;
  /** Those of this node. */
  readonly runners: ReadonlyMap<string, AllocRunner>;
  readonly nodeId: () => string;
  /** Whether the agent goes away. */
  readonly signal: AbortSignal;
}

/** A node that cannot be reached is asked so often; then the allocation begins with an empty disk. */
const ATTEMPTS = 3;
const AGAIN_MS = 5000;

/**
 * Starts an allocation once what it replaces has ended: on this node that may hold its ports and memory, and with a
 * `sticky` or migrated disk its data is taken over first. Whatever an agent before did of it is not done again.
 */
export async function startAfter(predecessors: Predecessors, runner: AllocRunner): Promise<void> {
  const { runners, env } = predecessors;
  const { PreviousAllocation, PreemptedAllocations } = runner.current.alloc;
  const before = [PreviousAllocation, ...(PreemptedAllocations ?? [])].flatMap((id) => runners.get(id) ?? []);
  await Promise.all(before.filter((each) => !each.isTerminal()).map((each) => each.stop()));
  const disk = groupOf(runner.current)?.EphemeralDisk;
  const previous = runners.get(PreviousAllocation);
  if (previous !== undefined && (disk?.Sticky === true || disk?.Migrate === true)) {
    const names = [...runner.tasks.keys()];
    await inheritDisk(env.disk, names, { from: previous.dir, to: runner.dir });
  } else if (PreviousAllocation !== "" && disk?.Migrate === true) {
    await migrate(predecessors, runner, disk.SizeMB ?? 0);
  }
  // One that is to end does so by its start, for which somebody may wait.
  if (!predecessors.signal.aborted || runner.stopping) await runner.start();
}

/** Whether an agent before died before the allocation had its folders: then what it replaces is still to be waited for. */
export async function isUnbuilt({ disk }: Pick<Env, "disk">, runner: AllocRunner): Promise<boolean> {
  if (runner.isTerminal()) return false;
  // The last folder that is made of it.
  return (await disk.stat(join(runner.dir.shared, "tmp"))) === undefined;
}

/** From another node: `ephemeral_disk` with `migrate`. Without it the allocation begins with an empty disk, and says so. */
async function migrate(predecessors: Predecessors, runner: AllocRunner, sizeMb: number): Promise<void> {
  const { env, link, signal, nodeId } = predecessors;
  const tell = (happening: Happening): void => {
    for (const task of runner.tasks.values()) task.send({ kind: "note", happening });
  };
  const { ID, PreviousAllocation } = runner.current.alloc;
  if (link.previousDisk === undefined) return tell(startsEmpty("these servers do not know how"));
  let why = "";
  let waits = false;
  for (let attempt = 0; attempt < ATTEMPTS && !signal.aborted && !runner.stopping;) {
    try {
      const answer = await link.previousDisk({ nodeId: nodeId(), allocId: ID, signal });
      if (answer.kind === "running") {
        if (!waits) tell(waiting(PreviousAllocation));
        waits = true;
        await sleep(env.clock, WAIT_MS, signal);
        continue;
      }
      if (answer.kind === "gone") return tell(startsEmpty(answer.why));
      const maxBytes = sizeMb * 1024 * 1024;
      const tasks = [...runner.tasks.keys()];
      const done = await fetchDisk(env, { body: answer.body, dir: runner.dir, tasks, maxBytes, signal });
      if (done.ok) return tell(migrated(PreviousAllocation, done.value.bytes));
      why = done.error.message;
      if (done.error.code === "TOO_LARGE") break;
    } catch (thrown) {
      why = messageOf(thrown);
    }
    attempt += 1;
    if (attempt < ATTEMPTS) await sleep(env.clock, AGAIN_MS, signal);
  }
  if (!signal.aborted) tell(startsEmpty(why));
}

const WAIT_MS = 1000;

function waiting(previous: string): Happening {
  const message = `Waiting for allocation ${previous.slice(0, 8)} to end before its disk is taken over`;
  return { Type: "Task Setup", DisplayMessage: message, Message: message };
}

function migrated(previous: string, bytes: number): Happening {
  const message = `Took over the disk of allocation ${previous.slice(0, 8)} (${(bytes / 1e6).toFixed(1)} MB)`;
  return { Type: "Task Setup", DisplayMessage: message, Message: message };
}

function startsEmpty(why: string): Happening {
  const message = `The disk of the allocation before could not be taken over: ${why}; beginning with an empty one`;
  return { Type: "Task Setup", DisplayMessage: message, Message: message };
}
