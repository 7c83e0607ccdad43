import { readFileSync } from "node:fs";
import { sleep } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";

const PAUSE_MS = 500;

/** Waits until the agent of this machine answers. */
export async function agentAnswers(env: Env, timeoutMs: number): Promise<boolean> {
  const deadline = env.clock.monotonicMs() + timeoutMs;
  for (;;) {
    const url = "http://127.0.0.1:4646/v1/agent/health";
    const answer = await env.http.request({ url, timeoutMs: 2000 }).catch(() => undefined);
    answer?.abandon();
    if (answer?.status === 200) return true;
    if (env.clock.monotonicMs() > deadline) return false;
    await sleep(env.clock, PAUSE_MS);
  }
}

export async function failedUnits(env: Env): Promise<readonly string[]> {
  const listed = await env.exec.run(["systemctl", "--failed", "--plain", "--no-legend", "--no-pager"]);
  return listed.stdout
    .split("\n")
    .flatMap((line) => line.trim().split(/\s+/)[0] ?? [])
    .filter((unit) => unit !== "");
}

/** There is a way out of the local network. */
export function hasDefaultRoute(): boolean {
  try {
    const lines = readFileSync("/proc/net/route", "utf8").split("\n").slice(1);
    return lines.some((line) => line.split("\t")[1] === "00000000");
  } catch {
    return false;
  }
}
