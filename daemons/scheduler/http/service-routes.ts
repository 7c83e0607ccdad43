import { createHash } from "node:crypto";
import * as v from "valibot";
import { HttpError } from "#base/http/http-error.ts";
import { queryText } from "#base/http/query.ts";
import { route, type Route } from "#base/http/route.ts";
import { put } from "#base/state/codec.ts";
import { allocReports, allocs, nodes, serviceRemovals } from "#base/state/tables.ts";
import type { NativeService } from "../server/native-services.ts";
import { nowNsOf, readable } from "../server/server-context.ts";
import type { NomadHttpDeps } from "./nomad-deps.ts";
import {
  idKey,
  namespaced,
  namespaceFilter,
  oneNamespace,
  readJob,
  submitJob,
  eachOf,
  within,
  readService,
} from "./requests.ts";

const TABLES = [allocs, allocReports, nodes, serviceRemovals];

/** Services with `provider = "nomad"`. https://developer.hashicorp.com/nomad/api-docs/services */
export function serviceRoutes(deps: NomadHttpDeps): Route[] {
  const { services } = deps.server;
  return [
    route({
      method: "GET",
      path: "/v1/services",
      summary: "List services by namespace",
      access: eachOf(readService),
      query: v.object(namespaced),
      tables: TABLES,
      filter: "items",
      pageKey: (item) => v.parse(v.object({ Namespace: v.string() }), item).Namespace,
      handle: ({ query }) => ({
        kind: "state",
        read: () => {
          const found = services.all(namespaceFilter(query.namespace));
          return { index: found.index, value: byNamespace(found.services) };
        },
      }),
    }),
    route({
      method: "GET",
      path: "/v1/service/:name",
      summary: "List a service's instances",
      access: readService,
      query: v.object({ ...namespaced, choose: queryText }),
      tables: TABLES,
      filter: "items",
      pageKey: idKey,
      handle: ({ params, query }) => {
        const choice = choiceOf(query.choose);
        return {
          kind: "state",
          read: () => {
            const found = services.named(oneNamespace(query.namespace), params.name);
            return { index: found.index, value: choose(found.services, choice) };
          },
        };
      },
    }),
    removeRoute(deps),
    ...ownedRoutes(deps),
  ];
}

/** The services of a job and of an allocation. */
function ownedRoutes({ server }: NomadHttpDeps): Route[] {
  const common = {
    method: "GET",
    access: readJob,
    query: v.object(namespaced),
    tables: TABLES,
    filter: "items",
  } as const;
  return [
    route({
      ...common,
      path: "/v1/job/+id/services",
      summary: "List the service instances of a job",
      handle: ({ params, query }) => ({
        kind: "state",
        read: () => {
          const found = server.services.all(oneNamespace(query.namespace));
          return { index: found.index, value: found.services.filter(({ JobID }) => JobID === params.id) };
        },
      }),
    }),
    route({
      ...common,
      path: "/v1/allocation/:id/services",
      access: within(readJob, (id) => server.context.state.allocById(id)),
      summary: "List the service instances of an allocation",
      handle: ({ params }) => ({
        kind: "state",
        read: () => {
          if (server.context.state.allocById(params.id) === undefined) throw new HttpError(404, "alloc not found");
          const { index, services } = server.services.ofAlloc(params.id);
          return { index, value: services };
        },
      }),
    }),
  ];
}

function removeRoute({ server }: NomadHttpDeps): Route {
  const { context, services } = server;
  return route({
    method: "DELETE",
    path: "/v1/service/:name/:id",
    summary: "Take an instance out of a service",
    access: submitJob,
    query: v.object(namespaced),
    handle: async ({ params, query }) => {
      const namespace = oneNamespace(query.namespace);
      const found = services.named(namespace, params.name).services.find(({ ID }) => ID === params.id);
      if (found === undefined) throw new HttpError(404, "service registration not found");
      const removal = { AllocID: found.AllocID, Time: nowNsOf(context) };
      const op = put(serviceRemovals, { namespace, id: found.ID }, removal);
      return { kind: "empty", status: 200, index: await readable(context, await context.writer.write([op])) };
    },
  });
}

function byNamespace(services: readonly NativeService[]) {
  return [...Map.groupBy(services, ({ Namespace }) => Namespace)].map(([Namespace, instances]) => ({
    Namespace,
    Services: [...Map.groupBy(instances, ({ ServiceName }) => ServiceName)].map(([ServiceName, own]) => ({
      ServiceName,
      Tags: [...new Set(own.flatMap(({ Tags }) => Tags))].toSorted(),
    })),
  }));
}

interface Choice {
  readonly count: number;
  readonly key: string;
}

function choiceOf(text: string): Choice | undefined {
  if (text === "") return undefined;
  const [, count = "", key = ""] = /^(\d{1,9})\|(.+)$/s.exec(text) ?? [];
  if (count === "" || Number(count) === 0) {
    throw new HttpError(
      400,
      `malformed choose parameter ${JSON.stringify(text)}: expected "number|key", such as "2|host-a"`,
    );
  }
  return { count: Number(count), key };
}

/**
 * Rendezvous hashing (Thaler and Ravishankar 1998): the instances with the highest hash of key and id, so that a key
 * keeps its instances for as long as they are there.
 */
function choose(services: readonly NativeService[], choice: Choice | undefined): readonly NativeService[] {
  if (choice === undefined) return services;
  const hash = ({ ID }: NativeService): string => createHash("sha256").update(`${choice.key}\0${ID}`).digest("hex");
  const ranked = services.map((service) => ({ service, hash: hash(service) }));
  return ranked
    .toSorted((a, b) => (a.hash > b.hash ? -1 : 1))
    .slice(0, choice.count)
    .map(({ service }) => service);
}
