import * as v from "valibot";
import { demand, type Access } from "#base/http/access.ts";
import { jsonBody } from "#base/http/body.ts";
import { contentHash } from "#base/http/render.ts";
import { HttpError } from "#base/http/http-error.ts";
import { queryFlag, queryText } from "#base/http/query.ts";
import { route, type LocalReply, type Route } from "#base/http/route.ts";
import { CodedError } from "#base/env/errors.ts";
import { AgentServiceDefinitionSchema } from "#base/protocol/catalog.ts";
import { maintenanceId } from "../local/maintenance.ts";
import { inBody, localService, serviceList } from "./consul-access.ts";
import type { ConsulDeps } from "./consul-deps.ts";
import { API_KEYS, spelled } from "../catalog/key-spelling.ts";
import { agentServiceShape } from "./shapes.ts";

/** https://developer.hashicorp.com/consul/api-docs/agent/service */
export function agentServiceRoutes(deps: ConsulDeps): Route[] {
  return [...readRoutes(deps), registerRoute(deps), deregisterRoute(deps), maintenanceRoute(deps)];
}

function readRoutes(deps: ConsulDeps): Route[] {
  const { agent, config } = deps;
  const local = (read: LocalReply["read"]): LocalReply => ({
    kind: "local",
    read,
    onChange: (listener) => agent.state.onChange(listener),
  });
  const { services } = agent.state;
  return [
    route({
      method: "GET",
      path: "/v1/agent/services",
      summary: "The services registered with this agent, by id",
      access: serviceList,
      filter: "values",
      handle: () =>
        local(() => ({
          value: Object.fromEntries(
            [...services].map(([id, { row }]) => [id, agentServiceShape(row, config.datacenter)]),
          ),
        })),
    }),
    route({
      method: "GET",
      path: "/v1/agent/service/:id",
      summary: "A service registered with this agent",
      access: localService(deps, "read"),
      handle: ({ params: { id } }) =>
        local(() => {
          const row = services.get(id)?.row;
          if (row === undefined) return { value: undefined, missing: `unknown service ID: ${id}` };
          const shape = agentServiceShape(row, config.datacenter);
          // Watches wait by the hash in the body, other clients by the header's.
          const hash = contentHash(shape);
          return { value: { ...shape, ContentHash: hash }, hash };
        }),
    }),
  ];
}

function registerRoute({ agent }: ConsulDeps): Route {
  return route({
    method: "PUT",
    path: "/v1/agent/service/register",
    summary: "Registers a service with this agent, and its checks",
    access: inBody("service", "write"),
    query: v.object({ "replace-existing-checks": queryFlag }),
    body: jsonBody(spelled(AgentServiceDefinitionSchema, API_KEYS)),
    target: ({ ID, Name }) => `service ${ID || Name}`,
    async handle({ body, query, access }) {
      demandService(agent, access, { id: body.ID || body.Name, name: body.Name });
      const replaceChecks = query["replace-existing-checks"];
      const done = agent.state.registerService(body, { origin: "api", replaceChecks });
      if (!done.ok) throw new CodedError(done.error.code, done.error.message, done.error.hint);
      await Promise.all([
        agent.files.keep({ kind: "service", id: body.ID || body.Name, definition: body }),
        agent.sync.settled(),
      ]);
      return { kind: "empty", status: 200 };
    },
  });
}

function deregisterRoute(deps: ConsulDeps): Route {
  const { agent } = deps;
  return route({
    method: "PUT",
    path: "/v1/agent/service/deregister/:id",
    summary: "Removes a service from this agent, with its checks",
    access: localService(deps, "write"),
    async handle({ params: { id } }) {
      const checks = agent.state.checksOf(id);
      if (!agent.state.deregisterService(id)) throw unknownService(id);
      const forgotten = checks.map((check) => agent.files.forget({ kind: "check", id: check }));
      await Promise.all([agent.files.forget({ kind: "service", id }), ...forgotten, agent.sync.settled()]);
      return { kind: "empty", status: 200 };
    },
  });
}

function maintenanceRoute(deps: ConsulDeps): Route {
  const { agent } = deps;
  return route({
    method: "PUT",
    path: "/v1/agent/service/maintenance/:id",
    summary: "Takes a service out of service, or back in",
    access: localService(deps, "write"),
    query: v.object({ enable: queryFlag, reason: queryText }),
    async handle({ params: { id: serviceId }, query, rawQuery }) {
      if (!rawQuery.has("enable")) throw new HttpError(400, "Missing value for enable");
      if (!agent.state.services.has(serviceId)) throw unknownService(serviceId);
      const id = maintenanceId(serviceId);
      if (query.enable) agent.state.enterMaintenance(serviceId, query.reason);
      else agent.state.deregisterCheck(id);
      const definition = agent.state.checks.get(id)?.registration.definition;
      await (definition === undefined
        ? agent.files.forget({ kind: "check", id })
        : agent.files.keep({ kind: "check", id, definition }));
      await agent.sync.settled();
      return { kind: "empty", status: 200 };
    },
  });
}

/** Its own name, and the name of whatever has its id now. Throws a 403. */
function demandService(
  agent: ConsulDeps["agent"],
  access: Access,
  { id, name }: { readonly id: string; readonly name: string },
): void {
  const before = agent.state.services.get(id)?.row.Service ?? name;
  for (const each of [name, before]) demand(access, { resource: "service", capability: "write", name: each });
}

function unknownService(id: string): HttpError {
  return new HttpError(
    404,
    `Unknown service ID ${JSON.stringify(id)}. Ensure that the service ID is passed, not the service name.`,
  );
}
