import { route, type Route } from "#base/http/route.ts";
import type { ApiDeps, HouseLease } from "./api-deps.ts";
import { ApiError, badRequest, notFound } from "./api-error.ts";

const ACCESS = { kind: "any-token" } as const;

/** Leases of the cluster's DHCP servers. */
export function dhcpRoutes({ leases }: Pick<ApiDeps, "leases">): Route[] {
  return [
    route({
      method: "GET",
      path: "/api/dhcp/leases",
      summary: "Leases",
      access: ACCESS,
      handle: async () => {
        const held = leases === undefined ? [] : await leases.held();
        if (held === undefined) throw silent();
        return { kind: "json", value: { leases: held.map(view) } };
      },
    }),
    route({
      method: "DELETE",
      path: "/api/dhcp/leases/:ip",
      summary: "Take an address from who has it",
      access: ACCESS,
      handle: async ({ params: { ip } }) => {
        if (leases === undefined)
          throw badRequest("there is no DHCP server whose leases are known here", "leases are shared in a cluster");
        const done = await leases.remove(ip);
        switch (done) {
          case "removed":
            return { kind: "empty", status: 204 };
          case "missing":
            throw notFound(`nobody has ${ip}`);
          case "no address":
            throw badRequest(`${ip}: an address like 192.168.1.50 is expected`);
          case "unknown":
            throw silent();
          default:
            return done satisfies never;
        }
      },
    }),
  ];
}

/** In Pi-hole's words: 0 is never, and a star is nothing. */
function view({ address, name, mac, clientId, endsMs }: HouseLease) {
  return {
    expires: endsMs === undefined ? 0 : Math.floor(endsMs / 1000),
    name: name || "*",
    hwaddr: mac,
    ip: address,
    clientid: clientId || "*",
  };
}

function silent(): ApiError {
  return new ApiError(503, "unavailable", { message: "the cluster's store does not answer", hint: "try again" });
}
