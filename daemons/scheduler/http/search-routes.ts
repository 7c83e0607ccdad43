import * as v from "valibot";
import { jsonBody } from "#base/http/body.ts";
import { HttpError } from "#base/http/http-error.ts";
import { route, type Reply, type Route } from "#base/http/route.ts";
import { text } from "#base/protocol/schema.ts";
import { CONTEXTS, FOREIGN_CONTEXTS, type SearchContext } from "../server/search/contexts.ts";
import { DEFAULT_SEARCH_LIMITS, searchFuzzy } from "../server/search/fuzzy-search.ts";
import { searchPrefix } from "../server/search/prefix-search.ts";
import type { NomadHttpDeps } from "./nomad-deps.ts";
import { namespaced, namespaceFilter, readJob } from "./requests.ts";

/** https://developer.hashicorp.com/nomad/api-docs/search */
export function searchRoutes({ server, agent }: NomadHttpDeps): Route[] {
  const { view } = server.context.state;
  const searching = { method: ["PUT", "POST"], access: readJob, query: v.object(namespaced) } as const;
  const answer = (value: object): Reply => ({
    kind: "json",
    index: view.index,
    value: { ...value, Index: view.index, KnownLeader: true, LastContact: 0 },
  });
  return [
    route({
      ...searching,
      path: "/v1/search",
      summary: "Find ids by their first characters",
      body: jsonBody(v.object({ Prefix: text, Context: text })),
      handle: ({ body, query }) => {
        const scope = { view, namespace: namespaceFilter(query.namespace) };
        return answer(searchPrefix(scope, body.Prefix, contextsOf(body.Context)));
      },
    }),
    route({
      ...searching,
      path: "/v1/search/fuzzy",
      summary: "Find things by any part of their names",
      body: jsonBody(v.object({ Text: text, Context: text })),
      handle: ({ body, query }) => {
        const limits = agent.search ?? DEFAULT_SEARCH_LIMITS;
        if (!limits.fuzzyEnabled) {
          throw new HttpError(400, "fuzzy search is not enabled: set server { search { fuzzy_enabled = true } }");
        }
        const length = Array.from(body.Text).length;
        if (length < limits.minTermLength) {
          throw new HttpError(
            400,
            `fuzzy search query must be at least ${limits.minTermLength} characters, got ${length}`,
          );
        }
        const scope = { view, namespace: namespaceFilter(query.namespace) };
        return answer(searchFuzzy(scope, body.Text, { contexts: contextsOf(body.Context), limits }));
      },
    }),
  ];
}

function contextsOf(context: string): readonly SearchContext[] {
  if (context === "" || context === "all") return CONTEXTS;
  const known = CONTEXTS.filter((each) => each === context);
  if (known.length > 0 || FOREIGN_CONTEXTS.includes(context)) return known;
  throw new HttpError(400, `Context ${JSON.stringify(context)} is not known: expected all, ${CONTEXTS.join(", ")}`);
}
