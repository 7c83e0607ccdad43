import * as v from "valibot";
import { jsonBody } from "#base/http/body.ts";
import { queryInteger } from "#base/http/query.ts";
import { route, type Route } from "#base/http/route.ts";
import { GLOBAL } from "#base/protocol/keys.ts";
import { SchedulerConfigurationSchema } from "#base/protocol/scheduler-configuration.ts";
import { absent, put, unchanged } from "#base/state/codec.ts";
import { jobs, schedulerConfigurations } from "#base/state/tables.ts";
import { configurationOf, CURRENT } from "../server/configuration.ts";
import { GC_NOW } from "../server/gc.ts";
import { jobStub } from "./answers/job.ts";
import type { NomadHttpDeps } from "./nomad-deps.ts";
import { management, readOperator, writeOperator } from "./requests.ts";

/** https://developer.hashicorp.com/nomad/api-docs/operator/scheduler and …/system */
export function operatorRoutes({ server }: NomadHttpDeps): Route[] {
  const { context } = server;
  const { view } = context.state;
  const table = view.table(schedulerConfigurations);
  return [
    route({
      method: "GET",
      path: "/v1/operator/scheduler/configuration",
      summary: "Read how the scheduler is set up",
      access: readOperator,
      tables: [schedulerConfigurations],
      handle: () => ({
        kind: "state",
        read: () => {
          const row = table.get(GLOBAL, CURRENT);
          const index = row?.modifyIndex ?? 1;
          const SchedulerConfig = { ...configurationOf(view), CreateIndex: row?.createIndex ?? 1, ModifyIndex: index };
          return { index, value: { SchedulerConfig, Index: index, LastContact: 0, KnownLeader: true, NextToken: "" } };
        },
      }),
    }),
    route({
      method: ["PUT", "POST"],
      path: "/v1/operator/scheduler/configuration",
      summary: "Set up the scheduler",
      access: writeOperator,
      query: v.object({ cas: queryInteger }),
      body: jsonBody(SchedulerConfigurationSchema),
      handle: async ({ body, query }) => {
        const row = table.get(GLOBAL, CURRENT);
        const at = { namespace: GLOBAL, id: CURRENT };
        if (query.cas !== undefined && query.cas !== (row?.modifyIndex ?? 1)) {
          return { kind: "json", index: view.index, value: { Updated: false, Index: view.index } };
        }
        const compare =
          row === undefined
            ? absent(schedulerConfigurations, GLOBAL, CURRENT)
            : unchanged(schedulerConfigurations, row);
        const result = await context.store.txn({ compare: [compare], then: [put(schedulerConfigurations, at, body)] });
        await view.reached(result.revision);
        return { kind: "json", index: result.revision, value: { Updated: result.ok, Index: result.revision } };
      },
    }),
    route({
      method: ["PUT", "POST"],
      path: "/v1/system/gc",
      summary: "Collect everything that is over",
      access: writeOperator,
      handle: async () => ({ kind: "empty", status: 200, index: await server.collector.run(GC_NOW) }),
    }),
    route({
      method: ["PUT", "POST"],
      path: "/v1/system/reconcile/summaries",
      summary: "Count the allocations of jobs anew: they are counted whenever they are read",
      access: management,
      handle: () => ({ kind: "empty", status: 200, index: view.index }),
    }),
    upgradeCheckRoute(server),
  ];
}

/** https://developer.hashicorp.com/nomad/api-docs/operator/upgrade-check */
function upgradeCheckRoute({ context: { state } }: NomadHttpDeps["server"]): Route {
  return route({
    method: "GET",
    path: "/v1/operator/upgrade-check/vault-workload-identity",
    summary: "List the jobs that use Vault without an identity for it",
    access: readOperator,
    handle: () => {
      const affected = [...state.view.table(jobs).list()].filter(({ value }) =>
        value.TaskGroups.some(({ Tasks }) =>
          Tasks.some(
            ({ Vault, Identities }) => Vault !== null && !Identities.some(({ Name }) => Name.startsWith("vault_")),
          ),
        ),
      );
      const value = {
        JobsWithoutVaultIdentity: affected.map((row) => jobStub(state, row, false)),
        OutdatedNodes: [],
        VaultTokens: [],
        Index: state.index,
        KnownLeader: true,
        LastContact: 0,
        NextToken: "",
      };
      return { kind: "json", index: state.index, value };
    },
  });
}
