import * as v from "valibot";
import { jsonBody } from "#base/http/body.ts";
import { PERMISSION_DENIED, type Access } from "#base/http/access.ts";
import { HttpError } from "#base/http/http-error.ts";
import { route, type Reply, type Route } from "#base/http/route.ts";
import { text } from "#base/protocol/schema.ts";
import { CONTEXTS, FOREIGN_CONTEXTS, type IsVisible, type SearchContext } from "../server/search/contexts.ts";
import { DEFAULT_SEARCH_LIMITS, searchFuzzy } from "../server/search/fuzzy-search.ts";
import { searchPrefix } from "../server/search/prefix-search.ts";
import { inSlices } from "../server/schedule/steps.ts";
import type { NomadHttpDeps } from "./nomad-deps.ts";
import { namespaced, namespaceFilter } from "./requests.ts";

/** https://developer.hashicorp.com/nomad/api-docs/search */
export function searchRoutes({ server, agent }: NomadHttpDeps): Route[] {
  const { view } = server.context.state;
  const searching = { method: ["PUT", "POST"], access: filtered, query: v.object(namespaced) } as const;
  const answer = (value: object): Reply => ({
    kind: "json",
    index: view.index,
    headers: { "X-Nomad-KnownLeader": "true", "X-Nomad-LastContact": "0" },
    value: { ...value, Index: view.index, KnownLeader: true, LastContact: 0 },
  });
  return [
    route({
      ...searching,
      path: "/v1/search",
      summary: "Find ids by their first characters",
      body: jsonBody(v.object({ Prefix: text, Context: text })),
      handle: ({ body, query, access }) => {
        const scope = { view, namespace: namespaceFilter(query.namespace), isVisible: visibleTo(access) };
        return answer(searchPrefix(scope, body.Prefix, contextsOf(body.Context, access)));
      },
    }),
    route({
      ...searching,
      path: "/v1/search/fuzzy",
      summary: "Find things by any part of their names",
      body: jsonBody(v.object({ Text: text, Context: text })),
      handle: async ({ body, query, access }) => {
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
        const scope = { view, namespace: namespaceFilter(query.namespace), isVisible: visibleTo(access) };
        const steps = searchFuzzy(scope, body.Text, { contexts: contextsOf(body.Context, access), limits });
        return answer(await inSlices(steps, server.context.env.clock));
      },
    }),
  ];
}

const filtered = { kind: "filtered" } as const;

/** What of each context takes which capability; of variables the path counts too. */
const CAPABILITIES: Readonly<Record<SearchContext, readonly [resource: string, capability: string]>> = {
  allocs: ["namespace", "read-job"],
  deployment: ["namespace", "read-job"],
  evals: ["namespace", "read-job"],
  jobs: ["namespace", "list-jobs"],
  namespaces: ["namespace", "any"],
  node_pools: ["node-pool", "read"],
  nodes: ["node", "read"],
  plugins: ["plugin", "list"],
  scaling_policy: ["namespace", "list-scaling-policies"],
  vars: ["variables", "list"],
  volumes: ["node", "read"],
};

function visibleTo(access: Access): IsVisible {
  return (context, namespace, id) => {
    const [resource, capability] = CAPABILITIES[context];
    const isNamed = context === "namespaces" || resource === "node-pool";
    const name =
      resource === "variables" ? `${namespace}/${id}` : isNamed ? id : resource === "namespace" ? namespace : "";
    return access.isManagement || access.allows(resource, capability, name);
  };
}

/** Those of them that are open to whoever asks. Throws a 403 when none is. */
function contextsOf(context: string, access: Access): readonly SearchContext[] {
  const wanted = knownContexts(context);
  const open = wanted.filter((each) => access.isManagement || access.allowsSome(...CAPABILITIES[each]));
  if (open.length === 0 && wanted.length > 0) throw new HttpError(403, PERMISSION_DENIED);
  return open;
}

function knownContexts(context: string): readonly SearchContext[] {
  if (context === "" || context === "all") return CONTEXTS;
  const known = CONTEXTS.filter((each) => each === context);
  if (known.length > 0 || FOREIGN_CONTEXTS.includes(context)) return known;
  throw new HttpError(400, `Context ${JSON.stringify(context)} is not known: expected all, ${CONTEXTS.join(", ")}`);
}
