import { sleep, type Clock } from "#base/env/clock.ts";
import { versionsOf } from "#base/state/shapes/shape-keeper.ts";
import * as tables from "#base/state/tables.ts";
import { isOnTrial, PLACES } from "#os-image/firmware/node/machine.ts";

/** Between two looks whether the machine's start was judged. */
const LOOK_MS = 10_000;

/** What this server says that it knows, to itself where it is alone: a machine that may still go back to the version before must find the state as that one does. */
export function knownShapes(places = PLACES): Record<string, number> {
  return isOnTrial(places) ? {} : versionsOf(Object.values(tables));
}

/** Tells once more when the start was judged, where it was not yet. */
export async function tellWhenJudged(clock: Clock, tell: () => void, signal: AbortSignal): Promise<void> {
  if (!isOnTrial()) return;
  while (isOnTrial() && !signal.aborted) await sleep(clock, LOOK_MS, signal);
  if (!signal.aborted) tell();
}
