import type { Env } from "#base/env/env.ts";
import type { Probe, ProbeLimits, ProbeResult } from "./probe.ts";

/** A datagram is sent: whoever answers, or stays silent until the time is over, is there; a refusal says that nobody is. */
export async function probeUdp(
  env: Env,
  { host, port }: Extract<Probe, { readonly kind: "udp" }>,
  { timeoutMs, signal }: ProbeLimits,
): Promise<ProbeResult> {
  const to = `${host.includes(":") ? `[${host}]` : host}:${port}`;
  const outcome = Promise.withResolvers<ProbeResult>();
  const pass = (how: string): void => outcome.resolve({ status: "passing", output: `UDP ${to}: ${how}` });
  const socket = await env.net.dial(
    { host, port },
    {
      onDatagram: () => pass("answered"),
      onRefused: (code) => outcome.resolve({ status: "critical", output: `UDP ${to}: ${code}` }),
    },
  );
  const timer = env.clock.after(timeoutMs, () => pass("nobody refused"));
  const stop = (): void => pass("not waited for");
  signal.addEventListener("abort", stop, { once: true });
  try {
    socket.send(new Uint8Array([10]));
    return await outcome.promise;
  } finally {
    timer.cancel();
    signal.removeEventListener("abort", stop);
    await socket.close();
  }
}
