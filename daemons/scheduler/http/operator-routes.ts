import * as v from "valibot";
import { jsonBody } from "#base/http/body.ts";
import { queryInteger } from "#base/http/query.ts";
import { route, type Route } from "#base/http/route.ts";
import { GLOBAL } from "#base/protocol/keys.ts";
import { SchedulerConfigurationSchema } from "#base/protocol/scheduler-configuration.ts";
import { absent, put, unchanged } from "#base/state/codec.ts";
import { schedulerConfigurations } from "#base/state/tables.ts";
import { configurationOf, CURRENT } from "../server/configuration.ts";
import { GC_NOW } from "../server/gc.ts";
import type { NomadHttpDeps } from "./nomad-deps.ts";
import { readNode, readOperator, writeOperator } from "./requests.ts";

/** https://developer.hashicorp.com/nomad/api-docs/operator/scheduler and …/system */
export function operatorRoutes({ server }: NomadHttpDeps): Route[] {
  const { context, collector } = server;
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
      handle: async () => ({ kind: "empty", status: 200, index: await collector.run(GC_NOW) }),
    }),
    ...fixedRoutes(),
  ];
}

/** Kinds of things no node offers yet. */
function fixedRoutes(): Route[] {
  return (["/v1/volumes", "/v1/plugins"] as const).map((path) =>
    route({
      method: "GET",
      path,
      summary: "What nodes know of volumes is listed with them; the cluster itself keeps none",
      access: readNode,
      tables: [],
      handle: () => ({ kind: "state", read: () => ({ index: 1, value: [] }) }),
    }),
  );
}
