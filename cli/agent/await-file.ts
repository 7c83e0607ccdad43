import { existsSync } from "node:fs";
import { sleep, type Clock } from "#base/env/clock.ts";
import type { Output } from "../command/command.ts";

const PAUSE_MS = 100;
/** How what it says begins; nothing is wrong then. */
export const AWAITS = "lares: waiting until there is ";

/**
 * Waits until there is such a file. What starts the agent before its network says so with it: on a slow processor the program
 * takes as long to load as an address to come.
 */
export async function awaitFile(clock: Clock, path: string, output: Pick<Output, "line">): Promise<void> {
  if (existsSync(path)) return;
  output.line(`${AWAITS}${path}`);
  while (!existsSync(path)) await sleep(clock, PAUSE_MS);
}
