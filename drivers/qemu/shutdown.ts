import { join } from "node:path/posix";
import { sleep } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import type { StopOptions } from "../driver.ts";
import type { Processes } from "../process/processes.ts";
import { signalNumber } from "../process/signals.ts";
import { openAgent } from "./guest-agent.ts";
import { askMonitor, sayToMonitor } from "./monitor.ts";
import { RUN_FILES, SNAPSHOT, type GuestState } from "./run-folder.ts";

/** A guest that has not booted yet hears neither the agent's call nor the button: both are tried again. */
const ASK_AGAIN_MS = 1500;
const AGENT_ANSWER_MS = 500;
const MONITOR_ANSWER_MS = 2000;
const SIGKILL = 9;
/** For QEMU to be gone after it was killed. */
const KILL_TIMEOUT_MS = 10_000;

/** Lets the guest save its work, or saves the guest; what still runs when the time is up loses its power. */
export async function stopGuest(
  { env, processes }: { readonly env: Env; readonly processes: Processes },
  state: GuestState,
  { killSignal, killTimeoutMs }: StopOptions,
): Promise<void> {
  const over = new AbortController();
  let hasEnded = false;
  const ended = processes.wait(state, over.signal).then(({ kind }) => {
    hasEnded = kind !== "aborted";
    if (hasEnded) over.abort();
  });
  const timer = env.clock.after(killTimeoutMs, () => over.abort());
  try {
    const isHard = signalNumber(killSignal) === SIGKILL;
    if (!isHard && state.savesOnStop) await save(env, state, killTimeoutMs);
    while (!isHard && state.isGraceful && !over.signal.aborted) {
      await askToEnd(env, state);
      await Promise.race([ended, sleep(env.clock, ASK_AGAIN_MS, over.signal)]);
    }
  } finally {
    timer.cancel();
    over.abort();
  }
  await ended;
  const killTimeout = Math.min(killTimeoutMs, KILL_TIMEOUT_MS);
  // Without grace QEMU itself gets the signal, and ends at once: the guest's power is cut.
  const signal = state.isGraceful ? "SIGKILL" : killSignal;
  await processes.stop(state, { killSignal: signal, killTimeoutMs: killTimeout });
}

/** The agent first, since it needs no help of the guest's desktop or init; else the power button (ACPI). */
async function askToEnd(env: Env, { folder, hasAgent }: GuestState): Promise<void> {
  if (hasAgent) {
    const agent = await openAgent(env, join(folder, RUN_FILES.agent), AGENT_ANSWER_MS);
    if (agent.ok) {
      await agent.value.tell("guest-shutdown", { mode: "powerdown" });
      agent.value.close();
      return;
    }
  }
  const monitor = join(folder, RUN_FILES.monitor);
  await askMonitor(env, monitor, { name: "system_powerdown", timeoutMs: MONITOR_ANSWER_MS });
}

/** The whole machine, as it is, into its own disks: the next start goes on from there. */
async function save(env: Env, { folder }: GuestState, timeoutMs: number): Promise<void> {
  const monitor = join(folder, RUN_FILES.monitor);
  const saved = await sayToMonitor(env, monitor, { line: `savevm ${SNAPSHOT}`, timeoutMs });
  if (saved.ok) await askMonitor(env, monitor, { name: "quit" });
  else env.log.warn("a guest was not saved, and is shut down instead", { reason: saved.error.message });
}
