import { hash as digest } from "node:crypto";
import type { Exposed } from "../routes/collect.ts";
import type { RouteSummary } from "./model.ts";
import { nameOf } from "./quote.ts";

/** A route, and the backend that serves it. */
export interface Placed<E extends Exposed = Exposed> {
  readonly route: E;
  readonly backend: string;
  readonly summary: RouteSummary;
}

/** What is known of routes that are still the same; kept by the caller from one time to the next. */
export type KnownPlaces = WeakMap<Exposed, Place>;

interface Place {
  /** Equal for routes that may share a backend … */
  readonly same: string;
  /** … where their instances are, too. */
  readonly who: string;
  /** With the others that are the same. */
  shared: Placed | undefined;
  /** In a backend of its own, for its instances are others than theirs. */
  apart: Placed | undefined;
}

/** Routes with the same services, options and instances share a backend, so that one more name is no more than a line in a map. */
export function placeRoutes(routes: readonly Exposed[], known: KnownPlaces): readonly Placed[] {
  const members = new Map<string, string>();
  return routes
    .toSorted((a, b) => (a.key < b.key ? -1 : 1))
    .map((route) => {
      const place = known.get(route) ?? placeOf(route);
      known.set(route, place);
      const first = members.get(place.same);
      if (first === undefined) members.set(place.same, place.who);
      return first === undefined || first === place.who
        ? (place.shared ??= placedAs(route, place.same))
        : (place.apart ??= placedAs(route, place.same + route.key));
    });
}

function placeOf({ services, options, match, members }: Exposed): Place {
  return {
    same: JSON.stringify([services, options, match.kind]),
    who: members.map(({ instance, share }) => `${instance.id} ${share.weight} ${share.part} ${share.port}`).join("\n"),
    shared: undefined,
    apart: undefined,
  };
}

function placedAs(route: Exposed, what: string): Placed {
  const stem = `${route.match.kind === "http" ? "" : "tcp-"}${nameOf(route.services.join("+"))}`;
  const backend = `${stem}-${digest("sha256", what, "hex").slice(0, 8)}`;
  return { route, backend, summary: summaryOf(route, backend) };
}

function summaryOf({ key, services, priority, members }: Exposed, backend: string): RouteSummary {
  const ready = members.filter(({ instance }) => instance.passing).length;
  return { route: key, services, backend, priority, ready, instances: members.length };
}
