import { route, type Route } from "#base/http/route.ts";
import { GLOBAL } from "#base/protocol/keys.ts";
import { alertLogs, alerts } from "#base/state/tables.ts";
import { capability, type ConsulDeps } from "./consul-deps.ts";

/** Of our own: what was told of checks. */
export function alertRoutes({ view, alerts: keeper }: ConsulDeps): Route[] {
  return [
    route({
      method: "GET",
      path: "/v1/alerts",
      summary: "What was last told of each check that a rule told of",
      access: capability("operator", "read"),
      tables: [alerts],
      filter: "items",
      handle: () => {
        const read = () => ({
          index: view.table(alerts).lastIndex,
          value: [...view.table(alerts).list(GLOBAL)].map((row) => ({ ID: row.id, ...row.value })),
        });
        return { kind: "state", read };
      },
    }),
    route({
      method: "GET",
      path: "/v1/alerts-log",
      summary: "What was told, oldest first",
      access: capability("operator", "read"),
      tables: [alertLogs],
      filter: "items",
      handle: () => {
        const read = () => ({
          index: view.table(alertLogs).lastIndex,
          value: [...view.table(alertLogs).list(GLOBAL)].map((row) => row.value),
        });
        return { kind: "state", read };
      },
    }),
    route({
      method: "PUT",
      path: "/v1/alerts-acknowledge/+alert",
      summary: "Somebody knows of it: no reminders until it changes",
      access: capability("operator", "write"),
      async handle({ params: { alert }, access }) {
        await keeper.acknowledge(alert, access.requester.name || access.requester.accessorId);
        return { kind: "json", value: true };
      },
    }),
  ];
}
