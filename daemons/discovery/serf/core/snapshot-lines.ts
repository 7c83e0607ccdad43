/** What a snapshot file says, replayed: who was there, and how late it was. */
export interface SnapshotState {
  /** Name → `host:port` (IPv6 in brackets). */
  readonly alive: ReadonlyMap<string, string>;
  readonly clock: number;
  readonly eventClock: number;
  readonly queryClock: number;
}

export type Clocks = Omit<SnapshotState, "alive">;

const LINES = {
  alive: "alive: ",
  notAlive: "not-alive: ",
  clock: "clock: ",
  event: "event-clock: ",
  query: "query-clock: ",
};
export const LEAVE_LINE = "leave\n";
/** Members a replay keeps. */
const MAX_ALIVE = 16_384;

export function aliveLine(name: string, address: string): string {
  return `${LINES.alive}${name} ${address}\n`;
}

export function notAliveLine(name: string): string {
  return `${LINES.notAlive}${name}\n`;
}

/** Only what changed since `before`. */
export function clockLines(now: Clocks, before: Clocks): string {
  return [
    now.clock === before.clock ? "" : `${LINES.clock}${now.clock}\n`,
    now.eventClock === before.eventClock ? "" : `${LINES.event}${now.eventClock}\n`,
    now.queryClock === before.queryClock ? "" : `${LINES.query}${now.queryClock}\n`,
  ].join("");
}

export const NO_CLOCKS: Clocks = { clock: 0, eventClock: 0, queryClock: 0 };

/** The same state in as few lines as can be. */
export function compacted({ alive, ...clocks }: SnapshotState): string {
  return [...[...alive].map(([name, address]) => aliveLine(name, address)), clockLines(clocks, NO_CLOCKS)].join("");
}

/**
 * Reads a snapshot; what it does not know it passes over, and a last line without its end was cut by a crash. A node that
 * left of its own will starts anew unless `rejoinAfterLeave`.
 */
export function replay(text: string, rejoinAfterLeave: boolean): SnapshotState {
  const alive = new Map<string, string>();
  const clocks = { clock: 0, eventClock: 0, queryClock: 0 };
  for (const line of text.split("\n").slice(0, -1)) {
    if (line.startsWith(LINES.alive)) addAlive(alive, line.slice(LINES.alive.length));
    else if (line.startsWith(LINES.notAlive)) alive.delete(line.slice(LINES.notAlive.length));
    else if (line.startsWith(LINES.clock)) clocks.clock = time(line, LINES.clock, clocks.clock);
    else if (line.startsWith(LINES.event)) clocks.eventClock = time(line, LINES.event, clocks.eventClock);
    else if (line.startsWith(LINES.query)) clocks.queryClock = time(line, LINES.query, clocks.queryClock);
    else if (line === LEAVE_LINE.trim() && !rejoinAfterLeave) {
      alive.clear();
      Object.assign(clocks, NO_CLOCKS);
    }
  }
  return { alive, ...clocks };
}

/** The address has no space in it, the name may. */
function addAlive(alive: Map<string, string>, text: string): void {
  const space = text.lastIndexOf(" ");
  if (space > 0 && alive.size < MAX_ALIVE) alive.set(text.slice(0, space), text.slice(space + 1));
}

function time(line: string, head: string, otherwise: number): number {
  const digits = line.slice(head.length);
  const value = /^\d{1,16}$/.test(digits) ? Number(digits) : otherwise;
  return Number.isSafeInteger(value) ? value : otherwise;
}
