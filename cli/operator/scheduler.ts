import * as v from "valibot";
import { flag, integer, text } from "#base/protocol/schema.ts";
import { valueOf } from "../api/answer.ts";
import { withNomad, type NomadSession } from "../api/session.ts";
import { UsageError, type FlagValues } from "../command/command.ts";
import { properties } from "../print/columns.ts";
import { show } from "../print/show.ts";

const PATH = "/v1/operator/scheduler/configuration";
const PREEMPTION = {
  "preempt-batch-scheduler": "BatchSchedulerEnabled",
  "preempt-service-scheduler": "ServiceSchedulerEnabled",
  "preempt-sysbatch-scheduler": "SysBatchSchedulerEnabled",
  "preempt-system-scheduler": "SystemSchedulerEnabled",
} as const;
const SWITCHES = {
  "memory-oversubscription": "MemoryOversubscriptionEnabled",
  "reject-job-registration": "RejectJobRegistration",
  "pause-eval-broker": "PauseEvalBroker",
} as const;

/** https://developer.hashicorp.com/nomad/api-docs/operator/scheduler */
const ConfigurationSchema = v.looseObject({
  SchedulerAlgorithm: text,
  PreemptionConfig: v.looseObject({
    SystemSchedulerEnabled: flag,
    SysBatchSchedulerEnabled: flag,
    BatchSchedulerEnabled: flag,
    ServiceSchedulerEnabled: flag,
  }),
  MemoryOversubscriptionEnabled: flag,
  RejectJobRegistration: flag,
  PauseEvalBroker: flag,
  ModifyIndex: integer,
});
const AnswerSchema = v.object({ SchedulerConfig: ConfigurationSchema });

export const getConfiguration = withNomad(async (session) => {
  const set = await read(session);
  return show(session, { SchedulerConfig: set }, () => {
    const { PreemptionConfig: preempts } = set;
    return properties([
      ["Scheduler Algorithm", set.SchedulerAlgorithm],
      ["Memory Oversubscription", String(set.MemoryOversubscriptionEnabled)],
      ["Reject Job Registration", String(set.RejectJobRegistration)],
      ["Pause Eval Broker", String(set.PauseEvalBroker)],
      ["Preemption System Scheduler", String(preempts.SystemSchedulerEnabled)],
      ["Preemption Service Scheduler", String(preempts.ServiceSchedulerEnabled)],
      ["Preemption Batch Scheduler", String(preempts.BatchSchedulerEnabled)],
      ["Preemption SysBatch Scheduler", String(preempts.SysBatchSchedulerEnabled)],
      ["Modify Index", String(set.ModifyIndex)],
    ]);
  });
});

/** Only what a flag names changes. */
export const setConfiguration = withNomad(async (session) => {
  const { nomad, flags, output } = session;
  const before = await read(session);
  const algorithm = flags.value("scheduler-algorithm");
  if (algorithm !== undefined && algorithm !== "binpack" && algorithm !== "spread") {
    throw new UsageError(`-scheduler-algorithm takes binpack or spread, not "${algorithm}"`);
  }
  const body = {
    ...before,
    ...(algorithm === undefined ? {} : { SchedulerAlgorithm: algorithm }),
    ...chosen(flags, SWITCHES),
    PreemptionConfig: { ...before.PreemptionConfig, ...chosen(flags, PREEMPTION) },
  };
  const cas = flags.value("check-index");
  const answer = valueOf(
    await nomad.call({ method: "PUT", path: PATH, query: { cas }, body, schema: v.object({ Updated: flag }) }),
  );
  output.line(
    answer.Updated
      ? "Scheduler configuration updated!"
      : "Scheduler configuration could not be atomically updated, please try again",
  );
  return answer.Updated ? 0 : 1;
});

async function read({ nomad }: NomadSession) {
  return valueOf(await nomad.call({ path: PATH, schema: AnswerSchema })).SchedulerConfig;
}

function chosen(flags: FlagValues, names: Readonly<Record<string, string>>): Record<string, boolean> {
  return Object.fromEntries(
    Object.entries(names).flatMap(([name, field]) => {
      const given = flags.value(name);
      if (given === undefined) return [];
      if (given !== "true" && given !== "false") throw new UsageError(`-${name} takes true or false, not "${given}"`);
      return [[field, given === "true"]];
    }),
  );
}
