import { route, type Route } from "#base/http/route.ts";
import { instancesOf } from "../catalog/instances.ts";
import type { ConsulDeps } from "./consul-deps.ts";

/** The port Consul's servers speak among each other: what clients expect to see behind an address. */
const SERVER_PORT = 8300;

/** https://developer.hashicorp.com/consul/api-docs/status. */
export function statusRoutes(deps: ConsulDeps): Route[] {
  const { view, surroundings } = deps;
  const { servers } = surroundings;
  const peers = () =>
    servers === undefined
      ? instancesOf(view, "consul").map((server) => serverAddress(server.node.value.Address))
      : servers.list().map(({ Address }) => serverAddress(Address));
  const leader = () => {
    if (servers === undefined) return peers()[0];
    const found = servers.list().find(({ ID }) => ID === servers.leaderId);
    return found === undefined ? undefined : serverAddress(found.Address);
  };
  return [
    route({
      method: "GET",
      path: "/v1/status/leader",
      summary: "The leader's address",
      access: { kind: "public" },
      handle: () => ({ kind: "json", value: leader() ?? "" }),
    }),
    route({
      method: "GET",
      path: "/v1/status/peers",
      summary: "The servers' addresses",
      access: { kind: "public" },
      handle: () => ({ kind: "json", value: peers() }),
    }),
  ];
}

/** Host and port of the server at an IP address. */
export function serverAddress(address: string): string {
  return `${address.includes(":") ? `[${address}]` : address}:${SERVER_PORT}`;
}
