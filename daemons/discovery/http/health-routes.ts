import { HttpError } from "#base/http/http-error.ts";
import { route, type Route } from "#base/http/route.ts";
import { GLOBAL } from "#base/protocol/keys.ts";
import type { CatalogCheck } from "#base/protocol/catalog.ts";
import type { Row } from "#base/state/table.ts";
import { catalogChecks, catalogNodes, catalogServices } from "#base/state/tables.ts";
import { instancesOf } from "../catalog/instances.ts";
import { nodeInPath, nodeList, serviceInPath } from "./consul-access.ts";
import type { ConsulDeps } from "./consul-deps.ts";
import { isPassingOnly, nearFirst, nodeMetaFilter, selectInstances } from "./selection.ts";
import { checkShape, healthShape } from "./shapes.ts";

const TABLES = [catalogServices, catalogNodes, catalogChecks];

/** https://developer.hashicorp.com/consul/api-docs/health */
export function healthRoutes(deps: ConsulDeps): Route[] {
  return [serviceRoute(deps), nodeRoute(deps), checksRoute(deps), stateRoute(deps)];
}

function serviceRoute(deps: ConsulDeps): Route {
  const { view, changes } = deps;
  return route({
    method: "GET",
    path: "/v1/health/service/:service",
    summary: "A service's instances with their nodes and checks",
    access: serviceInPath,
    tables: TABLES,
    filter: "items",
    handle({ params: { service }, rawQuery }) {
      const passing = isPassingOnly(rawQuery);
      const read = () => {
        const all = selectInstances(deps, instancesOf(view, service), rawQuery);
        const chosen = passing ? all.filter((instance) => instance.status === "passing") : all;
        return { index: changes.ofService(service), value: chosen.map(healthShape) };
      };
      return { kind: "state", read };
    },
  });
}

function nodeRoute({ view, changes }: ConsulDeps): Route {
  return route({
    method: "GET",
    path: "/v1/health/node/:node",
    summary: "Every check on a node",
    access: nodeInPath,
    tables: TABLES,
    filter: "items",
    handle({ params: { node } }) {
      const read = () => ({
        index: changes.ofNode(node),
        value: inOrder(view.table(catalogChecks).by("node", node)).map(checkShape),
      });
      return { kind: "state", read };
    },
  });
}

function checksRoute(deps: ConsulDeps): Route {
  const { view, changes } = deps;
  return route({
    method: "GET",
    path: "/v1/health/checks/:service",
    summary: "The checks of a service's instances",
    access: serviceInPath,
    tables: TABLES,
    filter: "items",
    handle({ params: { service }, rawQuery }) {
      const read = () => {
        const checks = onNodes(deps, inOrder(view.table(catalogChecks).by("service", service)), rawQuery);
        return { index: changes.ofService(service), value: checks.map(checkShape) };
      };
      return { kind: "state", read };
    },
  });
}

function stateRoute(deps: ConsulDeps): Route {
  const { view } = deps;
  return route({
    method: "GET",
    path: "/v1/health/state/:state",
    summary: "The checks in a state, or in any",
    access: nodeList(),
    tables: TABLES,
    filter: "items",
    handle({ params: { state }, rawQuery }) {
      if (!["any", "passing", "warning", "critical"].includes(state)) {
        throw new HttpError(
          400,
          `Invalid check state ${JSON.stringify(state)}: expected any, passing, warning or critical`,
        );
      }
      const read = () => {
        const table = view.table(catalogChecks);
        const rows = inOrder(state === "any" ? table.list(GLOBAL) : table.by("status", state));
        return { index: table.lastIndex, value: onNodes(deps, rows, rawQuery).map(checkShape) };
      };
      return { kind: "state", read };
    },
  });
}

function onNodes(
  deps: ConsulDeps,
  checks: readonly Row<CatalogCheck>[],
  query: ReadonlyMap<string, readonly string[]>,
): readonly Row<CatalogCheck>[] {
  const { view } = deps;
  const hasMeta = nodeMetaFilter(query);
  const nodes = view.table(catalogNodes);
  const chosen = query.has("node-meta")
    ? checks.filter((check) => hasMeta({ Meta: nodes.get(GLOBAL, check.value.Node)?.value.Meta ?? {} }))
    : checks;
  return nearFirst(deps, chosen, { query, nodeOf: (check) => check.value.Node });
}

function inOrder(rows: Iterable<Row<CatalogCheck>>): readonly Row<CatalogCheck>[] {
  return [...rows].toSorted((a, b) => (a.id < b.id ? -1 : 1));
}
