import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { loadMallocTrim } from "./malloc-trim.ts";

/** How often it is looked at. */
const EVERY_MS = 15_000;
/** Below this share of one core, averaged over the interval, the process counts as idle. */
const IDLE_SHARE = 0.05;
/** The heap has to have grown by this much since it was last given back, unless its owner says otherwise. */
const WORTH_BYTES = 6 * 1024 * 1024;

/**
 * Gives free memory back to the system once a burst of work is over. V8 keeps its pages: after a thousand tasks
 * started at once the heap was 97 MB for 23 MB of live objects, for as long as nothing else happened. The C library keeps
 * what its arenas were at their largest: another 12 MB then. Returns what ends it.
 */
export function releaseMemoryWhenIdle(worthBytes = WORTH_BYTES): () => void {
  const release = memoryReleaser();
  let floor = 0;
  let busyBefore = busyMs();
  const giveBack = async (): Promise<void> => {
    await release();
    floor = getHeapStatistics().total_physical_size;
    busyBefore = busyMs();
  };
  const timer = setInterval(() => {
    const busy = busyMs();
    const idle = busy - busyBefore < EVERY_MS * IDLE_SHARE;
    busyBefore = busy;
    if (!idle || getHeapStatistics().total_physical_size < floor + worthBytes) return;
    void giveBack();
  }, EVERY_MS);
  timer.unref();
  return () => clearInterval(timer);
}

/**
 * Code that was not run between two major collections is dropped, and compiled again should it be needed (V8 waits for six):
 * for a process that works in bursts and mostly waits. A megabyte of the ingress's controller.
 */
export function forgetIdleCode(): void {
  setFlagsFromString("--bytecode-old-age=1");
}

/** What gives all free memory back at once. */
export function memoryReleaser(): () => Promise<void> {
  const collect = collector();
  let trim: (() => void) | undefined;
  return async () => {
    trim ??= await loadMallocTrim();
    collect();
    trim();
  };
}

type Collect = (options: {
  readonly type: "major";
  readonly execution: "sync";
  readonly flavor: "last-resort";
}) => void;

/** V8's own collector function; it exists only in contexts made while this flag is on. */
function collector(): () => void {
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("gc");
  setFlagsFromString("--no-expose-gc");
  if (!isCollect(collect)) return () => undefined;
  return () => collect({ type: "major", execution: "sync", flavor: "last-resort" });
}

function isCollect(value: unknown): value is Collect {
  return typeof value === "function";
}

function busyMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
