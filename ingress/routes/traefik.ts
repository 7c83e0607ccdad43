import type { Failure } from "#base/env/errors.ts";
import { applyOptions, type NamedOption } from "./apply-options.ts";
import { newDraft, routeOf, type Draft } from "./draft.ts";
import { problem, type Condition, type Route, type RouteReading } from "./route.ts";
import { middlewareOptions } from "./traefik-middlewares.ts";
import { conditionOf, readRule, type Matcher } from "./traefik-rule.ts";
import { readNetwork, readRegex, readText, readToken, type Word } from "./words.ts";

export const TRAEFIK_PREFIX = "traefik.";
const MAX_ROUTERS = 64;
/** Ports that TCP routers listen on, by entry point. */
export type EntryPoints = Readonly<Record<string, number>>;

/** Reads Traefik's labels, as its catalog provider takes them from tags (https://doc.traefik.io/traefik/routing/providers/consul-catalog/). */
export function readTraefikTags(tags: readonly string[], service: string, entryPoints: EntryPoints): RouteReading {
  const labels = new Map<string, string>();
  for (const tag of tags) {
    const equals = tag.indexOf("=");
    if (tag.startsWith(TRAEFIK_PREFIX) && equals > 0)
      labels.set(tag.slice(TRAEFIK_PREFIX.length, equals).toLowerCase(), tag.slice(equals + 1));
  }
  const nothing: RouteReading = { routes: [], problems: [] };
  if (labels.get("enable") === "false") return nothing;
  const reading: Reading = { labels, service, entryPoints, routes: [], problems: [] };
  const routers = (kind: string): readonly string[] => namesIn(labels, `${kind}.routers.`).slice(0, MAX_ROUTERS);
  const http = routers("http");
  const tcp = routers("tcp");
  for (const name of http) readHttpRouter(name, reading);
  for (const name of tcp) readTcpRouter(name, reading);
  if (namesIn(labels, "udp.routers.").length > 0)
    reading.problems.push(
      problem("traefik.udp.routers", "asks for UDP", "HAProxy passes no UDP on; publish the port on the node"),
    );
  // Without a router of its own a service that is enabled is served under its name, as Traefik's default rule does.
  if (http.length + tcp.length === 0 && labels.get("enable") === "true") {
    labels.set(`http.routers.${service}.rule`, `Host(\`${service}\`)`);
    readHttpRouter(service, reading);
  }
  return { routes: reading.routes, problems: reading.problems };
}

interface Reading {
  readonly labels: ReadonlyMap<string, string>;
  readonly service: string;
  readonly entryPoints: EntryPoints;
  readonly routes: Route[];
  readonly problems: Failure[];
}

function namesIn(labels: ReadonlyMap<string, string>, prefix: string): readonly string[] {
  const names = [...labels.keys()]
    .filter((key) => key.startsWith(prefix))
    .map((key) => key.slice(prefix.length).split(".")[0] ?? "");
  return [...new Set(names)];
}

function readHttpRouter(name: string, reading: Reading): void {
  const { labels, problems, routes } = reading;
  const at = (key: string): string | undefined => labels.get(`http.routers.${name}.${key}`);
  const source = `traefik.http.routers.${name}`;
  const text = at("rule") ?? `Host(\`${reading.service}\`)`;
  const rule = readRule(text);
  if (!rule.ok) {
    problems.push(problem(`${source}.rule=${text}`, rule.message, "as in Host(`example.com`) && PathPrefix(`/api`)"));
    return;
  }
  const options: NamedOption[] = [];
  const priority = at("priority");
  // Traefik's numbers are compared with the length of the rule, which is what counts where none is given.
  if (priority !== undefined && priority !== "0")
    options.push({
      name: "priority",
      value: String(/^\d{1,6}$/.test(priority) ? Number(priority) - text.length : priority),
      source: `${source}.priority`,
    });
  for (const middleware of (at("middlewares") ?? "")
    .split(",")
    .map((word) => word.trim().replace(/@.*$/, "").toLowerCase())
    .filter((word) => word !== "")) {
    const found = middlewareOptions(labels, middleware);
    if (!found.ok) {
      problems.push(found.problem);
      return;
    }
    options.push(...found.options);
  }
  options.push(...serviceOptions(labels, at("service") ?? namesIn(labels, "http.services.")[0] ?? ""));
  for (const matchers of rule.any) {
    const draft = newDraft();
    const failed = applyMatchers(matchers, draft, `${source}.rule=${text}`) ?? applyOptions(options, draft);
    if (failed === undefined) routes.push(routeOf(draft, { joins: false, source }));
    else problems.push(failed);
  }
}

const PLACES: Readonly<Record<string, string>> = {
  Host: "host",
  HostRegexp: "host-regex",
  Path: "path-exact",
  PathPrefix: "path",
  PathRegexp: "path-regex",
};

function applyMatchers(matchers: readonly Matcher[], draft: Draft, source: string): Failure | undefined {
  const seen = new Set<string>();
  for (const matcher of matchers) {
    const place = PLACES[matcher.name];
    if (place === undefined) {
      const condition = conditionOf(matcher);
      const wrong = condition === undefined ? `has the matcher ${matcher.name}` : wrongWord(condition);
      if (condition === undefined || wrong !== undefined)
        return problem(
          source,
          wrong ?? "",
          "known: Host, HostRegexp, Path, PathPrefix, PathRegexp, Method, Header, HeaderRegexp, Query, QueryRegexp, ClientIP",
        );
      draft.conditions.push(condition);
      continue;
    }
    const part = place.slice(0, 4);
    if (matcher.not || matcher.values.length !== 1 || seen.has(part))
      return problem(
        source,
        `has ${matcher.name} ${matcher.not ? "negated" : seen.has(part) ? "beside another of its kind" : `with ${matcher.values.length} values`}`,
        "one host and one path, with || between alternatives",
      );
    seen.add(part);
    const failed = applyOptions([{ name: place, value: matcher.values[0] ?? "", source }], draft);
    if (failed !== undefined) return failed;
  }
  return undefined;
}

function wrongWord({ kind, name, values, regex }: Condition): string | undefined {
  const read = (value: string): Word<unknown> =>
    kind === "client"
      ? readNetwork(value)
      : kind === "method"
        ? readToken(value)
        : regex
          ? readRegex(value)
          : readText(value);
  if ((kind === "header" || kind === "query") && !readToken(name).ok)
    return `names the ${kind} ${JSON.stringify(name)}`;
  if (values.length > 32) return "has more than 32 values";
  const wrong = values.find((value) => !read(value).ok);
  return wrong === undefined ? undefined : `has the value ${JSON.stringify(wrong)}`;
}

const SERVICE_OPTIONS: Readonly<Record<string, string>> = {
  "server.port": "port",
  "server.scheme": "proto",
  "server.weight": "weight",
  "healthcheck.path": "check",
  "healthcheck.interval": "check-interval",
  "sticky.cookie": "sticky",
  "sticky.cookie.name": "sticky",
  "sticky.cookie.secure": "sticky-secure",
  "sticky.cookie.httponly": "sticky-http-only",
};

function serviceOptions(labels: ReadonlyMap<string, string>, name: string): readonly NamedOption[] {
  const prefix = `http.services.${name.replace(/@.*$/, "").toLowerCase()}.loadbalancer.`;
  return Object.entries(SERVICE_OPTIONS).flatMap(([key, option]) => {
    const value = labels.get(prefix + key);
    return value === undefined ? [] : [{ name: option, value, source: `traefik.${prefix}${key}` }];
  });
}

function readTcpRouter(name: string, { labels, entryPoints, problems, routes }: Reading): void {
  const at = (key: string): string | undefined => labels.get(`tcp.routers.${name}.${key}`);
  const source = `traefik.tcp.routers.${name}`;
  const text = at("rule") ?? "HostSNI(`*`)";
  const rule = readRule(text);
  const points = (at("entrypoints") ?? "").split(",").map((word) => word.trim());
  const known = points.find(
    (point) => entryPoints[point] !== undefined || /(?:^|[^\d])\d{1,5}$/.test(point) || /^\d{1,5}$/.test(point),
  );
  const port = known === undefined ? undefined : (entryPoints[known] ?? Number(/\d+$/.exec(known)?.[0]));
  if (!rule.ok)
    return void problems.push(problem(`${source}.rule=${text}`, rule.message, "as in HostSNI(`example.com`)"));
  if (port === undefined)
    return void problems.push(
      problem(
        source,
        "names no entry point with a port",
        "as in entrypoints=tcp-5432, or websecure for the HTTPS port",
      ),
    );
  const service = at("service") ?? namesIn(labels, "tcp.services.")[0] ?? "";
  const own = labels.get(`tcp.services.${service}.loadbalancer.server.port`);
  for (const matchers of rule.any) {
    const names = matchers.flatMap((matcher) => (matcher.name === "HostSNI" && !matcher.not ? matcher.values : []));
    const sni = names[0] === "*" ? "" : (names[0] ?? "");
    if (matchers.length !== 1 || names.length !== 1) {
      problems.push(problem(`${source}.rule=${text}`, "is more than HostSNI", "as in HostSNI(`example.com`)"));
      continue;
    }
    const draft = newDraft();
    const failed = applyOptions(
      [
        { name: "tcp", value: String(port), source },
        ...(sni === "" ? [] : [{ name: "sni", value: sni, source }]),
        ...(own === undefined ? [] : [{ name: "port", value: own, source }]),
      ],
      draft,
    );
    if (failed === undefined) routes.push(routeOf(draft, { joins: false, source }));
    else problems.push(failed);
  }
}
