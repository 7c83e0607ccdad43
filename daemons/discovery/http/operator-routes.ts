import * as v from "valibot";
import { jsonBody } from "#base/http/body.ts";
import { HttpError } from "#base/http/http-error.ts";
import { queryInteger } from "#base/http/query.ts";
import { route, type Route } from "#base/http/route.ts";
import { readDuration } from "#base/language/duration.ts";
import { AutopilotConfigurationSchema } from "#base/protocol/autopilot.ts";
import { GLOBAL } from "#base/protocol/keys.ts";
import { absent, put, unchanged } from "#base/state/codec.ts";
import { autopilotConfigurations, catalogServices } from "#base/state/tables.ts";
import { API_VERSION, capability, ownDatacenter, type ConsulDeps } from "./consul-deps.ts";
import { serverAddress } from "./status-routes.ts";

/** The one row of its table, which the scheduler's API serves too. */
const CURRENT = "current";
const DEFAULTS = v.parse(AutopilotConfigurationSchema, {});
const readOperator = capability("operator", "read");
const writeOperator = capability("operator", "write");

/** https://developer.hashicorp.com/consul/api-docs/operator */
export function operatorRoutes(deps: ConsulDeps): Route[] {
  return [raftRoute(deps), ...autopilotRoutes(deps), ...healthRoutes(deps), usageRoute(deps)];
}

function raftRoute({ config, view }: ConsulDeps): Route {
  return route({
    method: "GET",
    path: "/v1/operator/raft/configuration",
    summary: "The servers that hold the state",
    access: readOperator,
    handle({ rawQuery }) {
      ownDatacenter(config, rawQuery);
      const only = {
        ID: config.nodeId,
        Node: config.nodeName,
        Address: serverAddress(config.advertiseAddr),
        Leader: true,
        ProtocolVersion: "3",
        Voter: true,
        LastIndex: view.index,
      };
      return { kind: "json", value: { Servers: [only], Index: view.index } };
    },
  });
}

function autopilotRoutes({ view, store, config }: ConsulDeps): Route[] {
  const path = "/v1/operator/autopilot/configuration";
  const table = view.table(autopilotConfigurations);
  return [
    route({
      method: "GET",
      path,
      summary: "How servers are looked after",
      access: readOperator,
      tables: [autopilotConfigurations],
      handle({ rawQuery }) {
        ownDatacenter(config, rawQuery);
        const read = () => {
          const row = table.get(GLOBAL, CURRENT);
          const { EnableRedundancyZones: _, EnableCustomUpgrades: __, ...shared } = row?.value ?? DEFAULTS;
          const indexes = { CreateIndex: row?.createIndex ?? 1, ModifyIndex: row?.modifyIndex ?? 1 };
          const value = { ...shared, RedundancyZoneTag: "", UpgradeVersionTag: "", ...indexes };
          return { index: indexes.ModifyIndex, value };
        };
        return { kind: "state", read };
      },
    }),
    route({
      method: "PUT",
      path,
      summary: "Sets how servers are looked after; with cas only at that ModifyIndex",
      access: writeOperator,
      query: v.object({ cas: queryInteger }),
      body: jsonBody(AutopilotConfigurationSchema),
      async handle({ body, query, rawQuery }) {
        ownDatacenter(config, rawQuery);
        for (const name of ["LastContactThreshold", "ServerStabilizationTime"] as const) {
          const read = readDuration(body[name]);
          if (!read.ok) throw new HttpError(400, `${name}: ${read.error.message}; ${read.error.hint ?? ""}`);
        }
        const row = table.get(GLOBAL, CURRENT);
        if (query.cas !== undefined && query.cas !== (row?.modifyIndex ?? 1)) return { kind: "json", value: false };
        const { EnableRedundancyZones, EnableCustomUpgrades } = row?.value ?? DEFAULTS;
        const made = { ...body, EnableRedundancyZones, EnableCustomUpgrades };
        const done = await store.txn({
          compare: [
            row === undefined
              ? absent(autopilotConfigurations, GLOBAL, CURRENT)
              : unchanged(autopilotConfigurations, row),
          ],
          then: [put(autopilotConfigurations, { namespace: GLOBAL, id: CURRENT }, made)],
        });
        await view.reached(done.revision);
        return { kind: "json", value: done.ok };
      },
    }),
  ];
}

function healthRoutes({ config, view, env }: ConsulDeps): Route[] {
  const stableSince = new Date(env.clock.nowMs()).toISOString();
  const server = () => ({
    ID: config.nodeId,
    Name: config.nodeName,
    Address: serverAddress(config.advertiseAddr),
    Version: API_VERSION,
    LastContact: "0s",
    LastTerm: 1,
    LastIndex: view.index,
    Healthy: true,
    StableSince: stableSince,
  });
  const shared = { method: "GET", access: readOperator } as const;
  return [
    route({
      ...shared,
      path: "/v1/operator/autopilot/health",
      summary: "Are the servers well?",
      handle({ rawQuery }) {
        ownDatacenter(config, rawQuery);
        const only = { ...server(), SerfStatus: "alive", Leader: true, Voter: true };
        return { kind: "json", value: { Healthy: true, FailureTolerance: 0, Servers: [only] } };
      },
    }),
    route({
      ...shared,
      path: "/v1/operator/autopilot/state",
      summary: "The servers, by id, and what they are",
      handle({ rawQuery }) {
        ownDatacenter(config, rawQuery);
        const id = config.nodeId;
        const kind = { NodeStatus: "alive", ReadReplica: false, Status: "leader", Meta: {}, NodeType: "voter" };
        const servers = { Servers: { [id]: { ...server(), ...kind } }, Leader: id, Voters: [id] };
        const tolerance = { FailureTolerance: 0, OptimisticFailureTolerance: 0 };
        return { kind: "json", value: { Healthy: true, ...tolerance, ...servers } };
      },
    }),
  ];
}

/** `consul` itself is no service that anybody counts. */
function usageRoute({ config, view }: ConsulDeps): Route {
  const table = view.table(catalogServices);
  return route({
    method: "GET",
    path: "/v1/operator/usage",
    summary: "How many services and instances there are",
    access: readOperator,
    tables: [catalogServices],
    handle: () => ({
      kind: "state",
      read: () => {
        const names = [...table.list(GLOBAL)].map(({ value }) => value.Service);
        const usage = {
          Services: new Set(names).size,
          ServiceInstances: names.length,
          ConnectServiceInstances: {},
          BillableServiceInstances: names.filter((name) => name !== "consul").length,
        };
        return { index: table.lastIndex, value: { Usage: { [config.datacenter]: usage } } };
      },
    }),
  });
}
