import { existsSync } from "node:fs";
import { sleep } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";

/** What waits for longer goes on without. */
const LIMIT_MS = 300_000;
const PAUSE_MS = 100;

/**
 * Waits until there is such a file. What starts the agent before its network says so with it: on a slow processor the program
 * takes as long to load as an address to come.
 * @returns whether it is there; false after five minutes
 */
export async function awaitFile({ clock, log }: Pick<Env, "clock" | "log">, path: string): Promise<boolean> {
  if (existsSync(path)) return true;
  log.info("waiting for a file before anything else", { file: path });
  const deadline = clock.monotonicMs() + LIMIT_MS;
  while (!existsSync(path)) {
    if (clock.monotonicMs() > deadline) return false;
    await sleep(clock, PAUSE_MS);
  }
  return true;
}
