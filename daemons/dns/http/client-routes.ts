import * as v from "valibot";
import { jsonBody } from "#base/http/body.ts";
import { route, type Reply, type Route } from "#base/http/route.ts";
import { topOf } from "../statistics/top-counts.ts";
import type { ClientSettings } from "../settings/settings.ts";
import { notFound } from "./api-error.ts";
import type { ApiDeps } from "./api-deps.ts";
import { nameOf } from "./client-names.ts";
import { batchDelete, changeItems, place, removeItems, withoutSome } from "./item-changes.ts";
import { common, commonOf, OneOrMany } from "./item-schemas.ts";
import { createdReply, several, type Processed } from "./processed.ts";

const Fields = { comment: common.comment, groups: common.groups };
const AddSchema = v.object({ ...Fields, client: OneOrMany });
const ChangeSchema = v.object(Fields);
const ACCESS = { kind: "any-token" } as const;
const SUGGESTIONS = 100;

/** Clients that are in other groups than the default one: by address, network, MAC address or name. */
export function clientRoutes(deps: ApiDeps): Route[] {
  const shown = (matches: readonly string[] | undefined) =>
    deps.settings.current.clients
      .filter(({ match }) => matches === undefined || matches.includes(match))
      .map((client) => view(deps, client));
  return [
    route({
      method: "GET",
      path: "/api/clients",
      summary: "Clients with groups of their own",
      access: ACCESS,
      handle: () => ({ kind: "json", value: { clients: shown(undefined) } }),
    }),
    route({
      method: "GET",
      path: "/api/clients/_suggestions",
      summary: "Clients that asked, and are in the default group",
      access: ACCESS,
      handle: () => ({ kind: "json", value: { clients: suggestions(deps) } }),
    }),
    route({
      method: "GET",
      path: "/api/clients/:client",
      summary: "A client",
      access: ACCESS,
      handle: ({ params: { client } }) => {
        const clients = shown([normal(client)]);
        if (clients.length === 0) throw notFound(`there is no client ${JSON.stringify(client)}`);
        return { kind: "json", value: { clients } };
      },
    }),
    ...writeRoutes(deps, shown),
  ];
}

function writeRoutes(deps: ApiDeps, shown: (matches: readonly string[]) => readonly unknown[]): Route[] {
  return [
    route({
      method: "POST",
      path: "/api/clients",
      summary: "Add clients",
      access: ACCESS,
      body: jsonBody(AddSchema),
      handle: async ({ body }) => {
        const matches = several(body.client);
        const processed = await put(deps, matches, { ...body, replace: false });
        return createdReply("clients", shown(matches.map(normal)), processed);
      },
    }),
    route({
      method: "PUT",
      path: "/api/clients/:client",
      summary: "Change a client, or add it",
      access: ACCESS,
      body: jsonBody(ChangeSchema, { whenEmpty: {} }),
      handle: async ({ body, params: { client } }) => {
        const processed = await put(deps, [client], { ...body, replace: true });
        return { ...createdReply("clients", shown([normal(client)]), processed), status: 200 };
      },
    }),
    route({
      method: "DELETE",
      path: "/api/clients/:client",
      summary: "Remove a client",
      access: ACCESS,
      handle: ({ params: { client } }) => remove(deps, [client]),
    }),
    batchDelete("/api/clients", "Remove several clients", (items) =>
      remove(
        deps,
        items.map(({ item }) => item),
      ),
    ),
  ];
}

function normal(match: string): string {
  return match.trim().toLowerCase();
}

interface Given extends v.InferOutput<typeof ChangeSchema> {
  readonly replace: boolean;
}

function put(deps: ApiDeps, matches: readonly string[], given: Given): Promise<Processed> {
  return changeItems(deps, (settings, { done, ids, nowS }) => {
    const clients = [...settings.clients];
    for (const match of matches)
      done.run(match, () => {
        const wanted = normal(match);
        if (!/^[0-9a-z_.:/ -]{1,255}$/.test(wanted))
          throw new Error(`${JSON.stringify(match)} is no address, network, MAC address or name`);
        const at = clients.findIndex((client) => normal(client.match) === wanted);
        const before = clients[at];
        if (before !== undefined && !given.replace)
          throw new Error(`UNIQUE constraint failed: ${match} is there already`);
        const { comment, groups } = commonOf(given, before);
        const client: ClientSettings = {
          id: before?.id ?? ids.next(),
          match: wanted,
          servers: before?.servers ?? [],
          comment,
          groups,
          addedAt: before?.addedAt ?? nowS,
          changedAt: nowS,
        };
        place(clients, at, client);
      });
    return { clients };
  });
}

function remove(deps: ApiDeps, matches: readonly string[]): Promise<Reply> {
  const wanted = new Set(matches.map(normal));
  return removeItems(deps, "client", (settings) => {
    const clients = withoutSome(settings.clients, ({ match }) => wanted.has(normal(match)));
    return clients && { clients };
  });
}

function suggestions(deps: ApiDeps) {
  const known = new Set(deps.settings.current.clients.map(({ match }) => normal(match)));
  return topOf(deps.statistics.clients("all"), SUGGESTIONS)
    .filter(([address]) => !known.has(address))
    .map(([address]) => ({
      hwaddr: deps.dns.neighbours.macOf(address) ?? null,
      macVendor: null,
      lastQuery: 0,
      addresses: address,
      names: nameOf(deps, address),
    }));
}

function view(deps: ApiDeps, { id, match, groups, comment, addedAt = 0, changedAt = 0 }: ClientSettings) {
  const name = nameOf(deps, match);
  return {
    client: match,
    name: name === "" ? null : name,
    comment: comment === "" ? null : comment,
    groups,
    id,
    date_added: addedAt,
    date_modified: changedAt,
  };
}
