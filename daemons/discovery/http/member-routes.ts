import * as v from "valibot";
import { HttpError } from "#base/http/http-error.ts";
import { queryFlag, queryText } from "#base/http/query.ts";
import { route, type Route } from "#base/http/route.ts";
import { nodeList, ownAgent } from "./consul-access.ts";
import { capability, type ConsulDeps } from "./consul-deps.ts";
import { membersOf } from "./members.ts";

type Gossip = NonNullable<ConsulDeps["surroundings"]["gossip"]>;

/** Who is a member, and who comes and goes. https://developer.hashicorp.com/consul/api-docs/agent */
export function memberRoutes(deps: ConsulDeps): Route[] {
  const { config } = deps;
  return [
    route({
      method: "GET",
      path: "/v1/agent/members",
      summary: "The members of the gossip pool",
      access: nodeList("Name"),
      filter: "items",
      query: v.object({ wan: queryFlag, segment: queryText }),
      handle: ({ query }) => {
        if (query.segment !== "" && query.segment !== "_all")
          throw new HttpError(400, `there is no segment ${JSON.stringify(query.segment)}: all members are in one`);
        const members = membersOf(deps);
        // The pool of several datacenters is that of their servers; there is one datacenter.
        const servers = members.filter((member) => Reflect.get(member.Tags, "role") === "consul");
        const wan = servers.map((member) => ({ ...member, Name: `${member.Name}.${config.datacenter}` }));
        return { kind: "json", value: query.wan ? wan : members };
      },
    }),
    route({
      method: "PUT",
      path: "/v1/agent/join/:address",
      summary: "Joins the members at an address",
      access: ownAgent(deps, "write"),
      async handle({ params }) {
        const { joined, failures } = await gossipOf(deps).serf.join([params.address]);
        if (joined === 0) throw new HttpError(500, `cannot join ${params.address}: ${failures[0]?.message ?? ""}`);
        return { kind: "empty", status: 200 };
      },
    }),
    route({
      method: "PUT",
      path: "/v1/agent/leave",
      summary: "Leaves the cluster and ends the agent",
      access: ownAgent(deps, "write"),
      async handle() {
        await gossipOf(deps).leave();
        return { kind: "empty", status: 200 };
      },
    }),
    route({
      method: "PUT",
      path: "/v1/agent/force-leave/:node",
      summary: "Takes a member that failed for one that left",
      access: capability("operator", "write"),
      query: v.object({ prune: queryFlag, wan: queryFlag }),
      async handle({ params, query }) {
        const done = await gossipOf(deps).serf.forceLeave(params.node, query.prune);
        if (!done.ok) throw new HttpError(500, done.error.message);
        return { kind: "empty", status: 200 };
      },
    }),
  ];
}

/** Throws where there is none. */
export function gossipOf({ surroundings }: ConsulDeps): Gossip {
  if (surroundings.gossip !== undefined) return surroundings.gossip;
  throw new HttpError(
    501,
    "this agent takes no part in gossip: set discovery { gossip { enabled = true } } in its configuration",
  );
}
