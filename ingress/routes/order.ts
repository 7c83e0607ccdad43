import type { HttpMatch } from "./route.ts";

interface Ranked {
  readonly match: HttpMatch;
  readonly priority: number;
  /** Decides between equals. */
  readonly key: string;
}

const HOST_RANK = { exact: 3, below: 2, regex: 1, any: 0 };
const PATH_RANK = { exact: 2, regex: 1, prefix: 0 };

/** Negative: `a` is tried first. The higher priority, then the more specific. */
export function compareRoutes(a: Ranked, b: Ranked): number {
  return b.priority - a.priority || compareNatural(a, b);
}

/** A named host, names below one (the longer first), a pattern, any; then the path; then more conditions; then the text. */
export function compareNatural(a: Ranked, b: Ranked): number {
  const [x, y] = [a.match, b.match];
  return (
    HOST_RANK[y.hostKind] - HOST_RANK[x.hostKind] ||
    (x.hostKind === "below" ? y.host.length - x.host.length : 0) ||
    PATH_RANK[y.pathKind] - PATH_RANK[x.pathKind] ||
    y.path.length - x.path.length ||
    y.conditions.length - x.conditions.length ||
    (a.key < b.key ? -1 : a.key === b.key ? 0 : 1)
  );
}

/** A request could be for both. May say so where it cannot. */
export function overlap(a: HttpMatch, b: HttpMatch): boolean {
  return hostsOverlap(a, b) && pathsOverlap(a, b);
}

function hostsOverlap(a: HttpMatch, b: HttpMatch): boolean {
  if ([a.hostKind, b.hostKind].some((kind) => kind === "any" || kind === "regex")) return true;
  if (a.hostKind === "exact" && b.hostKind === "exact") return a.host === b.host;
  if (a.hostKind === "exact") return a.host.endsWith(`.${b.host}`);
  if (b.hostKind === "exact") return b.host.endsWith(`.${a.host}`);
  return a.host === b.host || a.host.endsWith(`.${b.host}`) || b.host.endsWith(`.${a.host}`);
}

function pathsOverlap(a: HttpMatch, b: HttpMatch): boolean {
  if (a.pathKind === "regex" || b.pathKind === "regex") return true;
  if (a.pathKind === "exact" && b.pathKind === "exact") return a.path === b.path;
  if (a.pathKind === "exact") return a.path.startsWith(b.path);
  if (b.pathKind === "exact") return b.path.startsWith(a.path);
  return a.path.startsWith(b.path) || b.path.startsWith(a.path);
}

export interface Plan<T> {
  /** Asked one after the other, before the maps. */
  readonly inOrder: readonly T[];
  /** The longest match in a map decides; in no order. */
  readonly mapped: readonly T[];
}

/**
 * Parts routes, given in their order, into those that maps can find and those that must be asked one by one: what is more
 * than a host and the beginning of a path, and whatever comes before such a one and could be meant by the same request.
 */
export function planOf<T extends Ranked>(routes: readonly T[]): Plan<T> {
  const single = new Set(routes.filter((route) => !isSimple(route.match)));
  const simple = routes.filter((route) => !single.has(route));
  // Maps know nothing of priorities: where these decide otherwise than what is more specific, the first is asked for alone.
  for (const route of simple) {
    if (route.priority === 0) continue;
    for (const other of simple) {
      if (other === route || !overlap(route.match, other.match)) continue;
      const first = compareRoutes(route, other) < 0 ? route : other;
      const natural = compareNatural(route, other) < 0 ? route : other;
      if (first !== natural) single.add(first);
    }
  }
  const after: T[] = [];
  for (const route of routes.toReversed()) {
    if (!single.has(route) && after.some((later) => overlap(route.match, later.match))) single.add(route);
    if (single.has(route)) after.push(route);
  }
  return { inOrder: after.toReversed(), mapped: routes.filter((route) => !single.has(route)) };
}

function isSimple({ hostKind, pathKind, conditions }: HttpMatch): boolean {
  return hostKind !== "regex" && pathKind === "prefix" && conditions.length === 0;
}
