import * as v from "valibot";
import { jsonBody } from "#base/http/body.ts";
import { HttpError } from "#base/http/http-error.ts";
import { route, type Route } from "#base/http/route.ts";
import type { KeyReport, KeyVerb } from "../serf/core/key-queries.ts";
import { capability, type ConsulDeps } from "./consul-deps.ts";
import { gossipOf } from "./member-routes.ts";

const VERBS = { POST: "install", PUT: "use", DELETE: "remove" } as const;
const KeySchema = v.object({ Key: v.string() });

/** The keys gossip is encrypted with. https://developer.hashicorp.com/consul/api-docs/operator/keyring */
export function gossipKeyRoutes(deps: ConsulDeps): Route[] {
  const { config } = deps;
  const change = (method: keyof typeof VERBS, summary: string): Route =>
    route({
      method,
      path: "/v1/operator/keyring",
      summary,
      access: capability("keyring", "write"),
      body: jsonBody(KeySchema),
      async handle({ body }) {
        const report = await ask(deps, VERBS[method], body.Key);
        const trouble = Object.entries(report.messages).map(([node, message]) => `${node}: ${message}`);
        if (report.errors > 0)
          throw new HttpError(500, `${report.errors}/${report.nodes} nodes reported failure; ${trouble.join("; ")}`);
        if (report.responses < report.nodes)
          throw new HttpError(500, `${report.nodes - report.responses}/${report.nodes} nodes did not answer`);
        return { kind: "empty", status: 200 };
      },
    });
  return [
    route({
      method: "GET",
      path: "/v1/operator/keyring",
      summary: "The keys of the members, and how many have each",
      access: capability("keyring", "read"),
      async handle() {
        const report = await ask(deps, "list", "");
        const pool = {
          WAN: false,
          Datacenter: config.datacenter,
          Segment: "",
          Messages: report.messages,
          Keys: report.keys,
          PrimaryKeys: report.primaryKeys,
          NumNodes: report.nodes,
        };
        return { kind: "json", value: [pool] };
      },
    }),
    change("POST", "Adds a key that decrypts"),
    change("PUT", "Makes a key the one that encrypts"),
    change("DELETE", "Forgets a key"),
  ];
}

async function ask(deps: ConsulDeps, verb: KeyVerb, key: string): Promise<KeyReport> {
  const report = await gossipOf(deps).serf.keys(verb, key);
  if (report.ok) return report.value;
  throw new HttpError(report.error.code === "KEY_FORMAT" ? 400 : 500, report.error.message);
}
