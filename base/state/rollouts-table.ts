import { RolloutSchema, type Rollout } from "#base/protocol/rollout.ts";
import { defineTable } from "./table.ts";

/** The last update of all nodes' firmware. id: `current`. */
export const rollouts = defineTable<Rollout>({
  name: "rollouts",
  schemaVersion: 1,
  schema: RolloutSchema,
  indexes: {},
});
