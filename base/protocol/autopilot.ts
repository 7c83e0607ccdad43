import * as v from "valibot";
import { flag } from "./schema.ts";

/** Durations are text with a unit. https://developer.hashicorp.com/nomad/api-docs/operator/autopilot */
export const AutopilotConfigurationSchema = v.object({
  CleanupDeadServers: v.nullish(v.boolean(), true),
  LastContactThreshold: v.nullish(v.string(), "200ms"),
  MaxTrailingLogs: v.nullish(v.pipe(v.number(), v.integer(), v.minValue(0)), 250),
  MinQuorum: v.nullish(v.pipe(v.number(), v.integer(), v.minValue(0)), 0),
  ServerStabilizationTime: v.nullish(v.string(), "10s"),
  EnableRedundancyZones: flag,
  DisableUpgradeMigration: flag,
  EnableCustomUpgrades: flag,
});
export type AutopilotConfiguration = v.InferOutput<typeof AutopilotConfigurationSchema>;
