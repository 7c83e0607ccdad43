import { demand, type Access } from "#base/http/access.ts";
import { jsonBody } from "#base/http/body.ts";
import { filterOf } from "#base/http/list-shape.ts";
import { route, type Route } from "#base/http/route.ts";
import { compileFilter } from "#base/language/filter/compile.ts";
import { GLOBAL } from "#base/protocol/keys.ts";
import { catalogChecks, catalogNodes, catalogServices } from "#base/state/tables.ts";
import { DeregistrationSchema, RegistrationSchema } from "../catalog/catalog-writer.ts";
import { instancesOf } from "../catalog/instances.ts";
import { API_KEYS, spelled } from "../catalog/key-spelling.ts";
import { inBody, nodeInPath, nodeList, serviceInPath, serviceNameList } from "./consul-access.ts";
import type { ConsulDeps } from "./consul-deps.ts";
import { nearFirst, nodeMetaFilter, selectInstances } from "./selection.ts";
import { catalogServiceShape, nodeShape, serviceShape } from "./shapes.ts";

/** https://developer.hashicorp.com/consul/api-docs/catalog */
export function catalogRoutes(deps: ConsulDeps): Route[] {
  return [...writeRoutes(deps), ...listRoutes(deps), ...nodeRoutes(deps)];
}

function writeRoutes({ catalog, config }: ConsulDeps): Route[] {
  return [
    route({
      method: "PUT",
      path: "/v1/catalog/register",
      summary: "Adds or changes a node, with a service and checks",
      access: inBody("node-name", "write"),
      body: jsonBody(spelled(RegistrationSchema, API_KEYS)),
      target: ({ Node, Service }) => `node ${Node}${Service === null ? "" : `, service ${Service.Service}`}`,
      async handle({ body, access }) {
        demand(access, { resource: "node-name", capability: "write", name: body.Node });
        if (body.Service !== null) {
          demand(access, { resource: "service", capability: "write", name: body.Service.Service });
        }
        await catalog.register(body, config.datacenter);
        return { kind: "json", value: true };
      },
    }),
    route({
      method: "PUT",
      path: "/v1/catalog/deregister",
      summary: "Removes a node, a service or a check",
      access: inBody("node-name", "write"),
      body: jsonBody(spelled(DeregistrationSchema, API_KEYS)),
      target: ({ Node, ServiceID, CheckID }) =>
        ["node", Node, ServiceID, CheckID].filter((each) => each !== "").join(" "),
      async handle({ body, access }) {
        demand(access, { resource: "node-name", capability: "write", name: body.Node });
        await catalog.deregister(body);
        return { kind: "json", value: true };
      },
    }),
  ];
}

function listRoutes(deps: ConsulDeps): Route[] {
  const { view, config, changes } = deps;
  return [
    route({
      method: "GET",
      path: "/v1/catalog/datacenters",
      summary: "Lists datacenters",
      access: { kind: "public" },
      handle: () => ({ kind: "json", value: [config.datacenter] }),
    }),
    route({
      method: "GET",
      path: "/v1/catalog/nodes",
      summary: "Lists nodes",
      access: nodeList(),
      tables: [catalogNodes],
      filter: "items",
      handle({ rawQuery }) {
        const hasMeta = nodeMetaFilter(rawQuery);
        const read = () => {
          const table = view.table(catalogNodes);
          const nodes = [...table.list(GLOBAL)].filter((row) => hasMeta(row.value));
          const near = nearFirst(deps, nodes, { query: rawQuery, nodeOf: (row) => row.id });
          return { index: table.lastIndex, value: near.map(nodeShape) };
        };
        return { kind: "state", read };
      },
    }),
    route({
      method: "GET",
      path: "/v1/catalog/services",
      summary: "Lists service names, each with the tags of all its instances",
      access: serviceNameList,
      tables: [catalogServices, catalogNodes],
      handle({ rawQuery }) {
        const matches = filterOf(rawQuery, compileFilter);
        return { kind: "state", read: () => serviceNames({ view }, { query: rawQuery, matches }) };
      },
    }),
    route({
      method: "GET",
      path: "/v1/catalog/service/:service",
      summary: "Lists a service's instances",
      access: serviceInPath,
      tables: [catalogServices, catalogNodes, catalogChecks],
      filter: "items",
      handle({ params: { service }, rawQuery }) {
        const read = () => {
          const chosen = selectInstances(deps, instancesOf(view, service), rawQuery);
          return { index: changes.ofService(service), value: chosen.map(catalogServiceShape) };
        };
        return { kind: "state", read };
      },
    }),
  ];
}

type Matches = ((item: unknown) => boolean) | undefined;

/** A filter looks at instances, as those of one service are listed. */
function serviceNames(
  { view }: Pick<ConsulDeps, "view">,
  { query, matches }: { readonly query: ReadonlyMap<string, readonly string[]>; readonly matches: Matches },
) {
  const hasMeta = nodeMetaFilter(query);
  const services = view.table(catalogServices);
  const nodes = view.table(catalogNodes);
  const byNode = query.has("node-meta") || matches !== undefined;
  const tags = new Map<string, Set<string>>();
  for (const service of services.list(GLOBAL)) {
    const { value } = service;
    const node = byNode ? nodes.get(GLOBAL, value.Node) : undefined;
    if (byNode && (node === undefined || !hasMeta(node.value))) continue;
    if (node !== undefined && matches?.(catalogServiceShape({ node, service })) === false) continue;
    const known = tags.get(value.Service);
    if (known === undefined) tags.set(value.Service, new Set(value.Tags));
    else for (const tag of value.Tags) known.add(tag);
  }
  const index = byNode ? Math.max(services.lastIndex, nodes.lastIndex) : services.lastIndex;
  return { index, value: Object.fromEntries([...tags].map(([name, own]) => [name, [...own]])) };
}

function nodeRoutes({ view, changes }: ConsulDeps): Route[] {
  const tables = [catalogNodes, catalogServices, catalogChecks];
  const rule = nodeInPath;
  const servicesOn = (node: string, access: Access, matches: Matches) =>
    [...view.table(catalogServices).by("node", node)]
      .filter(({ value }) => access.isManagement || access.allows("service", "read", value.Service))
      .toSorted((a, b) => (a.id < b.id ? -1 : 1))
      .map(serviceShape)
      .filter((service) => matches === undefined || matches(service));
  return [
    route({
      method: "GET",
      path: "/v1/catalog/node/:node",
      summary: "A node and its services by id; null when there is no such node",
      access: rule,
      tables,
      handle({ params: { node }, rawQuery, access }) {
        const matches = filterOf(rawQuery, compileFilter);
        const read = () => {
          const row = view.table(catalogNodes).get(GLOBAL, node);
          const services = Object.fromEntries(
            servicesOn(node, access, matches).map((service) => [service.ID, service]),
          );
          const value = row === undefined ? null : { Node: nodeShape(row), Services: services };
          return { index: changes.ofNode(node), value };
        };
        return { kind: "state", read };
      },
    }),
    route({
      method: "GET",
      path: "/v1/catalog/node-services/:node",
      summary: "A node and the list of its services",
      access: rule,
      tables,
      handle({ params: { node }, rawQuery, access }) {
        const matches = filterOf(rawQuery, compileFilter);
        const read = () => {
          const row = view.table(catalogNodes).get(GLOBAL, node);
          const value = {
            Node: row === undefined ? null : nodeShape(row),
            Services: row === undefined ? null : servicesOn(node, access, matches),
          };
          return { index: changes.ofNode(node), value };
        };
        return { kind: "state", read };
      },
    }),
  ];
}
