import { existsSync } from "node:fs";
import { sleep } from "#base/env/clock.ts";
import type { AgentConfig } from "#base/language/agent-config/config.ts";
import type { SystemEnv } from "#base/platform/create-env.ts";
import { addressesOf } from "../agent/addresses.ts";
import type { Invocation } from "../command/command.ts";

const UNIT = "lares.service";
/** Longer than an agent takes to come up on a small machine. */
const START_MS = 30_000;
const PAUSE_MS = 100;

/** Starts the agent where systemd knows it, and waits until it answers; says how to start it elsewhere. */
export async function startAgentHere(
  { env, config, path }: { readonly env: SystemEnv; readonly config: AgentConfig; readonly path: string },
  { output, flags }: Pick<Invocation, "output" | "flags">,
): Promise<boolean> {
  const hasUnit = existsSync("/run/systemd/system") && (await env.exec.run(["systemctl", "cat", UNIT])).code === 0;
  if (flags.on("no-start") || !hasUnit) {
    output.error(`start its agent now: lares agent -config ${path}`);
    return true;
  }
  const started = await env.exec.run(["systemctl", "enable", "--now", UNIT]);
  if (started.code !== 0) {
    output.error(`systemd does not start ${UNIT}: look at \`journalctl -u lares\``);
    return false;
  }
  const { http } = addressesOf(config, env.net);
  const host = http.split(/\s+/)[0]?.replace("0.0.0.0", "127.0.0.1") ?? "127.0.0.1";
  const url = `${config.tls.http ? "https" : "http"}://${host}:${config.ports.http}/v1/agent/health`;
  const deadline = env.clock.monotonicMs() + START_MS;
  while (env.clock.monotonicMs() < deadline) {
    const answer = await env.http.request({ url, timeoutMs: 1000, tls: { verify: false } }).catch(() => undefined);
    answer?.abandon();
    if (answer?.status === 200) return true;
    await sleep(env.clock, PAUSE_MS);
  }
  output.error("its agent was started and does not answer yet: look at `journalctl -u lares`");
  return false;
}
