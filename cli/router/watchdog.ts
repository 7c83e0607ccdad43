import { sleep } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import { selfCommand } from "#base/platform/embedded/self.ts";
import { CONFIRM_WITHIN_MS, rollBack } from "#daemons/router/apply/transaction.ts";
import { oneOperand, withMachine } from "./machine.ts";

/** After the deadline, so that a confirmation in the last moment is seen first. */
const GRACE_MS = 200;
const TRIES = 5;
const RETRY_MS = 2000;

/** `ID`: waits by a clock that nobody sets, then takes that change back if it still waits. */
export const watchdog = withMachine(async (invocation) => {
  const { machine, flags } = invocation;
  const id = oneOperand(invocation, "change");
  const ms = Number(flags.value("within") ?? CONFIRM_WITHIN_MS);
  const alive = setInterval(() => {}, ms + GRACE_MS);
  try {
    await sleep(machine.env.clock, ms + GRACE_MS);
    for (let attempt = 1; attempt <= TRIES; attempt++) {
      if ((await rollBack(machine, id)).ok) return 0;
      await sleep(machine.env.clock, RETRY_MS);
    }
    return 1;
  } finally {
    clearInterval(alive);
  }
});

interface Watch {
  readonly id: string;
  readonly withinMs: number;
  readonly dir: string;
  readonly environment: Readonly<Record<string, string>>;
}

/** In a session of its own: it outlives who starts it, and its terminal. */
export async function startWatchdog(env: Env, { id, withinMs, dir, environment }: Watch): Promise<void> {
  await env.exec.spawn([...selfCommand(), "router", "watchdog", "-state", dir, "-within", String(withinMs), id], {
    env: environment,
    stdout: "ignore",
    stderr: "ignore",
    stdin: "ignore",
    detached: true,
  });
}
