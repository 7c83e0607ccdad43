import type { Instance } from "#base/client/templates/dependency.ts";
import type { TemplateData } from "#base/client/templates/template.ts";
import type { Failure } from "#base/env/errors.ts";
import { asksForRoutes, readRoutes } from "./read-routes.ts";
import { matchKey, type Match, type Route, type RouteOptions, type RouteReading, type Share } from "./route.ts";
import type { EntryPoints } from "./traefik.ts";
import { isIpv4, isIpv6 } from "./words.ts";

export interface Member {
  readonly instance: Instance;
  readonly share: Share;
}

/** A route of the whole catalog: what answers one kind of request. */
export interface Exposed<M extends Match = Match> {
  readonly key: string;
  /** Usually one. */
  readonly services: readonly string[];
  readonly match: M;
  readonly priority: number;
  readonly options: RouteOptions;
  /** All instances that ask for it, whether their checks pass or not. */
  readonly members: readonly Member[];
}

export interface RouteProblem extends Failure {
  readonly service: string;
}

export interface Collected {
  readonly routes: readonly Exposed[];
  readonly problems: readonly RouteProblem[];
}

export interface CollectOptions {
  readonly entryPoints: EntryPoints;
  /** What was read of services that are still the same; the caller keeps it from one time to the next. */
  readonly known: KnownServices;
}

/** By the catalog's answer: one that is the same object says the same. */
export type KnownServices = WeakMap<readonly Instance[], ServiceReading>;

/** What the instances of one service ask for. */
export interface ServiceReading {
  readonly service: string;
  readonly claims: readonly Claim[];
  readonly problems: readonly RouteProblem[];
}

const MAX_ROUTES = 20_000;
const MAX_PROBLEMS = 1000;

interface Claim {
  readonly key: string;
  readonly service: string;
  /** As the instance registered last has it. */
  readonly route: Route;
  readonly members: readonly Member[];
  /** What becomes of it where nobody else asks for the same. */
  readonly alone: Exposed;
}

/**
 * All routes that the catalog asks for. Instances of a service that ask for the same requests serve them together, with the
 * options of the one registered last. Of several services the one with the higher priority has them, then the one
 * whose name comes first; only Fabio's tags with equal options share. A service that did not change is not read again.
 */
export function collectRoutes(data: TemplateData, options: CollectOptions): Collected {
  const problems: RouteProblem[] = [];
  const claims = new Map<string, Claim | Claim[]>();
  const services = data.services();
  for (const service of Object.keys(services).toSorted()) {
    if (!asksForRoutes(services[service] ?? [])) continue;
    const reading = serviceOf(service, data.everyInstance(service), options);
    problems.push(...reading.problems);
    for (const claim of reading.claims) {
      const others = claims.get(claim.key);
      if (others === undefined) claims.set(claim.key, claim);
      else if (Array.isArray(others)) others.push(claim);
      else claims.set(claim.key, [others, claim]);
    }
  }
  const routes: Exposed[] = [];
  for (const [key, found] of claims) {
    if (routes.length >= MAX_ROUTES) {
      problems.push({
        service: "",
        code: "ingress_too_many",
        message: `there are more than ${MAX_ROUTES} routes; ${key} is not served`,
        hint: "expose fewer",
      });
      break;
    }
    routes.push(Array.isArray(found) ? settle(key, found, problems) : found.alone);
  }
  return { routes, problems: problems.slice(0, MAX_PROBLEMS) };
}

function serviceOf(
  service: string,
  instances: readonly Instance[],
  { known, entryPoints }: CollectOptions,
): ServiceReading {
  const before = known.get(instances);
  if (before?.service === service) return before;
  const problems = new Map<string, RouteProblem>();
  const claims = new Map<string, Gathered>();
  let last: { readonly instance: Instance; readonly reading: RouteReading } | undefined;
  for (const instance of instances) {
    // Instances of one job say the same.
    const reading =
      last !== undefined && saysTheSame(last.instance, instance) ? last.reading : readRoutes(instance, entryPoints);
    last = { instance, reading };
    if (!isPlace(instance)) {
      const bad = badAddress(instance);
      problems.set(bad.message, { ...bad, service });
      continue;
    }
    for (const found of reading.problems)
      if (!problems.has(found.message)) problems.set(found.message, { ...found, service });
    for (const route of reading.routes) gather(claims, route, instance);
  }
  const reading = {
    service,
    claims: [...claims].map(([key, gathered]) => claimOf(key, service, gathered)),
    problems: [...problems.values()],
  };
  known.set(instances, reading);
  return reading;
}

function saysTheSame(a: Instance, b: Instance): boolean {
  const names = Object.keys(a.meta);
  return (
    a.name === b.name &&
    a.tags.length === b.tags.length &&
    a.tags.every((tag, at) => tag === b.tags[at]) &&
    names.length === Object.keys(b.meta).length &&
    names.every((name) => a.meta[name] === b.meta[name])
  );
}

function isPlace({ address, port }: Instance): boolean {
  return (isIpv4(address) || isIpv6(address)) && port > 0 && port <= 65_535;
}

function badAddress(instance: Instance): Failure {
  return {
    code: "ingress_bad_address",
    message: `instance ${instance.id}: ${instance.address}:${instance.port} is no IP address and port`,
    hint: "register it with an IP address and its port",
  };
}

/** What asks for the same requests, while a service is read. */
interface Gathered {
  route: Route;
  newest: number;
  readonly members: Map<string, Member>;
}

function gather(claims: Map<string, Gathered>, route: Route, instance: Instance): void {
  const key = matchKey(route.match);
  const gathered = claims.get(key) ?? { route, newest: instance.createIndex, members: new Map<string, Member>() };
  claims.set(key, gathered);
  gathered.members.set(`${instance.address} ${route.share.port || instance.port}`, { instance, share: route.share });
  if (instance.createIndex > gathered.newest) {
    gathered.route = route;
    gathered.newest = instance.createIndex;
  }
}

function claimOf(key: string, service: string, { route, members: found }: Gathered): Claim {
  const { match, priority, options } = route;
  const members = [...found.values()];
  return { key, service, route, members, alone: { key, services: [service], match, priority, options, members } };
}

function settle(key: string, claims: readonly Claim[], problems: RouteProblem[]): Exposed {
  const [first, ...others] = claims.toSorted(
    (a, b) => b.route.priority - a.route.priority || (a.service < b.service ? -1 : 1),
  );
  if (first === undefined) throw new Error("a route without a claim");
  const members = [...first.members];
  const services = [first.service];
  for (const other of others) {
    const joins =
      first.route.joins &&
      other.route.joins &&
      JSON.stringify(first.route.options) === JSON.stringify(other.route.options);
    if (joins) {
      members.push(...other.members);
      services.push(other.service);
    } else
      problems.push({
        service: other.service,
        code: "ingress_conflict",
        message: `${key} is served by the service ${first.service} already (${first.route.source}); that of ${other.service} (${other.route.source}) is left out`,
        hint: "choose another host or path, or give the one that is to have it a higher priority",
      });
  }
  if (services.length === 1) return first.alone;
  return {
    key,
    services,
    match: first.route.match,
    priority: first.route.priority,
    options: first.route.options,
    members,
  };
}
