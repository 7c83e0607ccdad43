import type { Access } from "#base/http/access.ts";
import { route, type Route } from "#base/http/route.ts";
import { GLOBAL } from "#base/protocol/keys.ts";
import type { CatalogCheck, CatalogNode } from "#base/protocol/catalog.ts";
import type { Row } from "#base/state/table.ts";
import { catalogChecks, catalogNodes, catalogServices } from "#base/state/tables.ts";
import { checksOfInstance, compareText } from "../catalog/instances.ts";
import { nodeInPath, nodeList, serviceList } from "./consul-access.ts";
import type { ConsulDeps } from "./consul-deps.ts";
import { checkShape, nodeShape, serviceShape } from "./shapes.ts";

const TABLES = [catalogNodes, catalogServices, catalogChecks];

/** What a user interface asks for in one go; the shapes are those Consul's own one reads. */
export function uiRoutes(deps: ConsulDeps): Route[] {
  return [nodesRoute(deps), nodeRoute(deps), servicesRoute(deps)];
}

function newest({ view }: ConsulDeps): number {
  const indexes = [view.table(catalogNodes), view.table(catalogServices), view.table(catalogChecks)];
  return Math.max(...indexes.map((table) => table.lastIndex));
}

function nodesRoute(deps: ConsulDeps): Route {
  return route({
    method: "GET",
    path: "/v1/internal/ui/nodes",
    summary: "Nodes with their services and checks",
    access: nodeList(),
    tables: TABLES,
    filter: "items",
    handle({ access }) {
      const read = () => ({
        index: newest(deps),
        value: [...deps.view.table(catalogNodes).list(GLOBAL)].map((row) => wholeNode(deps, row, access)),
      });
      return { kind: "state", read };
    },
  });
}

function nodeRoute(deps: ConsulDeps): Route {
  return route({
    method: "GET",
    path: "/v1/internal/ui/node/:node",
    summary: "A node with its services and checks",
    access: nodeInPath,
    tables: TABLES,
    handle({ params: { node }, access }) {
      const read = () => {
        const row = deps.view.table(catalogNodes).get(GLOBAL, node);
        const value = row === undefined ? undefined : wholeNode(deps, row, access);
        return {
          index: deps.changes.ofNode(node),
          value,
          missing: `node ${JSON.stringify(node)} is not in the catalog`,
        };
      };
      return { kind: "state", read };
    },
  });
}

function wholeNode({ view }: ConsulDeps, row: Row<CatalogNode>, access: Access) {
  const isVisible = (service: string): boolean => access.isManagement || access.allows("service", "read", service);
  const services = [...view.table(catalogServices).by("node", row.id)].filter(({ value }) => isVisible(value.Service));
  const checks = [...view.table(catalogChecks).by("node", row.id)].filter(
    ({ value }) => value.ServiceName === "" || isVisible(value.ServiceName),
  );
  return { ...nodeShape(row), Services: services.map(serviceShape), Checks: checks.map(checkShape) };
}

function servicesRoute(deps: ConsulDeps): Route {
  return route({
    method: "GET",
    path: "/v1/internal/ui/services",
    summary: "Services with the nodes they are on and how many checks are how",
    access: { ...serviceList, each: { resource: "service", capability: "read", nameOf: nameOf } },
    tables: TABLES,
    filter: "items",
    handle() {
      return { kind: "state", read: () => ({ index: newest(deps), value: summaries(deps) }) };
    },
  });
}

function nameOf(item: unknown): string {
  return typeof item === "object" && item !== null && "Name" in item ? String(item.Name) : "";
}

function summaries({ view, config }: ConsulDeps) {
  const found = new Map<string, Summary>();
  for (const { value } of view.table(catalogServices).list(GLOBAL)) {
    const known = found.get(value.Service) ?? {
      nodes: new Set(),
      tags: new Set(),
      kind: value.Kind,
      instances: 0,
      checks: new Map(),
    };
    found.set(value.Service, known);
    known.instances += 1;
    known.nodes.add(value.Node);
    for (const tag of value.Tags) known.tags.add(tag);
    for (const check of checksOfInstance(view, value.Node, value.ID)) known.checks.set(check.id, check.value.Status);
  }
  return [...found]
    .toSorted(([a], [b]) => compareText(a, b))
    .map(([Name, known]) => {
      const count = (status: string): number => [...known.checks.values()].filter((each) => each === status).length;
      return {
        Kind: known.kind,
        Name,
        Datacenter: config.datacenter,
        Tags: [...known.tags].toSorted(),
        Nodes: [...known.nodes].toSorted(),
        ExternalSources: null,
        InstanceCount: known.instances,
        ChecksPassing: count("passing"),
        ChecksWarning: count("warning"),
        ChecksCritical: count("critical"),
        GatewayConfig: {},
        TransparentProxy: false,
        ConnectNative: false,
        ConnectedWithProxy: false,
        ConnectedWithGateway: false,
      };
    });
}

interface Summary {
  readonly nodes: Set<string>;
  readonly tags: Set<string>;
  readonly kind: string;
  instances: number;
  /** By the catalog's id: a node's own check counts once for all its instances. */
  readonly checks: Map<string, CatalogCheck["Status"]>;
}
