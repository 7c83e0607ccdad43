import type { Life } from "../machine/life.ts";
import type { Network } from "./network.ts";

export interface DialOptions {
  readonly host: string;
  readonly port: number;
  readonly timeoutMs: number;
  readonly label: string;
}

export type Dialled<T> = { readonly ok: true; readonly found: T } | { readonly ok: false; readonly code: string };

const RETRY_MS = 500;

/**
 * Looks for what serves a port of a host: the first packet of a connection. A node that is down or cut off answers nothing
 * until the timeout; one that is up and does not listen refuses.
 */
export function dial<T>(
  from: Life,
  options: DialOptions & { readonly network: Network; readonly lookUp: (life: Life) => T | undefined },
): Promise<Dialled<{ readonly life: Life; readonly server: T }>> {
  const { network, host, port, timeoutMs, label, lookUp } = options;
  const untilMs = from.timeline.timeMs + timeoutMs;
  return new Promise((resolve) => {
    const attempt = (): void => {
      const node = network.resolve(host, from);
      if (node === undefined) {
        resolve({ ok: false, code: "ENOTFOUND" });
        return;
      }
      const { life } = node;
      const reachable = life !== undefined && network.passes(from, life) && network.passes(life, from);
      if (!reachable) {
        const leftMs = untilMs - from.timeline.timeMs;
        if (timeoutMs > 0 && leftMs <= 0) resolve({ ok: false, code: "ETIMEDOUT" });
        else from.schedule(timeoutMs > 0 ? Math.min(RETRY_MS, leftMs) : RETRY_MS, `${label} again`, attempt);
        return;
      }
      const server = lookUp(life);
      if (server === undefined) resolve({ ok: false, code: "ECONNREFUSED" });
      else resolve({ ok: true, found: { life, server } });
    };
    from.schedule(0.1, `${label} ${host}:${port}`, attempt);
  });
}
