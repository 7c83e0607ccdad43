import * as v from "valibot";
import { CodedError } from "#base/env/errors.ts";
import { jsonBody } from "#base/http/body.ts";
import { HttpError } from "#base/http/http-error.ts";
import { queryText } from "#base/http/query.ts";
import { route, type Route } from "#base/http/route.ts";
import { AgentCheckDefinitionSchema, type CheckStatus } from "#base/protocol/catalog.ts";
import { text } from "#base/protocol/schema.ts";
import { demandCheck, demandKnownCheck, ownNode } from "./consul-access.ts";
import type { ConsulDeps } from "./consul-deps.ts";
import { API_KEYS, spelled } from "../catalog/key-spelling.ts";

const UpdateSchema = v.object({ Status: text, Output: text });

/** https://developer.hashicorp.com/consul/api-docs/agent/check */
export function agentCheckRoutes(deps: ConsulDeps): Route[] {
  return [listRoute(deps), registerRoute(deps), deregisterRoute(deps), ...heartbeatRoutes(deps)];
}

function listRoute(deps: ConsulDeps): Route {
  const { agent } = deps;
  const read = () => ({
    value: Object.fromEntries(
      [...agent.state.checks.keys()].flatMap((id) => {
        const row = agent.state.checkRow(id);
        return row === undefined ? [] : [[id, row]];
      }),
    ),
  });
  return route({
    method: "GET",
    path: "/v1/agent/checks",
    summary: "The checks registered with this agent, by id",
    access: ownNode(deps, "read"),
    filter: "values",
    handle: () => ({ kind: "local", read, onChange: (listener) => agent.state.onChange(listener) }),
  });
}

function registerRoute(deps: ConsulDeps): Route {
  return route({
    method: "PUT",
    path: "/v1/agent/check/register",
    summary: "Registers a check with this agent",
    access: { kind: "filtered" },
    body: jsonBody(spelled(AgentCheckDefinitionSchema, API_KEYS)),
    target: ({ CheckID, ID, Name }) => `check ${CheckID || ID || Name}`,
    async handle({ body, access }) {
      const { agent } = deps;
      demandCheck(deps, access, body.ServiceID);
      const done = agent.state.registerCheck(body, "api");
      if (!done.ok) throw new CodedError(done.error.code, done.error.message, done.error.hint);
      const id = body.CheckID || body.ID || body.Name;
      await Promise.all([agent.files.keep({ kind: "check", id, definition: body }), agent.sync.settled()]);
      return { kind: "empty", status: 200 };
    },
  });
}

function deregisterRoute(deps: ConsulDeps): Route {
  return route({
    method: "PUT",
    path: "/v1/agent/check/deregister/*id",
    summary: "Removes a check from this agent",
    access: { kind: "filtered" },
    async handle({ params: { id }, access }) {
      const { agent } = deps;
      demandKnownCheck(deps, access, id);
      if (!agent.state.deregisterCheck(id)) throw unknownCheck(id);
      await Promise.all([agent.files.forget({ kind: "check", id }), agent.sync.settled()]);
      return { kind: "empty", status: 200 };
    },
  });
}

function heartbeatRoutes(deps: ConsulDeps): Route[] {
  const rule = { kind: "filtered" } as const;
  const verbs = [
    ["pass", "passing"],
    ["warn", "warning"],
    ["fail", "critical"],
  ] as const;
  const notes = verbs.map(([verb, status]) =>
    route({
      method: "PUT",
      path: `/v1/agent/check/${verb}/*id`,
      summary: `Reports a TTL check as ${status}`,
      access: rule,
      query: v.object({ note: queryText }),
      async handle({ params, query, access }) {
        demandKnownCheck(deps, access, params["id"] ?? "");
        return heartbeat(deps, params["id"] ?? "", { status, output: query.note });
      },
    }),
  );
  const update = route({
    method: "PUT",
    path: "/v1/agent/check/update/*id",
    summary: "Reports a TTL check with a status and output",
    access: rule,
    body: jsonBody(spelled(UpdateSchema, API_KEYS)),
    async handle({ params: { id }, body, access }) {
      demandKnownCheck(deps, access, id);
      const { Status: status } = body;
      if (status !== "passing" && status !== "warning" && status !== "critical") {
        throw new HttpError(400, `Invalid check status: '${status}'`);
      }
      return heartbeat(deps, id, { status, output: body.Output });
    },
  });
  return [...notes, update];
}

async function heartbeat(
  { agent }: ConsulDeps,
  id: string,
  report: { readonly status: CheckStatus; readonly output: string },
): Promise<{ readonly kind: "empty"; readonly status: number }> {
  const check = agent.state.checks.get(id);
  if (check === undefined) throw unknownCheck(id);
  if (!check.runner.heartbeat(report.status, report.output)) {
    throw new HttpError(400, `check ${JSON.stringify(id)} is no TTL check: its status cannot be reported`);
  }
  await agent.sync.settled();
  return { kind: "empty", status: 200 };
}

function unknownCheck(id: string): HttpError {
  return new HttpError(
    404,
    `Unknown check ID ${JSON.stringify(id)}. Ensure that the check ID is passed, not the check name.`,
  );
}
