import type { Failure } from "#base/env/errors.ts";

/** One more thing a request must (or must not) be. */
export interface Condition {
  readonly kind: "method" | "header" | "query" | "client";
  readonly not: boolean;
  /** Of the header or parameter. */
  readonly name: string;
  /** One of them holds. Empty for a header or parameter: it is there. */
  readonly values: readonly string[];
  /** The values are regular expressions. */
  readonly regex: boolean;
}

export interface HttpMatch {
  readonly kind: "http";
  /** Empty: any. `below` stands for all names below it, itself not. */
  readonly hostKind: "any" | "exact" | "below" | "regex";
  readonly host: string;
  readonly pathKind: "prefix" | "exact" | "regex";
  readonly path: string;
  readonly conditions: readonly Condition[];
}

export interface TcpMatch {
  readonly kind: "tcp";
  readonly port: number;
  /** The name a TLS client asks for, `*.name` for all below; empty: whoever connects. */
  readonly sni: string;
}

export type Match = HttpMatch | TcpMatch;

export interface HeaderChange {
  readonly name: string;
  readonly how: "set" | "add" | "delete";
  readonly value: string;
}

export interface Timeouts {
  readonly connectMs?: number;
  readonly serverMs?: number;
  readonly tunnelMs?: number;
  readonly queueMs?: number;
}

export interface Cors {
  readonly origins: readonly string[];
  readonly methods: readonly string[];
  readonly headers: readonly string[];
  readonly exposed: readonly string[];
  readonly credentials: boolean;
  readonly maxAgeS: number;
}

export interface Sticky {
  readonly cookie: string;
  readonly secure: boolean;
  readonly httpOnly: boolean;
  readonly sameSite: "" | "Strict" | "Lax" | "None";
}

/** How a route's servers are spoken to. */
export interface Upstream {
  readonly tls: boolean;
  readonly http2: boolean;
  /** False: whoever answers is believed. */
  readonly verify: boolean;
  /** Name of a CA in the cluster's store; empty: the system's. */
  readonly ca: string;
  readonly sendProxy: "" | "v1" | "v2";
}

/** What is done with the requests of a route; a missing one is not done. */
export interface RouteOptions {
  readonly strip?: string;
  readonly prepend?: string;
  readonly replacePath?: string;
  readonly setHost?: string;
  readonly redirect?: { readonly code: number; readonly to: string };
  /** Code with which plain HTTP is sent to HTTPS. */
  readonly toHttps?: number;
  /** Who is to give a certificate for the route's host. */
  readonly certificate?: "acme" | "internal";
  readonly requestHeaders?: readonly HeaderChange[];
  readonly responseHeaders?: readonly HeaderChange[];
  readonly sticky?: Sticky;
  /** `name:hash` each (crypt(3)). */
  readonly users?: readonly string[];
  /** A list of users in the cluster's store. */
  readonly usersFrom?: string;
  readonly allow?: readonly string[];
  readonly deny?: readonly string[];
  readonly rate?: { readonly requests: number; readonly periodMs: number };
  readonly cors?: Cors;
  /** Name of a CA in the cluster's store that signs the clients' certificates. */
  readonly clientCa?: string;
  readonly upstream?: Upstream;
  readonly timeouts?: Timeouts;
  readonly balance?: string;
  readonly check?: { readonly path: string; readonly intervalMs: number };
  readonly slowStartMs?: number;
  readonly maxConnections?: number;
  readonly maxBodyBytes?: number;
  readonly compress?: boolean;
  readonly maintenance?: boolean;
  readonly snippets?: readonly string[];
}

/** What one instance has of a route it serves with others. */
export interface Share {
  /** 0 to 256; beside the others of its kind. */
  readonly weight: number;
  /** Part of all requests that goes to those with this share, 0 to 1; undefined: what is left. */
  readonly part: number | undefined;
  /** Another port than the registered one. */
  readonly port: number;
}

/** What one instance asks to be served as. */
export interface Route {
  readonly match: Match;
  /** Higher is tried first. Default 0. */
  readonly priority: number;
  readonly options: RouteOptions;
  readonly share: Share;
  /** Other services may serve the same address with it. */
  readonly joins: boolean;
  /** What it was read from. */
  readonly source: string;
}

export interface RouteReading {
  readonly routes: readonly Route[];
  readonly problems: readonly Failure[];
}

export function problem(source: string, what: string, hint: string): Failure {
  const shown = source.length > 80 ? `${source.slice(0, 80)}…` : source;
  return { code: "ingress_bad_tag", message: `tag ${JSON.stringify(shown)} ${what}`, hint };
}

/** Equal for routes that answer the same requests. */
export function matchKey(match: Match): string {
  return match.kind === "tcp"
    ? `tcp :${match.port} ${match.sni}`
    : `${match.hostKind === "any" ? "*" : match.hostKind === "below" ? `*.${match.host}` : match.hostKind === "regex" ? `~${match.host}` : match.host}${match.pathKind === "prefix" ? "" : match.pathKind === "exact" ? "=" : "~"}${match.path}${match.conditions.length === 0 ? "" : ` ${JSON.stringify(match.conditions)}`}`;
}
