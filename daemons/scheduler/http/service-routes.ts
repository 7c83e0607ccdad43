import * as v from "valibot";
import { queryText } from "#base/http/query.ts";
import { route, type Route } from "#base/http/route.ts";
import { allocReports, allocs, nodes } from "#base/state/tables.ts";
import { nativeServices } from "../server/native-services.ts";
import type { NomadHttpDeps } from "./nomad-deps.ts";
import { idKey, namespaced, namespaceFilter, newestOf, oneNamespace, readJob } from "./requests.ts";

const TABLES = [allocs, allocReports, nodes];

/** Services with `provider = "nomad"`. https://developer.hashicorp.com/nomad/api-docs/services */
export function serviceRoutes({ server }: NomadHttpDeps): Route[] {
  const { state } = server.context;
  return [
    route({
      method: "GET",
      path: "/v1/services",
      summary: "List services by namespace",
      access: readJob,
      query: v.object(namespaced),
      tables: TABLES,
      filter: "items",
      handle: ({ query }) => ({
        kind: "state",
        read: () => ({ index: newestOf(state, TABLES), value: byNamespace(namespaceFilter(query.namespace)) }),
      }),
    }),
    route({
      method: "GET",
      path: "/v1/service/:name",
      summary: "List a service's instances",
      access: readJob,
      query: v.object({ ...namespaced, choose: queryText }),
      tables: TABLES,
      filter: "items",
      pageKey: idKey,
      handle: ({ params, query }) => ({
        kind: "state",
        read: () => ({
          index: newestOf(state, TABLES),
          value: nativeServices(state, oneNamespace(query.namespace))
            .filter(({ ServiceName }) => ServiceName === params.name)
            .toSorted((a, b) => (a.ID < b.ID ? -1 : 1)),
        }),
      }),
    }),
  ];

  function byNamespace(namespace: string | undefined) {
    const grouped = Map.groupBy(nativeServices(state, namespace), ({ Namespace }) => Namespace);
    return [...grouped].map(([Namespace, instances]) => ({
      Namespace,
      Services: [...Map.groupBy(instances, ({ ServiceName }) => ServiceName)].map(([ServiceName, own]) => ({
        ServiceName,
        Tags: [...new Set(own.flatMap(({ Tags }) => Tags))].toSorted(),
      })),
    }));
  }
}
