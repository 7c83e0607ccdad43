import * as v from "valibot";
import { jsonBody } from "#base/http/body.ts";
import { HttpError } from "#base/http/http-error.ts";
import { route, type Route } from "#base/http/route.ts";
import { GLOBAL } from "#base/protocol/keys.ts";
import { text } from "#base/protocol/schema.ts";
import type { Row, TableView } from "#base/state/table.ts";
import { allocs, deployments, evals, jobs, nodes } from "#base/state/tables.ts";
import type { NomadHttpDeps } from "./nomad-deps.ts";
import { namespaceFilter, namespaced, readJob } from "./requests.ts";

/** Matches given per kind; more are cut off and flagged. */
const MAX_MATCHES = 20;
const CONTEXTS = ["jobs", "evals", "allocs", "nodes", "deployment"] as const;
/** Kinds of things this cluster has none of. */
const EMPTY_CONTEXTS: readonly string[] = [
  "plugins",
  "volumes",
  "quotas",
  "recommendations",
  "scaling_policy",
  "vars",
  "node_pools",
  "namespaces",
];

/** Ids by prefix: how clients turn a short id into a full one. https://developer.hashicorp.com/nomad/api-docs/search */
export function searchRoutes({ server }: NomadHttpDeps): Route[] {
  const { view } = server.context.state;
  return [
    route({
      method: ["PUT", "POST"],
      path: "/v1/search",
      summary: "Find ids by their first characters",
      access: readJob,
      query: v.object(namespaced),
      body: jsonBody(v.object({ Prefix: text, Context: text })),
      handle: ({ body, query }) => {
        const contexts =
          body.Context === "" || body.Context === "all" ? CONTEXTS : CONTEXTS.filter((each) => each === body.Context);
        if (contexts.length === 0 && !EMPTY_CONTEXTS.includes(body.Context)) {
          throw new HttpError(
            400,
            `Context ${JSON.stringify(body.Context)} is not known: expected all, ${CONTEXTS.join(", ")}`,
          );
        }
        const Matches: Record<string, string[]> = {};
        const Truncations: Record<string, boolean> = {};
        for (const context of contexts) {
          const found = matchesOf(context, query.namespace, body.Prefix);
          if (found.length > 0) Matches[context] = found.slice(0, MAX_MATCHES);
          Truncations[context] = found.length > MAX_MATCHES;
        }
        return { kind: "json", value: { Matches, Truncations }, index: view.index };
      },
    }),
  ];

  function matchesOf(context: (typeof CONTEXTS)[number], namespace: string, prefix: string): string[] {
    const within = namespaceFilter(namespace);
    switch (context) {
      case "jobs":
        return idsOf(view.table(jobs), within, prefix);
      case "evals":
        return idsOf(view.table(evals), within, prefix);
      case "allocs":
        return idsOf(view.table(allocs), within, prefix);
      case "deployment":
        return idsOf(view.table(deployments), within, prefix);
      case "nodes":
        return idsOf(view.table(nodes), GLOBAL, prefix);
    }
  }
}

/** One more than is given, to know that there are more. */
function idsOf<T>(table: TableView<T>, namespace: string | undefined, prefix: string): string[] {
  const ids: string[] = [];
  for (const { id } of takeRows(table.list(namespace, prefix))) ids.push(id);
  return ids;
}

function* takeRows<T>(rows: Iterable<Row<T>>): Generator<Row<T>, void, void> {
  let count = 0;
  for (const row of rows) {
    if (count > MAX_MATCHES) return;
    count += 1;
    yield row;
  }
}
