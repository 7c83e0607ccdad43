import * as v from "valibot";
import { queryInteger } from "#base/http/query.ts";
import { route, type Route } from "#base/http/route.ts";
import { topOf } from "../statistics/top-counts.ts";
import type { ApiDeps } from "./api-deps.ts";
import { notFound } from "./api-error.ts";
import { nameOf } from "./client-names.ts";
import { readRoutes } from "./route-table.ts";

const MAX_DEVICES = 1000;

/** Who and what is in the house's network. */
export function networkRoutes(deps: ApiDeps): Route[] {
  return [
    route({
      method: "GET",
      path: "/api/network/devices",
      summary: "Who asked in the last 24 hours",
      access: { kind: "any-token" },
      query: v.object({ max_devices: queryInteger, max_addresses: queryInteger }),
      handle: ({ query: { max_devices = 10, max_addresses = 3 } }) => {
        const limit = Math.min(Math.max(max_devices, 0), MAX_DEVICES);
        return {
          kind: "json",
          value: {
            devices: devicesOf(deps)
              .slice(0, limit)
              .map((one) => cut(one, max_addresses)),
          },
        };
      },
    }),
    route({
      method: "DELETE",
      path: "/api/network/devices/:id",
      summary: "Devices are known by what they ask, and forgotten a day later",
      access: { kind: "any-token" },
      handle: ({ params: { id } }) => {
        throw notFound(`device ${id} is known by what it asks, and is forgotten by itself`);
      },
    }),
    route({
      method: "GET",
      path: "/api/network/interfaces",
      summary: "This machine's interfaces",
      access: { kind: "any-token" },
      handle: () => ({ kind: "json", value: { interfaces: interfacesOf(deps) } }),
    }),
    route({
      method: "GET",
      path: "/api/network/gateway",
      summary: "Where the outside is",
      access: { kind: "any-token" },
      handle: async () => {
        const gateway = (await readRoutes(deps.env.disk))
          .filter(({ dst }) => dst === "default")
          .map(({ gateway: address, oif, family }) => {
            const local = deps.env.net.interfaces().filter(({ name }) => name === oif);
            return { family, interface: oif, address, local: local.map(({ address: own }) => own) };
          });
        return { kind: "json", value: { gateway } };
      },
    }),
    route({
      method: "GET",
      path: "/api/network/routes",
      summary: "This machine's routes (IPv4)",
      access: { kind: "any-token" },
      handle: async () => ({ kind: "json", value: { routes: await readRoutes(deps.env.disk) } }),
    }),
  ];
}

interface Device {
  readonly hwaddr: string;
  readonly numQueries: number;
  readonly ips: readonly string[];
}

/** Addresses of one MAC address are one device. */
function devicesOf(deps: ApiDeps) {
  const devices = new Map<string, Device>();
  for (const [address, count] of topOf(deps.statistics.clients("all"), MAX_DEVICES)) {
    const hwaddr = deps.dns.neighbours.macOf(address) ?? `ip-${address}`;
    const known = devices.get(hwaddr);
    devices.set(hwaddr, {
      hwaddr,
      numQueries: (known?.numQueries ?? 0) + count,
      ips: [...(known?.ips ?? []), address],
    });
  }
  const last = lastSeen(deps);
  return [...devices.values()].map(({ hwaddr, numQueries, ips }, at) => {
    const lastQuery = Math.max(0, ...ips.map((ip) => last.get(ip) ?? 0));
    const addresses = ips.map((ip) => ({
      ip,
      name: nameOf(deps, ip) || null,
      lastSeen: last.get(ip) ?? 0,
      nameUpdated: 0,
    }));
    return { id: at + 1, hwaddr, interface: "", firstSeen: 0, lastQuery, numQueries, macVendor: null, ips: addresses };
  });
}

function cut<T extends { readonly ips: readonly unknown[] }>(device: T, most: number): T {
  return { ...device, ips: device.ips.slice(0, Math.max(0, most)) };
}

/** Seconds since the epoch, of those in the newest queries. */
function lastSeen({ log }: ApiDeps): ReadonlyMap<string, number> {
  const seen = new Map<string, number>();
  for (const { client, timeMs } of log.recent()) if (!seen.has(client)) seen.set(client, Math.floor(timeMs / 1000));
  return seen;
}

function interfacesOf({ env }: ApiDeps) {
  const byName = new Map<string, { readonly address: string; readonly family: string }[]>();
  for (const { name, address } of env.net.interfaces()) {
    const addresses = byName.get(name) ?? [];
    addresses.push({ address, family: address.includes(":") ? "inet6" : "inet" });
    byName.set(name, addresses);
  }
  return [...byName].map(([name, addresses], at) => ({
    name,
    index: at + 1,
    family: "link",
    speed: null,
    type: name === "lo" ? "loopback" : "ether",
    flags: ["up"],
    state: "up",
    carrier: true,
    proto_down: false,
    address: null,
    broadcast: null,
    perm_address: null,
    stats: { rx_bytes: { value: 0, unit: "B" }, tx_bytes: { value: 0, unit: "B" } },
    addresses,
  }));
}
