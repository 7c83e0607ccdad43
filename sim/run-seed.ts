import { messageOf } from "#base/env/errors.ts";
import type { Scenario } from "./scenario.ts";
import type { TimelineOptions } from "./timeline.ts";
import { World } from "./world.ts";

export interface SeedResult {
  readonly scenario: string;
  readonly seed: number;
  /** Equal for two runs of one seed of the same program. */
  readonly hash: string;
  readonly events: number;
  readonly worldMs: number;
  readonly failure: string | undefined;
  /** The newest trace lines. */
  readonly lines: readonly string[];
}

export async function runSeed(scenario: Scenario, options: TimelineOptions): Promise<SeedResult> {
  const world = new World(options);
  let failure: string | undefined;
  try {
    await scenario.run(world);
  } catch (thrown) {
    failure = messageOf(thrown);
  }
  return {
    scenario: scenario.name,
    seed: options.seed,
    hash: world.trace.digest(),
    events: world.trace.events,
    worldMs: world.timeMs,
    failure,
    lines: world.trace.newest(),
  };
}
