import type { AgentConfig } from "#base/language/agent-config/config.ts";
import { GLOBAL } from "#base/protocol/keys.ts";
import type { SchedulerConfiguration } from "#base/protocol/scheduler-configuration.ts";
import { absent, put } from "#base/state/codec.ts";
import type { Store } from "#base/state/store.ts";
import type { View } from "#base/state/table.ts";
import { schedulerConfigurations } from "#base/state/tables.ts";
import { configurationOf, CURRENT } from "#daemons/scheduler/server/configuration.ts";

/** How the scheduler is set up until somebody sets it up otherwise: written once, where a file says so. */
export async function writeFirstConfiguration(store: Store, view: View, config: AgentConfig): Promise<void> {
  const { defaultSchedulerConfig: given } = config.server;
  const wanted: SchedulerConfiguration = {
    SchedulerAlgorithm: given.schedulerAlgorithm,
    PreemptionConfig: {
      SystemSchedulerEnabled: given.preemptionConfig.systemSchedulerEnabled,
      SysBatchSchedulerEnabled: given.preemptionConfig.sysbatchSchedulerEnabled,
      BatchSchedulerEnabled: given.preemptionConfig.batchSchedulerEnabled,
      ServiceSchedulerEnabled: given.preemptionConfig.serviceSchedulerEnabled,
    },
    MemoryOversubscriptionEnabled: given.memoryOversubscriptionEnabled,
    RejectJobRegistration: given.rejectJobRegistration,
    PauseEvalBroker: given.pauseEvalBroker,
  };
  const isSet = view.table(schedulerConfigurations).get(GLOBAL, CURRENT) !== undefined;
  if (isSet || JSON.stringify(wanted) === JSON.stringify(configurationOf(view))) return;
  const { revision } = await store.txn({
    compare: [absent(schedulerConfigurations, GLOBAL, CURRENT)],
    then: [put(schedulerConfigurations, { namespace: GLOBAL, id: CURRENT }, wanted)],
  });
  await view.reached(revision);
}
