import type { Condition, HeaderChange, Route, RouteOptions, Share } from "./route.ts";

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/** A route while its options are read, whatever notation they come in. */
export interface Draft {
  hostKind: "any" | "exact" | "below" | "regex";
  host: string;
  pathKind: "prefix" | "exact" | "regex";
  path: string;
  conditions: Condition[];
  /** 0: HTTP. */
  tcpPort: number;
  sni: string;
  priority: number;
  readonly options: Mutable<RouteOptions>;
  readonly share: Mutable<Share>;
}

export function newDraft(): Draft {
  return {
    hostKind: "any",
    host: "",
    pathKind: "prefix",
    path: "/",
    conditions: [],
    tcpPort: 0,
    sni: "",
    priority: 0,
    options: {},
    share: { weight: 1, part: undefined, port: 0 },
  };
}

/** The finished route; options in a fixed order, so that equal ones are equal text. */
export function routeOf(draft: Draft, { joins, source }: Pick<Route, "joins" | "source">): Route {
  const { tcpPort: port, sni, hostKind, host, pathKind, path, conditions, priority, share } = draft;
  const options: RouteOptions = Object.fromEntries(
    Object.entries(draft.options).toSorted(([a], [b]) => (a < b ? -1 : 1)),
  );
  const match: Route["match"] =
    port === 0 ? { kind: "http", hostKind, host, pathKind, path, conditions } : { kind: "tcp", port, sni };
  return { match, priority, options, share, joins, source };
}

export function addHeader(list: readonly HeaderChange[] | undefined, change: HeaderChange): readonly HeaderChange[] {
  return [...(list ?? []), change];
}
