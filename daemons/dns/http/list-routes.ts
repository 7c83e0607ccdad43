import * as v from "valibot";
import { jsonBody } from "#base/http/body.ts";
import { queryText } from "#base/http/query.ts";
import { route, type Reply, type Route } from "#base/http/route.ts";
import type { ListReport } from "../lists/list-keeper.ts";
import type { ListSettings } from "../settings/settings.ts";
import { badRequest, notFound } from "./api-error.ts";
import type { ApiDeps } from "./api-deps.ts";
import { batchDelete, changeItems, place, removeItems, withoutSome } from "./item-changes.ts";
import { common, commonOf, OneOrMany, type Common } from "./item-schemas.ts";
import { createdReply, several, type Processed } from "./processed.ts";

type Kind = ListSettings["kind"];
const AddSchema = v.object({ ...common, address: OneOrMany, type: v.optional(v.string()) });
const ChangeSchema = v.object({ ...common, type: v.optional(v.string()) });
const TypeQuery = v.object({ type: queryText });
const ACCESS = { kind: "any-token" } as const;

/** Block lists and allow lists; what is added is downloaded by itself, as soon as the settings are in use. */
export function listRoutes(deps: ApiDeps): Route[] {
  const shown = (wanted: (list: ListSettings) => boolean) => {
    const reports = new Map(deps.dns.lists.report().map((report) => [report.id, report]));
    return deps.settings.current.lists.filter(wanted).map((list) => listView(list, reports.get(list.id)));
  };
  return [
    route({
      method: "GET",
      path: "/api/lists",
      summary: "Lists",
      access: ACCESS,
      query: TypeQuery,
      handle: ({ query: { type } }) => {
        const kind = type === "" ? undefined : kindOf(type);
        return { kind: "json", value: { lists: shown((list) => kind === undefined || list.kind === kind) } };
      },
    }),
    route({
      method: "GET",
      path: "/api/lists/:list",
      summary: "A list",
      access: ACCESS,
      query: TypeQuery,
      handle: ({ params, query: { type } }) => {
        const lists = shown(({ url, kind }) => url === params.list && (type === "" || kind === kindOf(type)));
        if (lists.length === 0) throw notFound(`there is no list ${params.list}`);
        return { kind: "json", value: { lists } };
      },
    }),
    ...writeRoutes(deps, shown),
  ];
}

function writeRoutes(deps: ApiDeps, shown: (wanted: (list: ListSettings) => boolean) => readonly unknown[]): Route[] {
  return [
    route({
      method: "POST",
      path: "/api/lists",
      summary: "Add lists",
      access: ACCESS,
      query: TypeQuery,
      body: jsonBody(AddSchema),
      handle: async ({ body, query }) => {
        const kind = kindOf(query.type === "" ? (body.type ?? "") : query.type);
        const urls = several(body.address);
        const processed = await put(deps, urls, { given: body, kind, replace: false });
        return createdReply(
          "lists",
          shown((list) => list.kind === kind && urls.includes(list.url)),
          processed,
        );
      },
    }),
    route({
      method: "PUT",
      path: "/api/lists/:list",
      summary: "Change a list, or add it",
      access: ACCESS,
      query: TypeQuery,
      body: jsonBody(ChangeSchema, { whenEmpty: {} }),
      handle: async ({ body, query, params }) => {
        const kind = kindOf(query.type === "" ? (body.type ?? "") : query.type);
        const processed = await put(deps, [params.list], { given: body, kind, replace: true });
        const lists = shown((list) => list.kind === kind && list.url === params.list);
        return { ...createdReply("lists", lists, processed), status: 200 };
      },
    }),
    route({
      method: "DELETE",
      path: "/api/lists/:list",
      summary: "Remove a list",
      access: ACCESS,
      query: TypeQuery,
      handle: ({ query: { type }, params }) =>
        remove(deps, [{ url: params.list, kind: type === "" ? undefined : kindOf(type) }]),
    }),
    batchDelete("/api/lists", "Remove several lists", (items) =>
      remove(
        deps,
        items.map(({ item, type }) => ({ url: item, kind: type === undefined ? undefined : kindOf(type) })),
      ),
    ),
  ];
}

interface Put {
  readonly given: Common;
  readonly kind: Kind;
  readonly replace: boolean;
}

function put(deps: ApiDeps, urls: readonly string[], { given, kind, replace }: Put): Promise<Processed> {
  return changeItems(deps, (settings, { done, ids, nowS }) => {
    const lists = [...settings.lists];
    for (const url of urls)
      done.run(url, () => {
        if (!/^(?:https?:\/\/\S+|file:\/\/\/\S+|sample:\w+)$/.test(url))
          throw new Error(`${JSON.stringify(url)} is no address of a list: http, https, file or sample`);
        const at = lists.findIndex((list) => list.url === url && list.kind === kind);
        const before = lists[at];
        if (before !== undefined && !replace) throw new Error(`UNIQUE constraint failed: ${url} is there already`);
        const list: ListSettings = {
          id: before?.id ?? ids.next(),
          url,
          kind,
          name: before?.name ?? "",
          ...commonOf(given, before),
          addedAt: before?.addedAt ?? nowS,
          changedAt: nowS,
        };
        place(lists, at, list);
      });
    return { lists };
  });
}

function remove(
  deps: ApiDeps,
  which: readonly { readonly url: string; readonly kind: Kind | undefined }[],
): Promise<Reply> {
  return removeItems(deps, "list", (settings) => {
    const lists = withoutSome(settings.lists, (list) =>
      which.some(({ url, kind }) => list.url === url && (kind === undefined || list.kind === kind)),
    );
    return lists && { lists };
  });
}

function kindOf(type: string): Kind {
  if (type === "block" || type === "allow") return type;
  throw badRequest(`${JSON.stringify(type)} is no type of list`, "type=block or type=allow");
}

/** Pi-hole's numbers: 1 new text, 2 the same as before, 3 not to be had but kept, 4 not to be had; 0 not looked for yet. */
function statusOf(report: ListReport | undefined): number {
  if (report?.meta === undefined) return 0;
  if (report.meta.problem !== "") return report.meta.bytes > 0 ? 3 : 4;
  return report.meta.checkedMs > report.meta.changedMs ? 2 : 1;
}

export function listView(list: ListSettings, report: ListReport | undefined) {
  const { id, url, kind, enabled, groups, comment, addedAt = 0, changedAt = 0 } = list;
  const counts = report?.counts;
  return {
    address: url,
    type: kind,
    comment: comment === "" ? null : comment,
    groups,
    enabled,
    id,
    date_added: addedAt,
    date_modified: changedAt,
    date_updated: Math.floor((report?.meta?.changedMs ?? 0) / 1000),
    number: (counts?.domains ?? 0) + (counts?.abp ?? 0),
    invalid_domains: counts?.invalid ?? 0,
    abp_entries: counts?.abp ?? 0,
    status: statusOf(report),
  };
}
