/** What HAProxy's master says of itself and its workers. */
export interface Processes {
  readonly reloads: number;
  /** Reloads that failed since the last that did not. */
  readonly failed: number;
  /** Process id of the worker that has the sockets; 0: none. */
  readonly worker: number;
  /** Workers of older configurations that still have connections, the oldest first. */
  readonly old: readonly number[];
  readonly version: string;
}

/** Reads the answer to `show proc` (https://docs.haproxy.org/2.6/management.html#9.4). */
export function readProcesses(text: string): Processes | undefined {
  const master = /^\d+\s+master\s+(\d+)(?:\s+\[failed: (\d+)\])?\s+\S+\s+(\S+)/m.exec(text);
  if (master === null) return undefined;
  const [, reloads, failed = "0", version = ""] = master;
  const [current = "", old = ""] = text.split(/^# old workers$/m);
  const workers = (part: string): readonly (readonly [number, number])[] =>
    [...part.matchAll(/^(\d+)\s+worker\s+(\d+)/gm)].map((match) => [Number(match[1]), Number(match[2])]);
  const aged = workers(old).toSorted((a, b) => b[1] - a[1]);
  return {
    reloads: Number(reloads),
    failed: Number(failed),
    version,
    worker: workers(current)[0]?.[0] ?? 0,
    old: aged.map(([pid]) => pid),
  };
}
