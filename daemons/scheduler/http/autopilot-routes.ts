import * as v from "valibot";
import { jsonBody } from "#base/http/body.ts";
import { HttpError } from "#base/http/http-error.ts";
import { queryInteger } from "#base/http/query.ts";
import { route, type Route } from "#base/http/route.ts";
import { readDuration } from "#base/language/duration.ts";
import { AutopilotConfigurationSchema } from "#base/protocol/autopilot.ts";
import { GLOBAL } from "#base/protocol/keys.ts";
import { absent, put, unchanged } from "#base/state/codec.ts";
import { autopilotConfigurations } from "#base/state/tables.ts";
import { failureTolerance, serversOf } from "./answers/servers.ts";
import type { NomadHttpDeps } from "./nomad-deps.ts";
import { readOperator, writeOperator } from "./requests.ts";

/** The one row of its table. */
const CURRENT = "current";
const DEFAULTS = v.parse(AutopilotConfigurationSchema, {});

/** https://developer.hashicorp.com/nomad/api-docs/operator/autopilot */
export function autopilotRoutes(deps: NomadHttpDeps): Route[] {
  const { view } = deps.server.context.state;
  const table = view.table(autopilotConfigurations);
  return [
    route({
      method: "GET",
      path: "/v1/operator/autopilot/configuration",
      summary: "Read how servers are looked after",
      access: readOperator,
      tables: [autopilotConfigurations],
      handle: () => ({
        kind: "state",
        read: () => {
          const row = table.get(GLOBAL, CURRENT);
          const indexes = { CreateIndex: row?.createIndex ?? 1, ModifyIndex: row?.modifyIndex ?? 1 };
          return { index: indexes.ModifyIndex, value: { ...(row?.value ?? DEFAULTS), ...indexes } };
        },
      }),
    }),
    updateRoute(deps),
    healthRoute(deps),
  ];
}

function updateRoute({ server }: NomadHttpDeps): Route {
  const { store, state } = server.context;
  const table = state.view.table(autopilotConfigurations);
  return route({
    method: ["PUT", "POST"],
    path: "/v1/operator/autopilot/configuration",
    summary: "Set how servers are looked after",
    access: writeOperator,
    query: v.object({ cas: queryInteger }),
    body: jsonBody(AutopilotConfigurationSchema),
    handle: async ({ body, query }) => {
      for (const [name, text] of [
        ["LastContactThreshold", body.LastContactThreshold],
        ["ServerStabilizationTime", body.ServerStabilizationTime],
      ] as const) {
        const read = readDuration(text);
        if (!read.ok) throw new HttpError(400, `${name}: ${read.error.message}; ${read.error.hint ?? ""}`);
      }
      const row = table.get(GLOBAL, CURRENT);
      if (query.cas !== undefined && query.cas !== (row?.modifyIndex ?? 1)) {
        return { kind: "json", index: state.index, value: false };
      }
      const same =
        row === undefined ? absent(autopilotConfigurations, GLOBAL, CURRENT) : unchanged(autopilotConfigurations, row);
      const at = { namespace: GLOBAL, id: CURRENT };
      const done = await store.txn({ compare: [same], then: [put(autopilotConfigurations, at, body)] });
      await state.view.reached(done.revision);
      return { kind: "json", index: done.revision, value: done.ok };
    },
  });
}

function healthRoute({ server, agent }: NomadHttpDeps): Route {
  const { state } = server.context;
  return route({
    method: "GET",
    path: "/v1/operator/autopilot/health",
    summary: "Are the servers well?",
    access: readOperator,
    handle: () => {
      const known = serversOf(agent);
      const Servers = known.map((one) => ({
        ID: one.id,
        Name: one.id,
        Address: one.address,
        SerfStatus: one.isAlive ? "alive" : "failed",
        Version: one.version,
        Leader: one.isLeader,
        LastContact: "0s",
        LastTerm: 1,
        LastIndex: state.index,
        Healthy: one.isAlive && one.isInTime,
        Voter: true,
        StableSince: agent.startedAt ?? "",
      }));
      const leader = known.find(({ isLeader }) => isLeader);
      return {
        kind: "json",
        value: {
          Healthy: leader !== undefined && Servers.every(({ Healthy }) => Healthy),
          FailureTolerance: failureTolerance(known),
          Leader: leader?.id ?? "",
          Voters: known.map(({ id }) => id),
          Servers,
        },
      };
    },
  });
}
