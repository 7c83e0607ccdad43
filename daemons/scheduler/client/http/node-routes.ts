import * as v from "valibot";
import { jsonBody } from "#base/http/body.ts";
import { HttpError } from "#base/http/http-error.ts";
import { queryText } from "#base/http/query.ts";
import { route, type Route } from "#base/http/route.ts";
import { text } from "#base/protocol/schema.ts";
import type { NodeMetadata } from "../node-metadata.ts";
import { readNode, refuse, writeNode, type ClientHttpDeps } from "./client-deps.ts";
import { createHostStats } from "./host-stats.ts";

const targeted = v.object({ node_id: queryText });
const MetadataBody = v.object({ NodeID: text, Meta: v.record(v.string(), v.nullable(v.string())) });

/** What this node answers about itself. https://developer.hashicorp.com/nomad/api-docs/client */
export function clientNodeRoutes(deps: ClientHttpDeps): Route[] {
  const stats = createHostStats(deps.env, deps.client.allocsRoot, deps.client.devices);
  return [
    route({
      method: "GET",
      path: "/v1/client/stats",
      summary: "Measures this machine",
      access: readNode,
      query: targeted,
      handle: async ({ query }) => {
        requireOwn(deps, query.node_id);
        return { kind: "json", value: await stats() };
      },
    }),
    route({
      method: ["PUT", "POST", "GET"],
      path: "/v1/client/gc",
      summary: "Removes the folders of ended allocations",
      access: writeNode,
      query: targeted,
      async handle({ query }) {
        requireOwn(deps, query.node_id);
        await deps.client.collectGarbage();
        return { kind: "json", value: {} };
      },
    }),
    ...metadataRoutes(deps),
    ...identityRoutes(deps),
  ];
}

function metadataRoutes(deps: ClientHttpDeps): Route[] {
  return [
    route({
      method: "GET",
      path: "/v1/client/metadata",
      summary: "Reads this node's metadata: of its configuration, set while it runs, and both together",
      access: readNode,
      query: targeted,
      handle({ query }) {
        requireOwn(deps, query.node_id);
        return { kind: "json", value: metadataAnswer(deps.client.metadata()) };
      },
    }),
    route({
      method: ["PUT", "POST"],
      path: "/v1/client/metadata",
      summary: "Sets keys of this node's metadata; null hides one",
      access: writeNode,
      query: targeted,
      body: jsonBody(MetadataBody),
      async handle({ query, body }) {
        requireOwn(deps, query.node_id === "" ? body.NodeID : query.node_id);
        const done = await deps.client.updateMetadata(body.Meta);
        if (!done.ok) throw refuse(done.error);
        return { kind: "json", value: metadataAnswer(deps.client.metadata()) };
      },
    }),
  ];
}

/** https://developer.hashicorp.com/nomad/commands/node/identity */
function identityRoutes(deps: ClientHttpDeps): Route[] {
  return [
    route({
      method: "GET",
      path: "/v1/client/identity",
      summary: "Reads what the servers signed of this node: the claims, not the token",
      access: readNode,
      query: targeted,
      handle({ query }) {
        requireOwn(deps, query.node_id);
        const { claims } = deps.client.token();
        if (claims === undefined) throw new HttpError(404, "node identity not found: no server has signed one yet");
        return { kind: "json", value: { Claims: claims } };
      },
    }),
    route({
      method: ["PUT", "POST"],
      path: "/v1/client/identity/renew",
      summary: "Makes this node ask for a new identity with its next heartbeat",
      access: writeNode,
      query: targeted,
      body: jsonBody(v.object({ NodeID: text })),
      handle({ query, body }) {
        requireOwn(deps, query.node_id === "" ? body.NodeID : query.node_id);
        deps.client.token().renew();
        return { kind: "json", value: {} };
      },
    }),
  ];
}

function metadataAnswer(metadata: NodeMetadata) {
  return { Meta: metadata.merged(), Dynamic: metadata.dynamic, Static: metadata.fixed };
}

/** Other nodes answer for themselves. */
function requireOwn({ client }: ClientHttpDeps, nodeId: string): void {
  if (nodeId === "" || nodeId === client.node().ID) return;
  throw new HttpError(404, `Unknown node: ${nodeId}; this agent's node is ${client.node().ID}`);
}
