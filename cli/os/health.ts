import { readFileSync } from "node:fs";
import * as v from "valibot";
import { sleep } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import { AWAITS } from "../agent/await-file.ts";

const PAUSE_MS = 500;
const API = "http://127.0.0.1:4646/v1";
const MAX_ANSWER_BYTES = 1024;

/** Waits until the agent of this machine answers. */
export async function agentAnswers(env: Env, timeoutMs: number): Promise<boolean> {
  const deadline = env.clock.monotonicMs() + timeoutMs;
  for (;;) {
    const answer = await env.http.request({ url: `${API}/agent/health`, timeoutMs: 2000 }).catch(() => undefined);
    answer?.abandon();
    if (answer?.status === 200) return true;
    if (env.clock.monotonicMs() > deadline) return false;
    await sleep(env.clock, PAUSE_MS);
  }
}

/** Why the agent is not there, as it said it when it ended last (`ERROR` of the command line); undefined: it said nothing. */
export async function agentsLastWords(env: Pick<Env, "exec">): Promise<string | undefined> {
  const argv = ["journalctl", "--unit=lares.service", "--boot", "--lines=40", "--output=cat", "--no-pager"];
  const { stdout } = await env.exec.run(argv);
  return stdout
    .split("\n")
    .findLast((line) => line.startsWith("lares: ") && !line.startsWith(AWAITS))
    ?.slice("lares: ".length);
}

/** Waits until the agent, a server or not, is in touch with a cluster that has a leader. */
export async function clusterAnswers(env: Env, timeoutMs: number): Promise<boolean> {
  const deadline = env.clock.monotonicMs() + timeoutMs;
  for (;;) {
    if (await knowsLeader(env).catch(() => false)) return true;
    if (env.clock.monotonicMs() > deadline) return false;
    await sleep(env.clock, PAUSE_MS);
  }
}

async function knowsLeader({ http }: Env): Promise<boolean> {
  const answer = await http.request({ url: `${API}/status/leader`, timeoutMs: 5000 });
  const text = await answer.text(MAX_ANSWER_BYTES);
  return answer.status === 200 && v.parse(v.string(), JSON.parse(text)) !== "";
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
