import { fail, succeed, type Result } from "#base/env/errors.ts";
import { withLock } from "./lock.ts";
import { leftMs, machineTime } from "./machine-time.ts";
import type { Machine } from "./machine.ts";
import { reconcile, type Outcome } from "./reconcile.ts";
import type { Pending } from "./state-folder.ts";

export const CONFIRM_WITHIN_MS = 60_000;

export interface Applied extends Outcome {
  readonly pending: Pending;
}

/**
 * Puts a configuration into force until somebody confirms it. What was in force before is kept beside it from the first
 * write on, so whoever finds this half done can go back; `guard` starts who looks, before the first step. A step that
 * fails takes everything back at once.
 */
export function applyConfig(
  machine: Machine,
  text: string,
  { withinMs, guard }: { readonly withinMs: number; readonly guard: (id: string) => Promise<void> },
): Promise<Result<Applied>> {
  const { env, state } = machine;
  return locked(machine, async () => {
    const waiting = await state.readPending();
    if (waiting !== undefined)
      return fail(
        "router_pending",
        "an earlier change still waits for its confirmation",
        "lares router confirm, or lares router rollback",
      );
    const previous = await state.readActive();
    if (previous !== undefined) await state.writePrevious(previous);
    const { bootId, upMs } = await machineTime(env);
    const pending: Pending = {
      id: Buffer.from(env.random.bytes(8)).toString("hex"),
      deadlineMs: upMs + withinMs,
      bootId,
      hadPrevious: previous !== undefined,
    };
    await state.writePending(pending);
    await guard(pending.id);
    await state.writeActive(text);
    const done = await reconcile(machine);
    if (done.ok) return succeed({ ...done.value, pending });
    const { error } = done;
    const back = await takeBack(machine, pending);
    const after = back.ok ? "everything is as it was" : `and going back failed too: ${back.error.message}`;
    return fail(error.code, `${error.message}; ${after}`, error.hint);
  });
}

/** The change stays. */
export function confirmConfig(machine: Machine): Promise<Result<void>> {
  return locked(machine, async () => {
    const pending = await machine.state.readPending();
    if (pending === undefined)
      return fail(
        "router_nothing",
        "no change waits for confirmation",
        "it may have been taken back: lares router status",
      );
    await machine.state.removePending();
    return succeed(undefined);
  });
}

/** The change goes: with an `id`, only if it is still that one that waits. False: there was none. */
export function rollBack(machine: Machine, id?: string): Promise<Result<boolean>> {
  return locked(machine, async () => {
    const pending = await machine.state.readPending();
    if (pending === undefined || (id !== undefined && pending.id !== id)) return succeed(false);
    const back = await takeBack(machine, pending);
    return back.ok ? succeed(true) : back;
  });
}

/** Makes the machine follow what is in force, after going back if a change is overdue. */
export function reconcileNow(machine: Machine): Promise<Result<Outcome>> {
  return locked(machine, async () => {
    const { env, state } = machine;
    const pending = await state.readPending();
    if (pending !== undefined && (await leftMs(env, pending)) === 0) {
      env.log.warn("a change of the router was not confirmed in time and is taken back");
      return takeBack(machine, pending);
    }
    return reconcile(machine);
  });
}

async function takeBack(machine: Machine, pending: Pending): Promise<Result<Outcome>> {
  const { state } = machine;
  const previous = pending.hadPrevious ? await state.readPrevious() : undefined;
  if (previous === undefined) await state.removeActive();
  else await state.writeActive(previous);
  const done = await reconcile(machine);
  // Only now: who comes after a crash in between goes back once more.
  if (done.ok) await state.removePending();
  return done;
}

async function locked<T>(machine: Machine, work: () => Promise<Result<T>>): Promise<Result<T>> {
  await machine.state.prepare();
  return withLock(machine.env, machine.state.at("lock"), work);
}
