import type { Env } from "#base/env/env.ts";
import { messageOf } from "#base/env/errors.ts";
import type { Probe, ProbeLimits, ProbeResult } from "./probe.ts";
import { readNodeHealth } from "./node-health.ts";
import { probeH2 } from "./probe-h2.ts";
import { probeHttp } from "./probe-http.ts";
import { probeDocker, probeOsService, probeScript } from "./probe-program.ts";
import { probeUdp } from "./probe-udp.ts";

/** A probe that the agent carries out; never rejects. */
export type ActiveProbe = Extract<
  Probe,
  { readonly kind: "tcp" | "udp" | "http" | "h2ping" | "grpc" | "script" | "docker" | "os_service" | "node" }
>;

export async function runProbe(env: Env, probe: ActiveProbe, limits: ProbeLimits): Promise<ProbeResult> {
  try {
    switch (probe.kind) {
      case "tcp":
        return await probeTcp(env, probe, limits);
      case "http":
        return await probeHttp(env, probe, limits);
      case "script":
        return await probeScript(env, probe, limits);
      case "docker":
        return await probeDocker(env, probe, limits);
      case "os_service":
        return await probeOsService(env, probe, limits);
      case "udp":
        return await probeUdp(env, probe, limits);
      case "h2ping":
      case "grpc":
        return await probeH2(env, probe, limits);
      case "node":
        return await readNodeHealth(env, probe.check, probe.folder);
      default:
        return probe satisfies never;
    }
  } catch (thrown) {
    return { status: "critical", output: messageOf(thrown) };
  }
}

async function probeTcp(
  env: Env,
  { host, port, tls }: Extract<Probe, { kind: "tcp" }>,
  { timeoutMs, signal }: ProbeLimits,
): Promise<ProbeResult> {
  const to = `${host.includes(":") ? `[${host}]` : host}:${port}`;
  try {
    const stream = await env.net.connect({ host, port, timeoutMs, signal, ...(tls === undefined ? {} : { tls }) });
    stream.onClose(() => {});
    stream.destroy();
    return { status: "passing", output: `TCP connect ${to}: Success` };
  } catch (thrown) {
    return { status: "critical", output: `TCP connect ${to}: ${messageOf(thrown)}` };
  }
}
