import * as v from "valibot";
import { HttpError } from "#base/http/http-error.ts";
import { queryText } from "#base/http/query.ts";
import { route, type Route } from "#base/http/route.ts";
import { capability, type ConsulDeps } from "./consul-deps.ts";
import { knownServers, type KnownServer } from "./known-servers.ts";

const writeOperator = capability("operator", "write");

/** Who leads, by Consul's routes. https://developer.hashicorp.com/consul/api-docs/operator/raft */
export function leaderRoutes(deps: ConsulDeps): Route[] {
  const { servers } = deps.surroundings;
  return [
    route({
      method: "POST",
      path: "/v1/operator/raft/transfer-leader",
      summary: "Let another server lead",
      access: writeOperator,
      query: v.object({ id: queryText }),
      handle: async ({ query }) => {
        if (servers === undefined) throw new HttpError(400, "cannot transfer leadership: this is the only server");
        const target = query.id === "" ? undefined : find(deps, query.id).id;
        const done = await servers.transferLeadership(target);
        if (!done.ok) throw new HttpError(500, `cannot transfer leadership: ${done.error.message}`);
        return { kind: "json", value: { Success: true } };
      },
    }),
    route({
      method: "DELETE",
      path: "/v1/operator/raft/peer",
      summary: "Remove a server",
      access: writeOperator,
      query: v.object({ id: queryText, address: queryText }),
      handle: async ({ query }) => {
        const found = find(deps, query.id === "" ? query.address : query.id);
        if (servers === undefined || found.isLeader)
          throw new HttpError(400, "this server leads: let another one lead first");
        const removed = await servers.remove(found.id);
        if (!removed.ok) throw new HttpError(400, removed.error.message);
        return { kind: "empty", status: 200 };
      },
    }),
  ];
}

function find(deps: ConsulDeps, name: string): KnownServer {
  const found = knownServers(deps).find(({ id, address }) => id === name || address === name);
  if (found === undefined) throw new HttpError(404, `server ${JSON.stringify(name)} is not in the cluster`);
  return found;
}
