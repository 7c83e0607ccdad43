import { sleep } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import { messageOf } from "#base/env/errors.ts";
import type { Alert } from "#base/protocol/alert.ts";
import type { AlertRule } from "./alert-rule.ts";

const ATTEMPTS = 3;
const FIRST_PAUSE_MS = 2000;
const TIMEOUT_MS = 10_000;

export type AlertKind = "transition" | "reminder";

/** Sends it everywhere the rule says; empty when it arrived everywhere, else what went wrong. Never rejects. */
export async function sendAlert(env: Env, rule: AlertRule, told: { readonly alert: Alert; readonly kind: AlertKind }) {
  const ways: readonly (readonly [string, () => Promise<void>])[] = [
    ...(rule.webhook === "" ? [] : [["webhook", () => post(env, rule.webhook, told)] as const]),
    ...(rule.slack === "" ? [] : [["slack", () => post(env, rule.slack, { text: sentence(told) })] as const]),
    ...(rule.command.length === 0 ? [] : [["command", () => run(env, rule.command, told)] as const]),
  ];
  const problems = await Promise.all(ways.map(async ([name, send]) => withRetries(env, name, send)));
  return problems.filter((problem) => problem !== "").join("; ");
}

/** One line for people. */
export function sentence({ alert, kind }: { readonly alert: Alert; readonly kind: AlertKind }): string {
  const what = alert.ServiceName === "" ? `node ${alert.Node}` : `service ${alert.ServiceName} on ${alert.Node}`;
  const how = `${alert.CheckName || alert.CheckID} of ${what} is ${kind === "reminder" ? "still " : ""}${alert.Status}`;
  const output = alert.Output.trim();
  return output === "" ? how : `${how}: ${output}`;
}

async function withRetries(env: Env, name: string, send: () => Promise<void>): Promise<string> {
  let problem = "";
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    if (attempt > 0) await sleep(env.clock, FIRST_PAUSE_MS * attempt);
    try {
      await send();
      return "";
    } catch (thrown) {
      problem = `${name}: ${messageOf(thrown)}`;
    }
  }
  return problem;
}

async function post(env: Env, url: string, body: unknown): Promise<void> {
  const headers = { "content-type": "application/json" };
  const options = { method: "POST", headers, body: JSON.stringify(body), timeoutMs: TIMEOUT_MS };
  const answer = await env.http.request({ url, ...options });
  answer.abandon();
  if (answer.status >= 300) throw new Error(`answered ${answer.status}`);
}

async function run(
  env: Env,
  argv: readonly string[],
  told: { readonly alert: Alert; readonly kind: AlertKind },
): Promise<void> {
  const input = JSON.stringify({ ...told, text: sentence(told) });
  const done = await env.exec.run(argv, { input, timeoutMs: TIMEOUT_MS, maxOutputBytes: 4096, leaveNothing: true });
  if (done.code !== 0 || done.signal !== 0) throw new Error(`exit code ${done.code}: ${done.stderr.trim()}`);
}
