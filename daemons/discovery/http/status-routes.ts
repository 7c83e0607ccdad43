import { HttpError } from "#base/http/http-error.ts";
import { route, type Route } from "#base/http/route.ts";
import { instancesOf } from "../catalog/instances.ts";
import type { ConsulDeps } from "./consul-deps.ts";

/** The port Consul's servers speak among each other: what clients expect to see behind an address. */
const SERVER_PORT = 8300;

/** https://developer.hashicorp.com/consul/api-docs/status; and what says that ACLs are off. */
export function statusRoutes(deps: ConsulDeps): Route[] {
  const { view } = deps;
  const peers = () => instancesOf(view, "consul").map((server) => serverAddress(server.node.value.Address));
  return [
    route({
      method: "GET",
      path: "/v1/status/leader",
      summary: "The leader's address",
      access: { kind: "public" },
      handle: () => ({ kind: "json", value: peers()[0] ?? "" }),
    }),
    route({
      method: "GET",
      path: "/v1/status/peers",
      summary: "The servers' addresses",
      access: { kind: "public" },
      handle: () => ({ kind: "json", value: peers() }),
    }),
    route({
      method: ["GET", "PUT", "POST", "DELETE"],
      path: "/v1/acl/+rest",
      summary: "Access control lists are not in use",
      access: { kind: "public" },
      handle() {
        throw new HttpError(401, "ACL support disabled");
      },
    }),
  ];
}

/** Host and port of the server at an IP address. */
export function serverAddress(address: string): string {
  return `${address.includes(":") ? `[${address}]` : address}:${SERVER_PORT}`;
}
