import type { Env } from "#base/env/env.ts";
import { messageOf } from "#base/env/errors.ts";
import type { CheckStatus } from "#base/protocol/catalog.ts";
import type { Probe } from "./check-spec.ts";
import { probeHttp } from "./probe-http.ts";

export interface ProbeResult {
  readonly status: CheckStatus;
  readonly output: string;
}

export interface ProbeLimits {
  readonly timeoutMs: number;
  readonly maxOutputBytes: number;
  /** The check was removed: the result is not wanted any more. */
  readonly signal: AbortSignal;
}

/** A probe that the agent carries out; never rejects. */
export type ActiveProbe = Extract<Probe, { readonly kind: "tcp" | "http" | "script" }>;

export async function runProbe(env: Env, probe: ActiveProbe, limits: ProbeLimits): Promise<ProbeResult> {
  try {
    switch (probe.kind) {
      case "tcp":
        return await probeTcp(env, probe, limits);
      case "http":
        return await probeHttp(env, probe, limits);
      case "script":
        return await probeScript(env, probe, limits);
      default:
        return probe satisfies never;
    }
  } catch (thrown) {
    return { status: "critical", output: messageOf(thrown) };
  }
}

async function probeTcp(
  env: Env,
  { host, port }: Extract<Probe, { kind: "tcp" }>,
  { timeoutMs, signal }: ProbeLimits,
): Promise<ProbeResult> {
  const to = `${host.includes(":") ? `[${host}]` : host}:${port}`;
  try {
    const stream = await env.net.connect({ host, port, timeoutMs, signal });
    stream.onClose(() => {});
    stream.destroy();
    return { status: "passing", output: `TCP connect ${to}: Success` };
  } catch (thrown) {
    return { status: "critical", output: `TCP connect ${to}: ${messageOf(thrown)}` };
  }
}

/** Exit code 0 passes, 1 warns, anything else is critical. */
async function probeScript(
  env: Env,
  { argv }: Extract<Probe, { kind: "script" }>,
  { timeoutMs, maxOutputBytes, signal }: ProbeLimits,
): Promise<ProbeResult> {
  const done = await env.exec.run(argv, { timeoutMs, maxOutputBytes, signal });
  const output = `${done.stdout}${done.stderr}`;
  if (done.timedOut)
    return { status: "critical", output: `Timed out after ${timeoutMs} ms running the check\n${output}` };
  if (done.signal === 0 && done.code === 0) return { status: "passing", output };
  return { status: done.signal === 0 && done.code === 1 ? "warning" : "critical", output };
}
