import type { Env } from "#base/env/env.ts";
import type { RunResult } from "#base/env/exec.ts";
import type { Probe, ProbeLimits, ProbeResult } from "./probe.ts";

type Of<Kind extends Probe["kind"]> = Extract<Probe, { readonly kind: Kind }>;

/** Exit code 0 passes, 1 warns, anything else is critical: as Nagios's plugins have it. */
export async function probeScript(env: Env, { argv }: Of<"script">, limits: ProbeLimits): Promise<ProbeResult> {
  const done = await run(env, argv, limits);
  return resultOf(done, { text: `${done.stdout}${done.stderr}`, timeoutMs: limits.timeoutMs });
}

/** A program inside a running container. */
export async function probeDocker(env: Env, probe: Of<"docker">, limits: ProbeLimits): Promise<ProbeResult> {
  const { container, argv } = probe;
  const done = await run(env, ["docker", "exec", container, ...argv], limits);
  return resultOf(done, { text: `${done.stdout}${done.stderr}`, timeoutMs: limits.timeoutMs });
}

/** What systemd says of a unit. */
export async function probeOsService(env: Env, { unit }: Of<"os_service">, limits: ProbeLimits): Promise<ProbeResult> {
  const done = await run(env, ["systemctl", "is-active", "--", unit], limits);
  const state = done.stdout.trim() || done.stderr.trim() || "unknown";
  const output = `service ${unit} is ${state}`;
  if (done.code === 0 && done.signal === 0) return { status: "passing", output };
  return { status: state === "activating" || state === "reloading" ? "warning" : "critical", output };
}

function run(env: Env, argv: readonly string[], limits: ProbeLimits): Promise<RunResult> {
  return env.exec.run(argv, { ...limits, leaveNothing: true });
}

function resultOf(
  done: RunResult,
  { text, timeoutMs }: { readonly text: string; readonly timeoutMs: number },
): ProbeResult {
  if (done.timedOut)
    return { status: "critical", output: `Timed out after ${timeoutMs} ms running the check\n${text}` };
  if (done.signal === 0 && done.code === 0) return { status: "passing", output: text };
  return { status: done.signal === 0 && done.code === 1 ? "warning" : "critical", output: text };
}
