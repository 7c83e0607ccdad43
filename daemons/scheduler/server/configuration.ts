import * as v from "valibot";
import { GLOBAL } from "#base/protocol/keys.ts";
import { SchedulerConfigurationSchema, type SchedulerConfiguration } from "#base/protocol/scheduler-configuration.ts";
import type { View } from "#base/state/table.ts";
import { schedulerConfigurations } from "#base/state/tables.ts";

/** The one row of its table. */
export const CURRENT = "current";

const DEFAULTS: SchedulerConfiguration = v.parse(SchedulerConfigurationSchema, {});

/** What operators set, or the defaults. */
export function configurationOf(view: View): SchedulerConfiguration {
  return view.table(schedulerConfigurations).get(GLOBAL, CURRENT)?.value ?? DEFAULTS;
}
