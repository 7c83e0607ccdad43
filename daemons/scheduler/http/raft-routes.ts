import * as v from "valibot";
import { HttpError } from "#base/http/http-error.ts";
import { queryFlag, queryText } from "#base/http/query.ts";
import { route, type Route } from "#base/http/route.ts";
import { serversOf, type KnownServer } from "./answers/servers.ts";
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
        const Servers = serversOf(agent).map(({ id, address, isLeader }) => ({
          ID: id,
          Node: id,
          Address: address,
          Leader: isLeader,
          Voter: true,
          RaftProtocol: "3",
        }));
        return { kind: "json", value: { Servers, Index: state.index } };
      },
    }),
    route({
      method: "DELETE",
      path: "/v1/operator/raft/peer",
      summary: "Remove a server",
      access: management,
      query: target,
      handle: async ({ query }) => {
        const found = find(agent, query);
        if (serversOf(agent).length === 1)
          throw new HttpError(400, "this is the only server: without it there is no cluster");
        if (found.isLeader) throw new HttpError(400, "this server leads: let another one lead first");
        const removed = await agent.servers?.remove(found.nodeId);
        if (removed?.ok === false) throw new HttpError(400, removed.error.message);
        return { kind: "empty", status: 200 };
      },
    }),
    route({
      method: ["PUT", "POST"],
      path: "/v1/operator/raft/transfer-leadership",
      summary: "Let another server lead",
      access: management,
      query: target,
      handle: async ({ query }) => {
        const found = find(agent, query);
        if (found.isLeader) {
          const only = serversOf(agent).length === 1 ? ", and is the only one" : "";
          throw new HttpError(400, `cannot transfer leadership: this server leads already${only}`);
        }
        const done = await agent.servers?.transferLeadership(found.nodeId);
        if (done?.ok === false) throw new HttpError(500, `cannot transfer leadership: ${done.error.message}`);
        return { kind: "json", value: { From: idOfSelf(agent), To: found.id, Noop: false, Err: null } };
      },
    }),
  ];
}

function idOfSelf(agent: AgentFacts): string {
  return `${agent.name}.${agent.region}`;
}

function find(agent: AgentFacts, { id, address }: v.InferOutput<typeof target>): KnownServer {
  if ((id === "") === (address === "")) {
    throw new HttpError(400, "must specify either ?id with the server's ID or ?address with IP:PORT of peer");
  }
  const found = serversOf(agent).find((one) =>
    id === "" ? one.address === address : one.id === id || one.nodeId === id,
  );
  if (found !== undefined) return found;
  const what = id === "" ? `address ${JSON.stringify(address)}` : `id ${JSON.stringify(id)}`;
  throw new HttpError(404, `${what} was not found in the Raft configuration`);
}
