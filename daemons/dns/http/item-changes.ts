import type * as v from "valibot";
import { succeed } from "#base/env/errors.ts";
import { jsonBody } from "#base/http/body.ts";
import { route, type Reply, type Route } from "#base/http/route.ts";
import type { Settings } from "../settings/settings.ts";
import { notFound, valueOf } from "./api-error.ts";
import type { ApiDeps } from "./api-deps.ts";
import { BatchSchema } from "./item-schemas.ts";
import { NewIds } from "./new-ids.ts";
import { Processed } from "./processed.ts";

export interface Changing {
  readonly done: Processed;
  readonly ids: NewIds;
  readonly nowS: number;
}

/** Adds and changes items one by one; `edit` runs again when somebody else was quicker. Says what became of each. */
export async function changeItems(
  deps: ApiDeps,
  edit: (settings: Settings, how: Changing) => Partial<Settings>,
): Promise<Processed> {
  let done = new Processed();
  const nowS = Math.floor(deps.env.clock.nowMs() / 1000);
  valueOf(
    await deps.settings.update((settings) => {
      done = new Processed();
      const ids = new NewIds(settings);
      const changed = edit(settings, { done, ids, nowS });
      return succeed({ ...settings, ...changed, lastId: ids.last });
    }),
  );
  return done;
}

/** `without` answers what is left, and undefined where there was nothing to remove: a 404 about `what`. */
export async function removeItems(
  deps: ApiDeps,
  what: string,
  without: (settings: Settings) => Partial<Settings> | undefined,
): Promise<Reply> {
  let isGone = true;
  valueOf(
    await deps.settings.update((settings) => {
      const left = without(settings);
      isGone = left !== undefined;
      return succeed({ ...settings, ...left });
    }),
  );
  if (!isGone) throw notFound(`there is no such ${what}`);
  return { kind: "empty", status: 204 };
}

/** Items of `all` that stay; undefined: that is all of them. */
export function withoutSome<T>(all: readonly T[], isGone: (item: T) => boolean): T[] | undefined {
  const left = all.filter((item) => !isGone(item));
  return left.length < all.length ? left : undefined;
}

/** Puts an item in the place of the one at `at`, or behind all; below zero there was none. */
export function place<T>(items: T[], at: number, item: T): void {
  if (at < 0) items.push(item);
  else items[at] = item;
}

/** Removes several at once. */
export function batchDelete(
  path: string,
  summary: string,
  remove: (items: v.InferOutput<typeof BatchSchema>) => Promise<Reply>,
): Route {
  return route({
    method: "POST",
    path: `${path}:batchDelete`,
    summary,
    access: { kind: "any-token" },
    body: jsonBody(BatchSchema),
    handle: ({ body }) => remove(body),
  });
}
