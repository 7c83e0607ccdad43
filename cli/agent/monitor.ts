import { utf8 } from "#base/env/bytes.ts";
import type { LogEntry, LogFeed } from "#base/env/log.ts";
import type { MonitorRequest } from "#daemons/scheduler/http/agent-operations.ts";
import { formatJson, formatText } from "#base/platform/log-format.ts";

/** Entries a slow reader may be behind; more are dropped, and the reader is told how many. */
const MAX_BEHIND = 1024;

/** The agent's log from now on, line by line, until the signal aborts. */
export async function* monitorLog(feed: LogFeed, { level, json, signal }: MonitorRequest): AsyncIterable<Uint8Array> {
  const waiting: LogEntry[] = [];
  let dropped = 0;
  let wake = (): void => undefined;
  const stop = feed.subscribe(level, (entry) => {
    if (waiting.length < MAX_BEHIND) waiting.push(entry);
    else dropped += 1;
    wake();
  });
  const onAbort = (): void => wake();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    while (!signal.aborted) {
      for (const entry of waiting.splice(0)) yield utf8(json ? formatJson(entry) : formatText(entry));
      if (dropped > 0) yield utf8(`[${dropped} entries dropped: this reader is too slow]\n`);
      dropped = 0;
      if (waiting.length === 0) await new Promise<void>((resolve) => (wake = resolve));
    }
  } finally {
    stop();
    signal.removeEventListener("abort", onAbort);
  }
}
