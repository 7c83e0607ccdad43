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
import { API_VERSION, capability, type ConsulDeps } from "./consul-deps.ts";
import { knownServers, overallHealth, type KnownServer } from "./known-servers.ts";
import { leaderRoutes } from "./leader-routes.ts";

/** The one row of its table, which the scheduler's API serves too. */
const CURRENT = "current";
const DEFAULTS = v.parse(AutopilotConfigurationSchema, {});
const readOperator = capability("operator", "read");
const writeOperator = capability("operator", "write");

/** https://developer.hashicorp.com/consul/api-docs/operator */
export function operatorRoutes(deps: ConsulDeps): Route[] {
  return [raftRoute(deps), ...leaderRoutes(deps), ...autopilotRoutes(deps), ...healthRoutes(deps), usageRoute(deps)];
}

function raftRoute(deps: ConsulDeps): Route {
  const { view } = deps;
  return route({
    method: "GET",
    path: "/v1/operator/raft/configuration",
    summary: "The servers that hold the state",
    access: readOperator,
    handle() {
      const Servers = knownServers(deps).map(({ id, name, address, isLeader }) => ({
        ID: id,
        Node: name,
        Address: address,
        Leader: isLeader,
        ProtocolVersion: "3",
        Voter: true,
        LastIndex: view.index,
      }));
      return { kind: "json", value: { Servers, Index: view.index } };
    },
  });
}

function autopilotRoutes({ view, store }: ConsulDeps): Route[] {
  const path = "/v1/operator/autopilot/configuration";
  const table = view.table(autopilotConfigurations);
  return [
    route({
      method: "GET",
      path,
      summary: "How servers are looked after",
      access: readOperator,
      tables: [autopilotConfigurations],
      handle() {
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
      async handle({ body, query }) {
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

function healthRoutes(deps: ConsulDeps): Route[] {
  const { view, env } = deps;
  const stableSince = new Date(env.clock.nowMs()).toISOString();
  const healthOf = ({ id, name, address, isAlive }: KnownServer) => ({
    ID: id,
    Name: name,
    Address: address,
    Version: API_VERSION,
    LastContact: "0s",
    LastTerm: 1,
    LastIndex: view.index,
    Healthy: isAlive,
    StableSince: stableSince,
  });
  const statusOf = ({ isAlive }: KnownServer) => (isAlive ? "alive" : "failed");
  const shared = { method: "GET", access: readOperator } as const;
  return [
    route({
      ...shared,
      path: "/v1/operator/autopilot/health",
      summary: "Are the servers well?",
      handle() {
        const known = knownServers(deps);
        const Servers = known.map((one) => ({
          ...healthOf(one),
          SerfStatus: statusOf(one),
          Leader: one.isLeader,
          Voter: true,
        }));
        return { kind: "json", value: { ...overallHealth(known), Servers } };
      },
    }),
    route({
      ...shared,
      path: "/v1/operator/autopilot/state",
      summary: "The servers, by id, and what they are",
      handle() {
        const known = knownServers(deps);
        const entries = known.map((one) => {
          const Status = one.isLeader ? "leader" : "voter";
          const kind = { NodeStatus: statusOf(one), ReadReplica: false, Status, Meta: {}, NodeType: "voter" };
          return [one.id, { ...healthOf(one), ...kind }] as const;
        });
        const { Healthy, FailureTolerance } = overallHealth(known);
        const value = {
          Healthy,
          FailureTolerance,
          OptimisticFailureTolerance: FailureTolerance,
          Servers: Object.fromEntries(entries),
          Leader: known.find(({ isLeader }) => isLeader)?.id ?? "",
          Voters: known.map(({ id }) => id),
        };
        return { kind: "json", value };
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
