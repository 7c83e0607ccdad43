import * as v from "valibot";
import { demand, SOME, type Access, type CapabilityRule } from "#base/http/access.ts";
import type { ConsulDeps } from "./consul-deps.ts";

/**
 * Consul's rules by name (https://developer.hashicorp.com/consul/docs/secure/acl/rule), as the cluster's policies grant
 * them: `node_prefix`, `service`, `service_prefix`, `key`, `key_prefix`, `session` and `session_prefix`.
 */
type Need = "read" | "write";

function rule(resource: string, capability: Need): CapabilityRule {
  return { kind: "capability", resource, capability };
}

function field(name: string): (item: unknown) => string {
  return (item) => {
    const found: unknown = typeof item === "object" && item !== null ? Reflect.get(item, name) : undefined;
    return typeof found === "string" ? found : "";
  };
}

/** Lists of things on nodes; `name` is the field that names the node. */
export function nodeList(name = "Node"): CapabilityRule {
  const read = { resource: "node-name", capability: "read", nameOf: field(name) };
  return { ...rule("node-name", "read"), of: () => SOME, each: read };
}

/** The node that the path names. */
export const nodeInPath: CapabilityRule = { ...rule("node-name", "read"), of: ({ params }) => params["node"] ?? "" };

/** This agent's node. */
export function ownNode({ config }: ConsulDeps, need: Need): CapabilityRule {
  return { ...rule("node-name", need), of: () => config.nodeName };
}

/** This agent itself. */
export function ownAgent({ config }: ConsulDeps, need: Need): CapabilityRule {
  return { ...rule("agent", need), of: () => config.nodeName };
}

/** The event that the path names. */
export const eventInPath: CapabilityRule = { ...rule("event", "write"), of: ({ params }) => params["name"] ?? "" };

/** Events by their names. */
export const eventList: CapabilityRule = {
  ...rule("event", "read"),
  of: () => SOME,
  each: { resource: "event", capability: "read", nameOf: field("Name") },
};

/** A list or an object of services by id. */
export const serviceList: CapabilityRule = {
  ...rule("service", "read"),
  of: () => SOME,
  each: { resource: "service", capability: "read", nameOf: field("Service") },
};

/** An object by the services' names. */
export const serviceNameList: CapabilityRule = {
  ...rule("service", "read"),
  of: () => SOME,
  each: { resource: "service", capability: "read", nameOf: (_item, key) => key },
};

/** The service that the path names. */
export const serviceInPath: CapabilityRule = {
  ...rule("service", "read"),
  of: ({ params }) => params["service"] ?? params["name"] ?? "",
};

/** The service of this agent whose id the path names; what nobody registered is in nobody's name. */
export function localService({ agent }: ConsulDeps, need: Need): CapabilityRule {
  return {
    ...rule("service", need),
    of: ({ params }) => agent.state.services.get(params["id"] ?? "")?.row.Service ?? SOME,
  };
}

/** The handler demands: only the body tells. */
export function inBody(resource: string, need: Need): CapabilityRule {
  return { ...rule(resource, need), of: () => SOME };
}

/** The key of the path; under a prefix those that the reader may see, or the handler demands each. */
export function keyRule(need: Need): CapabilityRule {
  const isMany = (query: ReadonlyMap<string, readonly string[]>): boolean => query.has("recurse") || query.has("keys");
  const read = { resource: "key", capability: "read", nameOf: (item: unknown) => keyOf(item) };
  return {
    ...rule("key", need),
    of: ({ params, rawQuery }) => (isMany(rawQuery) ? SOME : (params["key"] ?? "")),
    ...(need === "read" ? { each: read } : {}),
  };
}

function keyOf(item: unknown): string {
  return typeof item === "string" ? item : field("Key")(item);
}

/** The session of the path, by its node; lists show what their reader may see. */
export function sessionRule({ sessions }: ConsulDeps, need: Need): CapabilityRule {
  return {
    ...rule("session", need),
    of: ({ params }) => sessions.get(params["id"] ?? "")?.value.Node ?? params["node"] ?? SOME,
  };
}

export const sessionList: CapabilityRule = {
  ...rule("session", "read"),
  of: () => SOME,
  each: { resource: "session", capability: "read", nameOf: field("Node") },
};

/** Writing a check takes leave for its service, or for the node where it belongs to none. Throws a 403. */
export function demandCheck({ agent, config }: ConsulDeps, access: Access, serviceId: string): void {
  const service = agent.state.services.get(serviceId)?.row.Service;
  if (service === undefined) demand(access, { resource: "node-name", capability: "write", name: config.nodeName });
  else demand(access, { resource: "service", capability: "write", name: service });
}

const ServiceIdOf = v.object({ ServiceID: v.string() });

/** The same for a check that is registered here. */
export function demandKnownCheck(deps: ConsulDeps, access: Access, checkId: string): void {
  const row = v.safeParse(ServiceIdOf, deps.agent.state.checkRow(checkId));
  demandCheck(deps, access, row.success ? row.output.ServiceID : "");
}
