import type { World } from "./world.ts";

/** Something a world does under a seed. Throws where it goes wrong: a violated invariant, or a deadline missed. */
export interface Scenario {
  readonly name: string;
  readonly title: string;
  run(world: World): Promise<void>;
}
