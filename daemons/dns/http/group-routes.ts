import * as v from "valibot";
import { jsonBody } from "#base/http/body.ts";
import { route, type Reply, type Route } from "#base/http/route.ts";
import type { GroupSettings, Settings } from "../settings/settings.ts";
import { badRequest, notFound } from "./api-error.ts";
import type { ApiDeps } from "./api-deps.ts";
import { batchDelete, changeItems, place, removeItems, withoutSome, type Changing } from "./item-changes.ts";
import { common, OneOrMany } from "./item-schemas.ts";
import { createdReply, several, type Processed } from "./processed.ts";

const AddSchema = v.object({ comment: common.comment, enabled: common.enabled, name: OneOrMany });
const ChangeSchema = v.object({ comment: common.comment, enabled: common.enabled, name: v.optional(v.string()) });
const ACCESS = { kind: "any-token" } as const;

/** The group everybody is in whom nobody put elsewhere; it is there without being in the settings. */
export const DEFAULT_GROUP: GroupSettings = {
  id: 0,
  name: "Default",
  enabled: true,
  comment: "The default group",
  services: [],
  safeSearch: false,
  schedules: [],
  addedAt: 0,
  changedAt: 0,
};

export function groupsOf({ groups }: Pick<Settings, "groups">): readonly GroupSettings[] {
  return groups.some(({ id }) => id === 0) ? groups : [DEFAULT_GROUP, ...groups];
}

export function groupRoutes(deps: ApiDeps): Route[] {
  const all = (): readonly GroupSettings[] => groupsOf(deps.settings.current);
  return [
    route({
      method: "GET",
      path: "/api/groups",
      summary: "Groups",
      access: ACCESS,
      handle: () => ({ kind: "json", value: { groups: all().map(view) } }),
    }),
    route({
      method: "GET",
      path: "/api/groups/:name",
      summary: "A group",
      access: ACCESS,
      handle: ({ params: { name } }) => {
        const found = all().filter((group) => group.name === name);
        if (found.length === 0) throw notFound(`there is no group ${JSON.stringify(name)}`);
        return { kind: "json", value: { groups: found.map(view) } };
      },
    }),
    ...writeRoutes(deps, all),
  ];
}

function writeRoutes(deps: ApiDeps, all: () => readonly GroupSettings[]): Route[] {
  return [
    route({
      method: "POST",
      path: "/api/groups",
      summary: "Add groups",
      access: ACCESS,
      body: jsonBody(AddSchema),
      handle: async ({ body: { name, comment, enabled = true } }) => {
        const names = several(name);
        const processed = await change(deps, (groups, { done, ids, nowS }) => {
          for (const one of names)
            done.run(one, () => {
              if (one.trim() === "") throw new Error("a group needs a name");
              if (groups.some((group) => group.name === one))
                throw new Error(`there is a group ${JSON.stringify(one)} already`);
              const stamps = { addedAt: nowS, changedAt: nowS };
              groups.push({ ...DEFAULT_GROUP, id: ids.next(), name: one, comment: comment ?? "", enabled, ...stamps });
            });
        });
        return createdReply(
          "groups",
          all()
            .filter((group) => names.includes(group.name))
            .map(view),
          processed,
        );
      },
    }),
    route({
      method: "PUT",
      path: "/api/groups/:name",
      summary: "Change a group, or add it",
      access: ACCESS,
      body: jsonBody(ChangeSchema, { whenEmpty: {} }),
      handle: async ({ body, params }) => {
        const name = body.name ?? params.name;
        const processed = await change(deps, (groups, { done, ids, nowS }) => {
          const at = groups.findIndex((group) => group.name === params.name);
          const before = groups[at];
          if (name !== params.name && groups.some((group) => group.name === name))
            throw badRequest(`there is a group ${JSON.stringify(name)} already`);
          const base = before ?? { ...DEFAULT_GROUP, id: ids.next(), comment: "", addedAt: nowS };
          const comment = body.comment ?? base.comment;
          const group = { ...base, name, comment, enabled: body.enabled ?? base.enabled, changedAt: nowS };
          done.run(params.name, () => place(groups, at, group));
        });
        const groups = all().filter((group) => group.name === name);
        return { ...createdReply("groups", groups.map(view), processed), status: 200 };
      },
    }),
    ...removeRoutes(deps),
  ];
}

function removeRoutes(deps: ApiDeps): Route[] {
  return [
    route({
      method: "DELETE",
      path: "/api/groups/:name",
      summary: "Remove a group",
      access: ACCESS,
      handle: ({ params: { name } }) => remove(deps, [name]),
    }),
    batchDelete("/api/groups", "Remove several groups", (items) =>
      remove(
        deps,
        items.map(({ item }) => item),
      ),
    ),
  ];
}

function change(deps: ApiDeps, edit: (groups: GroupSettings[], how: Changing) => void): Promise<Processed> {
  return changeItems(deps, (settings, how) => {
    const groups = [...groupsOf(settings)];
    edit(groups, how);
    return { groups };
  });
}

/** What was in it alone is in no group afterwards, and holds for nobody. */
function remove(deps: ApiDeps, names: readonly string[]): Promise<Reply> {
  return removeItems(deps, "group", (settings) => {
    const gone = groupsOf(settings).filter(({ name }) => names.includes(name));
    if (gone.some(({ id }) => id === 0)) throw badRequest("the default group cannot be removed", "disable it instead");
    const ids = new Set(gone.map(({ id }) => id));
    const without = <T extends { readonly groups: number[] }>(items: readonly T[]): T[] =>
      items.map((item) => ({ ...item, groups: item.groups.filter((id) => !ids.has(id)) }));
    const groups = withoutSome(settings.groups, ({ id }) => ids.has(id));
    return (
      groups && {
        groups,
        lists: without(settings.lists),
        rules: without(settings.rules),
        clients: without(settings.clients),
      }
    );
  });
}

function view({ id, name, comment, enabled, addedAt = 0, changedAt = 0 }: GroupSettings) {
  return {
    name,
    comment: comment === "" ? null : comment,
    enabled,
    id,
    date_added: addedAt,
    date_modified: changedAt,
  };
}
