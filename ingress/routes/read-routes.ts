import type { Failure } from "#base/env/errors.ts";
import { FABIO_PREFIX, readFabioTag } from "./fabio.ts";
import { LARES_PREFIX, readLaresTags } from "./lares.ts";
import { problem, type Route, type RouteReading } from "./route.ts";
import { readTraefikTags, TRAEFIK_PREFIX, type EntryPoints } from "./traefik.ts";

export interface Tagged {
  readonly name: string;
  readonly tags: readonly string[];
  readonly meta: Readonly<Record<string, string>>;
}

const MAX_TAG_LENGTH = 4096;
const MAX_ROUTES = 256;

/** A service with such a tag asks for something; others are not looked at any further. */
export function asksForRoutes(tags: readonly string[]): boolean {
  return tags.some(
    (tag) => tag.startsWith(FABIO_PREFIX) || tag.startsWith(LARES_PREFIX) || tag.startsWith(TRAEFIK_PREFIX),
  );
}

/** What an instance asks to be served as, in any of the notations; what is wrong harms its own route only. */
export function readRoutes({ name, tags, meta }: Tagged, entryPoints: EntryPoints): RouteReading {
  const routes: Route[] = [];
  const problems: Failure[] = [];
  const fitting = tags.filter((tag) => {
    const fits = tag.length <= MAX_TAG_LENGTH;
    if (!fits && asksForRoutes([tag]))
      problems.push(problem(tag, `is longer than ${MAX_TAG_LENGTH} characters`, "shorten it"));
    return fits;
  });
  for (const tag of fitting) {
    if (!tag.startsWith(FABIO_PREFIX)) continue;
    const read = readFabioTag(tag);
    if ("code" in read) problems.push(read);
    else routes.push(read);
  }
  for (const read of [readLaresTags(fitting, meta), readTraefikTags(fitting, name, entryPoints)]) {
    routes.push(...read.routes);
    problems.push(...read.problems);
  }
  return { routes: routes.slice(0, MAX_ROUTES), problems };
}
