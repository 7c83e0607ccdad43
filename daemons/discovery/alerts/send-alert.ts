import { sleep } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import { messageOf } from "#base/env/errors.ts";
import type { Alert } from "#base/protocol/alert.ts";
import type { AlertRule } from "./alert-rule.ts";
import { sendMail, type MailRoute } from "./send-mail.ts";

const ATTEMPTS = 3;
const FIRST_PAUSE_MS = 2000;
const TIMEOUT_MS = 10_000;
const MAX_SUBJECT = 150;

export type AlertKind = "transition" | "reminder";

interface Told {
  readonly alert: Alert;
  readonly kind: AlertKind;
}

export interface AlertSender {
  readonly env: Env;
  /** Where messages wait while they are sent. */
  readonly folder: string;
}

/** Sends it everywhere the rule says; empty when it arrived everywhere, else what went wrong. Never rejects. */
export async function sendAlert({ env, folder }: AlertSender, rule: AlertRule, told: Told): Promise<string> {
  const { email } = rule;
  const ways: readonly (readonly [string, () => Promise<void>])[] = [
    ...(rule.webhook === "" ? [] : [["webhook", () => post(env, rule.webhook, told)] as const]),
    ...(rule.slack === "" ? [] : [["slack", () => post(env, rule.slack, { text: sentence(told) })] as const]),
    ...(email === undefined ? [] : [["email", () => mail({ env, folder }, email, told)] as const]),
    ...(rule.command.length === 0 ? [] : [["command", () => run(env, rule.command, told)] as const]),
  ];
  const problems = await Promise.all(ways.map(async ([name, send]) => withRetries(env, name, send)));
  return problems.filter((problem) => problem !== "").join("; ");
}

/** One line for people. */
export function sentence({ alert, kind }: Told): string {
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

/** The first line of the sentence is the subject. */
async function mail({ env, folder }: AlertSender, route: MailRoute, told: Told): Promise<void> {
  const text = sentence(told);
  const [first = ""] = text.split("\n");
  const subject = `[${told.alert.Status}] ${first.slice(0, MAX_SUBJECT)}`;
  const { Rule, Node, ServiceName, CheckID } = told.alert;
  const facts = [
    `rule: ${Rule}`,
    `node: ${Node}`,
    ...(ServiceName === "" ? [] : [`service: ${ServiceName}`]),
    `check: ${CheckID}`,
  ];
  await sendMail(env, route, { subject, text: `${text}\n\n${facts.join("\n")}\n`, folder });
}

async function run(env: Env, argv: readonly string[], told: Told): Promise<void> {
  const input = JSON.stringify({ ...told, text: sentence(told) });
  const done = await env.exec.run(argv, { input, timeoutMs: TIMEOUT_MS, maxOutputBytes: 4096, leaveNothing: true });
  if (done.code !== 0 || done.signal !== 0) throw new Error(`exit code ${done.code}: ${done.stderr.trim()}`);
}
