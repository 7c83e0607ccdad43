import { textOf } from "#base/env/bytes.ts";
import type { Env } from "#base/env/env.ts";
import type { Pending } from "./state-folder.ts";

/** Which start of the machine this is, and how long ago: the same for all processes, whatever the clock says. */
export async function machineTime(env: Env): Promise<{ readonly bootId: string; readonly upMs: number }> {
  const [bootId, uptime] = [
    await env.disk.read("/proc/sys/kernel/random/boot_id"),
    await env.disk.read("/proc/uptime"),
  ].map((read) => (read === undefined ? "" : textOf(read).trim()));
  return { bootId: bootId ?? "", upMs: Math.round(Number.parseFloat(uptime ?? "") * 1000) || 0 };
}

/** Until a change is taken back; 0: it is due. After a restart of the machine nobody can have seen that it works. */
export async function leftMs(env: Env, pending: Pending): Promise<number> {
  const { bootId, upMs } = await machineTime(env);
  return pending.bootId === bootId ? Math.max(0, pending.deadlineMs - upMs) : 0;
}
