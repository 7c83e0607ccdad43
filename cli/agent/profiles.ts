import type { AgentProfiles } from "#daemons/scheduler/http/agent-operations.ts";

/** One profile at a time: two would measure each other. */
export function processProfiles(): AgentProfiles {
  let queue: Promise<unknown> = Promise.resolve();
  const inTurn = (measure: () => Promise<string>): Promise<string> => {
    const turn = queue.then(measure);
    queue = turn.catch(() => undefined);
    return turn;
  };
  return {
    commandLine: () => process.argv.join("\0"),
    handles: () => `${process.getActiveResourcesInfo().join("\n")}\n`,
    cpu: (seconds, signal) =>
      inTurn(async () => {
        // Only who measures pays for the inspector.
        const { Session } = await import("node:inspector/promises");
        const session = new Session();
        session.connect();
        try {
          await session.post("Profiler.enable");
          await session.post("Profiler.start");
          await pause(seconds, signal);
          return JSON.stringify((await session.post("Profiler.stop")).profile);
        } finally {
          session.disconnect();
        }
      }),
    heap: (seconds, signal) =>
      inTurn(async () => {
        const { Session } = await import("node:inspector/promises");
        const session = new Session();
        session.connect();
        try {
          await session.post("HeapProfiler.startSampling");
          await pause(seconds, signal);
          return JSON.stringify((await session.post("HeapProfiler.stopSampling")).profile);
        } finally {
          session.disconnect();
        }
      }),
  };
}

async function pause(seconds: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, seconds * 1000);
    signal.addEventListener("abort", end, { once: true });
  });
}
