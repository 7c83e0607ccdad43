import type { Failure } from "#base/env/errors.ts";
import type { Instance } from "#base/client/templates/dependency.ts";
import type { TemplateData } from "#base/client/templates/template.ts";
import { readTag, ROUTE_TAG, type TagRoute } from "./tags.ts";

export interface Server {
  readonly name: string;
  readonly address: string;
  readonly port: number;
}

export interface Backend {
  readonly name: string;
  /** What it was made for, as a comment. */
  readonly label: string;
  readonly servers: readonly Server[];
}

export interface HttpRule extends Backend {
  readonly host: string;
  /** `.example.com` for a wildcard host. */
  readonly hostSuffix: string;
  readonly path: string;
  /** Regular expression matching what is taken off the front of the path; empty: nothing. */
  readonly stripPattern: string;
  readonly prepend: string;
}

export interface TcpRule extends Backend {
  readonly port: number;
}

/** All that HAProxy is to serve, in the order rules are tried. */
export interface IngressConfig {
  readonly http: readonly HttpRule[];
  readonly tcp: readonly TcpRule[];
  readonly problems: readonly Failure[];
}

/** Ports the ingress itself holds, which a TCP tag cannot have. */
export interface ConfigOptions {
  readonly takenPorts: readonly number[];
}

/**
 * From the catalog to what is served. Services that share host and path serve it together; the more specific rule is
 * tried first (named host, wildcard host, any host; then the longer path).
 */
export function buildConfig(data: TemplateData, options: ConfigOptions): IngressConfig {
  const found: Found = { routes: new Map(), problems: [] };
  for (const [service, tags] of Object.entries(data.services())) {
    if (!tags.some((tag) => tag.startsWith(ROUTE_TAG))) continue;
    for (const instance of data.service(service)) for (const tag of instance.tags) collect(tag, instance, found);
  }
  const http: HttpRule[] = [];
  const tcp: TcpRule[] = [];
  for (const [key, { route, instances }] of found.routes) {
    const servers = [...instances.values()].map(serverOf);
    if (route.kind === "http") http.push(httpRule(route, key, servers));
    else if (options.takenPorts.includes(route.port)) found.problems.push(portTaken(route.port));
    else tcp.push({ name: `tcp_${route.port}`, label: key, servers, port: route.port });
  }
  return {
    http: http.toSorted(bySpecificity),
    tcp: tcp.toSorted((a, b) => a.port - b.port),
    problems: unique(found.problems),
  };
}

/** What was read from tags so far: routes by what they match, with their instances by address. */
interface Found {
  readonly routes: Map<string, { readonly route: TagRoute; readonly instances: Map<string, Instance> }>;
  readonly problems: Failure[];
}

function collect(tag: string, instance: Instance, found: Found): void {
  const read = readTag(tag);
  if (read === undefined) return;
  if (!read.ok) {
    found.problems.push({ ...read.problem, message: `service ${instance.name}: ${read.problem.message}` });
    return;
  }
  const where = `${instance.address}:${instance.port}`;
  if (!/^[0-9a-fA-F.:]+$/.test(instance.address) || instance.port < 1 || instance.port > 65_535) {
    found.problems.push({
      code: "ingress_bad_address",
      message: `service ${instance.name}, instance ${instance.id}: ${where} is no IP address and port`,
      hint: "register it with an IP address and its port",
    });
    return;
  }
  const key = JSON.stringify(read.route);
  const entry = found.routes.get(key) ?? { route: read.route, instances: new Map<string, Instance>() };
  entry.instances.set(where, instance);
  found.routes.set(key, entry);
}

function portTaken(port: number): Failure {
  return {
    code: "ingress_port_taken",
    message: `tag urlprefix-:${port} proto=tcp asks for a port the ingress itself uses`,
    hint: "choose another port",
  };
}

function httpRule(route: TagRoute & { kind: "http" }, label: string, servers: readonly Server[]): HttpRule {
  const wildcard = route.host.startsWith("*.");
  return {
    name: `http_${nameOf(`${route.host}${route.path}`)}${route.strip === "" && route.prepend === "" ? "" : `_${nameOf(`${route.strip}>${route.prepend}`)}`}`,
    label,
    servers,
    host: wildcard ? "" : route.host,
    hostSuffix: wildcard ? route.host.slice(1) : "",
    path: route.path,
    stripPattern: route.strip === "" ? "" : `^${route.strip.replaceAll(/[.+]/g, String.raw`\$&`)}`,
    prepend: route.prepend,
  };
}

function serverOf(instance: Instance): Server {
  return {
    name: nameOf(`${instance.address}_${instance.port}`),
    address: instance.address.includes(":") ? `[${instance.address}]` : instance.address,
    port: instance.port,
  };
}

/** A name HAProxy takes. Characters it would not take become their code, so different texts keep different names. */
function nameOf(text: string): string {
  return text.replaceAll(/[^A-Za-z0-9.-]/g, (character) =>
    character === "/" ? "_" : `_${character.charCodeAt(0).toString(16)}`,
  );
}

function bySpecificity(a: HttpRule, b: HttpRule): number {
  return (
    rank(b) - rank(a) ||
    b.hostSuffix.length - a.hostSuffix.length ||
    b.path.length - a.path.length ||
    (a.label < b.label ? -1 : 1)
  );
}

function rank(rule: HttpRule): number {
  if (rule.host !== "") return 2;
  return rule.hostSuffix === "" ? 0 : 1;
}

function unique(problems: readonly Failure[]): readonly Failure[] {
  return [...new Map(problems.map((problem) => [problem.message, problem])).values()];
}
