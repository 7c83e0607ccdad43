import * as v from "valibot";
import { HttpError } from "#base/http/http-error.ts";
import { queryFlag, queryText } from "#base/http/query.ts";
import { route, type Route } from "#base/http/route.ts";
import { rpcAddressOf } from "./answers/agent.ts";
import type { AgentFacts, NomadHttpDeps } from "./nomad-deps.ts";
import { management } from "./requests.ts";

const target = v.object({ id: queryText, address: queryText });

/** The servers that hold the state. https://developer.hashicorp.com/nomad/api-docs/operator/raft */
export function raftRoutes({ agent, server }: NomadHttpDeps): Route[] {
  const { state } = server.context;
  return [
    route({
      method: "GET",
      path: "/v1/operator/raft/configuration",
      summary: "List the servers that hold the state",
      access: management,
      query: v.object({ stale: queryFlag }),
      handle: () => {
        const only = {
          ID: raftIdOf(agent),
          Node: `${agent.name}.${agent.region}`,
          Address: rpcAddressOf(agent),
          Leader: true,
          Voter: true,
          RaftProtocol: "3",
        };
        return { kind: "json", value: { Servers: [only], Index: state.index } };
      },
    }),
    route({
      method: "DELETE",
      path: "/v1/operator/raft/peer",
      summary: "Remove a server",
      access: management,
      query: target,
      handle: ({ query }) => {
        requireOnly(agent, query);
        throw new HttpError(400, "this is the only server: without it there is no cluster");
      },
    }),
    route({
      method: ["PUT", "POST"],
      path: "/v1/operator/raft/transfer-leadership",
      summary: "Let another server lead",
      access: management,
      query: target,
      handle: ({ query }) => {
        requireOnly(agent, query);
        throw new HttpError(400, "cannot transfer leadership: this server leads already, and is the only one");
      },
    }),
  ];
}

/** A name, as one server needs no other id. */
export function raftIdOf(agent: AgentFacts): string {
  return `${agent.name}.${agent.region}`;
}

function requireOnly(agent: AgentFacts, { id, address }: v.InferOutput<typeof target>): void {
  if ((id === "") === (address === "")) {
    throw new HttpError(400, "must specify either ?id with the server's ID or ?address with IP:PORT of peer");
  }
  if (id !== "" && id !== raftIdOf(agent)) {
    throw new HttpError(404, `id ${JSON.stringify(id)} was not found in the Raft configuration`);
  }
  if (address !== "" && address !== rpcAddressOf(agent)) {
    throw new HttpError(404, `address ${JSON.stringify(address)} was not found in the Raft configuration`);
  }
}
