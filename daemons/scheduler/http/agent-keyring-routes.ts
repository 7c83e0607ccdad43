import * as v from "valibot";
import { jsonBody } from "#base/http/body.ts";
import { HttpError } from "#base/http/http-error.ts";
import { route, type Reply, type Route } from "#base/http/route.ts";
import { text } from "#base/protocol/schema.ts";
import type { AgentPool } from "./agent-pool.ts";
import type { NomadHttpDeps } from "./nomad-deps.ts";
import { writeAgent } from "./requests.ts";

const VERBS = ["list", "install", "use", "remove"] as const;
type Verb = (typeof VERBS)[number];

/** The keys gossip is encrypted with; one count for all servers and clients. */
export function agentKeyringRoutes({ agent }: NomadHttpDeps): Route[] {
  return [
    route({
      method: "GET",
      path: "/v1/agent/keyring/list",
      summary: "List the keys of gossip, and how many members have each",
      access: writeAgent,
      handle: () => answer(agent.pool, "list", ""),
    }),
    route({
      method: ["PUT", "POST", "DELETE"],
      path: "/v1/agent/keyring/:verb",
      summary: "Install a key of gossip, make it the one that encrypts, or remove it",
      access: writeAgent,
      body: jsonBody(v.object({ Key: text })),
      handle: ({ params, body }) => {
        const verb = VERBS.find((each) => each === params.verb);
        if (verb === undefined || verb === "list")
          throw new HttpError(404, `there is no ${params.verb}: expected install, use or remove`);
        if (body.Key === "") throw new HttpError(400, "Key is missing: `operator gossip keyring generate` makes one");
        return answer(agent.pool, verb, body.Key);
      },
    }),
  ];
}

async function answer(pool: AgentPool | undefined, verb: Verb, key: string): Promise<Reply> {
  if (pool === undefined) {
    throw new HttpError(
      501,
      "this agent takes no part in gossip: set discovery { gossip { enabled = true } } in its configuration",
    );
  }
  const done = await pool.keys(verb, key);
  if (!done.ok) {
    throw new HttpError(done.error.code === "KEY_FORMAT" ? 400 : 500, done.error.message);
  }
  const { messages, keys, nodes, responses, errors } = done.value;
  const trouble = Object.entries(messages).map(([node, message]) => `${node}: ${message}`);
  if (errors > 0) throw new HttpError(500, `${errors}/${nodes} nodes reported failure; ${trouble.join("; ")}`);
  if (responses < nodes) throw new HttpError(500, `${nodes - responses}/${nodes} nodes did not answer`);
  return { kind: "json", value: { Messages: messages, Keys: keys, NumNodes: nodes } };
}
