import * as v from "valibot";
import { jsonBody } from "#base/http/body.ts";
import { HttpError } from "#base/http/http-error.ts";
import { queryFlag, queryText, queryTexts } from "#base/http/query.ts";
import { route, type Route } from "#base/http/route.ts";
import { integer, texts } from "#base/protocol/schema.ts";
import { rpcAddressOf } from "./answers/agent.ts";
import type { AgentFacts, NomadHttpDeps } from "./nomad-deps.ts";
import { readAgent, writeAgent } from "./requests.ts";

const NO_GOSSIP =
  "this agent takes no part in gossip: set discovery { gossip { enabled = true } } in its configuration";
const ALONE = "this version runs the cluster on one server and joins no others";
/** What one worker takes evaluations of. */
const SCHEDULERS = ["service", "batch", "system", "sysbatch", "_core"];

/** Servers that come and go, and the workers of this one. https://developer.hashicorp.com/nomad/api-docs/agent */
export function agentMemberRoutes({ agent, server }: NomadHttpDeps): Route[] {
  return [
    route({
      method: ["PUT", "POST"],
      path: "/v1/agent/join",
      summary: "Join other servers",
      access: writeAgent,
      query: v.object({ address: queryTexts }),
      handle: async ({ query }) => {
        if (query.address.length === 0) throw new HttpError(400, "missing address to join");
        const others = query.address.filter((address) => !isSelf(agent, address));
        const own = query.address.length - others.length;
        if (others.length === 0) return { kind: "json", value: { num_joined: own, error: "" } };
        const { joined, failures } = (await agent.pool?.join(others)) ?? {
          joined: 0,
          failures: [{ message: `cannot join ${others.join(", ")}: ${NO_GOSSIP}` }],
        };
        const error = failures.map(({ message }) => message).join("; ");
        return { kind: "json", value: { num_joined: joined + own, error } };
      },
    }),
    route({
      method: ["PUT", "POST"],
      path: "/v1/agent/force-leave",
      summary: "Give up a server that failed",
      access: writeAgent,
      query: v.object({ node: queryText, prune: queryFlag }),
      handle: async ({ query }) => {
        if (query.node === "") throw new HttpError(400, "missing node to force leave");
        const name = query.node.endsWith(`.${agent.region}`)
          ? query.node.slice(0, -agent.region.length - 1)
          : query.node;
        const member = [{ name: agent.name, status: "alive" }, ...(agent.pool?.members() ?? [])].find(
          (each) => each.name === name || each.name === query.node,
        );
        if (member === undefined)
          throw new HttpError(404, `there is no member "${query.node}"; "server members" lists them`);
        if (member.status === "alive" || agent.pool === undefined)
          throw new HttpError(400, `member "${query.node}" is alive: only failed members can be made to leave`);
        const done = await agent.pool.forceLeave(member.name, query.prune);
        if (!done.ok) throw new HttpError(500, done.error.message);
        return { kind: "json", value: {} };
      },
    }),
    route({
      method: ["PUT", "POST"],
      path: "/v1/agent/servers",
      summary: "Say which servers this agent's client talks to",
      access: writeAgent,
      query: v.object({ address: queryTexts }),
      handle: ({ query }) => {
        if (query.address.length === 0) throw new HttpError(400, "missing server address");
        const others = query.address.filter((address) => !isSelf(agent, address));
        if (others.length > 0) throw new HttpError(400, `cannot use ${others.join(", ")}: ${ALONE}`);
        return { kind: "empty", status: 200 };
      },
    }),
    ...schedulerRoutes(agent, () => server.configuration().PauseEvalBroker),
  ];
}

function schedulerRoutes(agent: AgentFacts, isPaused: () => boolean): Route[] {
  const server_id = `${agent.name}.${agent.region}`;
  const config = { server_id, num_schedulers: 1, enabled_schedulers: SCHEDULERS };
  return [
    route({
      method: "GET",
      path: "/v1/agent/schedulers",
      summary: "Read how this server's scheduler worker is doing",
      access: readAgent,
      handle: () => {
        const worker = {
          id: server_id,
          enabled_schedulers: SCHEDULERS,
          started: agent.startedAt ?? "",
          status: isPaused() ? "Paused" : "Started",
          workload_status: isPaused() ? "Paused" : "WaitingToDequeue",
        };
        return { kind: "json", value: { server_id, schedulers: [worker] } };
      },
    }),
    route({
      method: "GET",
      path: "/v1/agent/schedulers/config",
      summary: "Read how many scheduler workers this server has",
      access: readAgent,
      handle: () => ({ kind: "json", value: config }),
    }),
    route({
      method: ["PUT", "POST"],
      path: "/v1/agent/schedulers/config",
      summary: "Set how many scheduler workers this server has",
      access: writeAgent,
      body: jsonBody(v.object({ num_schedulers: integer, enabled_schedulers: texts })),
      handle: ({ body }) => {
        const unknown = body.enabled_schedulers.filter((name) => !SCHEDULERS.includes(name));
        if (unknown.length > 0) {
          throw new HttpError(400, `unknown schedulers ${unknown.join(", ")}: expected ${SCHEDULERS.join(", ")}`);
        }
        const all = body.enabled_schedulers.length === 0 || body.enabled_schedulers.length === SCHEDULERS.length;
        if (body.num_schedulers !== 1 || !all) {
          throw new HttpError(
            400,
            "one worker schedules jobs of all kinds here: expected num_schedulers 1 and every scheduler enabled; " +
              "PauseEvalBroker in the scheduler configuration stops it",
          );
        }
        return { kind: "json", value: config };
      },
    }),
  ];
}

/** With or without the port. */
function isSelf(agent: AgentFacts, address: string): boolean {
  return address === rpcAddressOf(agent) || address === agent.rpcAddress.host;
}
