import type { Failure } from "#base/env/errors.ts";
import { applyOptions, type NamedOption } from "./apply-options.ts";
import { newDraft, routeOf } from "./draft.ts";
import { OPTION_READERS } from "./options.ts";
import { problem, type RouteReading } from "./route.ts";

export const LARES_PREFIX = "lares.";
/** In metadata, whose names hold no dots. */
const META_PREFIX = "lares-";
const MAX_ROUTES = 64;
const ROUTE_NAME = /^[A-Za-z0-9_-]{1,64}$/;

/**
 * Reads our own notation: `lares.host=shop.example.com` and its like for the one route of a service, `lares.NAME.host=…`
 * for several; in metadata `lares-host`, and `lares-NAME_host`.
 */
export function readLaresTags(tags: readonly string[], meta: Readonly<Record<string, string>>): RouteReading {
  const routes = new Map<string, NamedOption[]>();
  const problems: Failure[] = [];
  const add = (route: string, option: NamedOption): void => {
    const known = routes.get(route);
    if (known !== undefined) known.push(option);
    else if (!ROUTE_NAME.test(route === "" ? "default" : route))
      problems.push(
        problem(option.source, `names a route ${JSON.stringify(route)}`, "names have letters, digits, _ and -"),
      );
    else if (routes.size < MAX_ROUTES) routes.set(route, [option]);
    else problems.push(problem(option.source, "is one route too many", `an instance has at most ${MAX_ROUTES}`));
  };
  for (const tag of tags) {
    if (!tag.startsWith(LARES_PREFIX)) continue;
    const equals = tag.indexOf("=");
    const key = tag.slice(LARES_PREFIX.length, equals < 0 ? undefined : equals);
    if (key === "enable") continue;
    const dot = key.lastIndexOf(".");
    const value = equals < 0 ? "" : tag.slice(equals + 1).trim();
    add(key.slice(0, Math.max(0, dot)), { name: key.slice(dot + 1), value, source: tag });
  }
  for (const [key, value] of Object.entries(meta)) {
    if (!key.startsWith(META_PREFIX)) continue;
    const name = key.slice(META_PREFIX.length);
    const bar = Object.hasOwn(OPTION_READERS, name) ? -1 : name.lastIndexOf("_");
    add(name.slice(0, Math.max(0, bar)), { name: name.slice(bar + 1), value, source: `${key}=${value}` });
  }
  const read = [...routes].flatMap(([name, options]) => {
    const draft = newDraft();
    const failed = applyOptions(options, draft);
    if (failed !== undefined) problems.push(failed);
    return failed === undefined
      ? [routeOf(draft, { joins: false, source: `lares${name === "" ? "" : ` ${name}`}` })]
      : [];
  });
  return { routes: read, problems };
}
