import type { TemplateData } from "#base/client/templates/template.ts";
import { CHALLENGE_PATH } from "../acme/challenge-path.ts";
import { CERTIFICATE_LIST, type CertificateStore } from "../certificates/certificate-store.ts";
import {
  collectRoutes,
  type CollectOptions,
  type Exposed,
  type KnownServices,
  type RouteProblem,
} from "../routes/collect.ts";
import type { HttpMatch, TcpMatch } from "../routes/route.ts";
import { backendsOf, userLists, type KnownBackends } from "./backends.ts";
import { httpFrontend, type FrontendOptions, type HttpFrontend } from "./http-frontend.ts";
import type { IngressConfig, MapEntries, Section } from "./model.ts";
import { PAGES } from "./pages.ts";
import { placeRoutes, type KnownPlaces, type Placed } from "./place.ts";
import { authorityFiles, readStore } from "./store.ts";
import { tcpFrontends } from "./tcp-frontends.ts";
import { PROOF_LINE, PROOF_SECTIONS, proofFiles } from "./tls-proofs.ts";

/** What was worked out of parts that are still the same; kept by the caller from one time to the next. */
export class Known {
  readonly services: KnownServices = new WeakMap();
  readonly places: KnownPlaces = new WeakMap();
  readonly backends: KnownBackends = new WeakMap();
  /** The newest frontend, and what it was made of. */
  frontend: { readonly of: string; readonly made: HttpFrontend } | undefined;
}

export interface BuildOptions extends Pick<CollectOptions, "entryPoints"> {
  readonly known: Known;
  /** Where all ports are: `127.0.0.1`, `::`. */
  readonly host: string;
  /** Addresses that are there only while this node holds them. */
  readonly virtual?: readonly string[];
  readonly httpPort: number;
  /** HTTPS, as soon as the store has a certificate. */
  readonly https?: { readonly port: number; readonly certificates: CertificateStore } | undefined;
  /** Metrics, statistics and health. */
  readonly adminPort?: number | undefined;
  /** Clients in front, as another balancer, that begin with a PROXY line. */
  readonly acceptProxy?: boolean;
  /** HAProxy's build has QUIC: HTTP/3 is served at the port of HTTPS, too. `limited`: over a TLS library without it. */
  readonly http3?: "full" | "limited" | undefined;
  /** Lines of HAProxy's own in tags are taken over. */
  readonly snippets?: boolean;
  /** Routes, by their keys, that HAProxy refused. */
  readonly refused?: ReadonlyMap<string, Refusal>;
  /** Answers to challenges of ACME lie below this key; undefined: none are given. */
  readonly challenges?: string | undefined;
  /** Certificates that prove names by TLS-ALPN-01 lie below this key; undefined: none are shown. */
  readonly proofs?: string | undefined;
  /** Where lists of users and authorities are in the key-value store. */
  readonly store: string;
  /** Since when the catalog cannot be reached, ISO 8601; empty: it can. */
  readonly lostAt?: string;
}

export interface Refusal {
  readonly why: string;
  /** What was refused: another wish of the same route is tried. */
  readonly options: string;
}

const NO_FILES: ReadonlyMap<string, string> = new Map();
const TLS_SOCKET = "unix@https.sock";

/** From the catalog to all that HAProxy is to serve. A function of its input alone. */
export function buildConfig(data: TemplateData, options: BuildOptions): IngressConfig {
  const collected = collectRoutes(data, { ...options, known: options.known.services });
  const problems: RouteProblem[] = [...collected.problems];
  const routes = collected.routes.filter((route) => isServed(route, options, problems));
  const store = readStore(data, options.store, routes);
  const placed = placeRoutes(routes, options.known.places);
  const http = placed.filter((one): one is Placed<Exposed<HttpMatch>> => one.route.match.kind === "http");
  const tcp = placed.filter((one): one is Placed<Exposed<TcpMatch>> => one.route.match.kind === "tcp");
  const proofs = options.https === undefined ? undefined : options.proofs;
  const tlsPort = options.https?.port ?? 0;
  const wantsTlsPort = proofs !== undefined || tcp.some(({ route }) => route.match.port === tlsPort);
  const certificates = options.https?.certificates.files(data) ?? NO_FILES;
  const binds = bindsOf(options, {
    wantsTlsPort,
    clientCas: store.bundle !== "",
    isReady: certificates.has(CERTIFICATE_LIST),
  });
  const answers = options.challenges === undefined ? undefined : challengesOf(data, options.challenges);
  const hasHttp3 = options.http3 !== undefined && certificates.has(CERTIFICATE_LIST);
  const frontend = frontendOf(options.known, http, {
    binds: hasHttp3 ? [...binds, ...quicBinds(options)] : binds,
    first: firstLines(answers !== undefined, hasHttp3 ? tlsPort : 0),
  });
  const streams = streamsOf(tcp, options, proofs !== undefined);
  const backends = backendsOf(placed, {
    store,
    storeKey: options.store,
    snippets: options.snippets === true,
    known: options.known.backends,
    problems,
  });
  return {
    sections: [
      ...(hasHttp3 && options.http3 === "limited" ? [LIMITED_QUIC] : []),
      ...userLists(placed, store, problems),
      frontend.section,
      ...streams.sections,
      ...(wantsTlsPort ? [TLS_BACKEND] : []),
      ...(proofs === undefined ? [] : PROOF_SECTIONS),
      ...adminSections(options),
      NO_ROUTE,
    ],
    backends,
    maps: new Map<string, MapEntries>([
      ...frontend.maps,
      ...streams.maps,
      ...(answers === undefined ? [] : [[CHALLENGES, answers] as const]),
      ...(options.adminPort === undefined ? [] : [[FACTS, factsOf(options)] as const]),
    ]),
    files: new Map([
      ...PAGES,
      ...certificates,
      ...(proofs === undefined ? [] : proofFiles(data, proofs)),
      ...authorityFiles(store),
    ]),
    routes: placed.map(({ summary }) => summary),
    exposed: placed,
    problems,
  };
}

/** Instances that come and go leave it as it is. */
function frontendOf(
  known: Known,
  routes: readonly Placed<Exposed<HttpMatch>>[],
  options: FrontendOptions,
): HttpFrontend {
  const of = `${routes.map(({ route, backend }) => `${route.key} ${route.priority} ${backend}`).join("\n")}\n${JSON.stringify(options)}`;
  if (known.frontend?.of !== of) known.frontend = { of, made: httpFrontend(routes, options) };
  return known.frontend.made;
}

const CHALLENGES = "maps/challenges.map";
const CHALLENGE_LINE = `http-request return status 200 content-type text/plain lf-string %[path,map_str(${CHALLENGES})] if { path_beg ${CHALLENGE_PATH} } { path,map_str(${CHALLENGES}) -m found }`;

/** What is asked before all routes. `http3Port` 0: there is none. */
function firstLines(hasChallenges: boolean, http3Port: number): readonly string[] {
  return [
    ...(hasChallenges ? [CHALLENGE_LINE] : []),
    ...(http3Port === 0 ? [] : [`http-after-response set-header Alt-Svc 'h3=":${http3Port}"; ma=3600'`]),
  ];
}

/** Paths that an authority asks for, with what it is to find there (RFC 8555 section 8.3). */
function challengesOf(data: TemplateData, prefix: string): MapEntries {
  const pairs = data.prefix(prefix).map(({ key, value }): [string, string] => [key.slice(prefix.length), value]);
  return new Map(
    pairs
      .filter(([token, answer]) => /^[A-Za-z0-9_-]{1,256}$/.test(token) && /^[A-Za-z0-9_.-]{1,400}$/.test(answer))
      .map(([token, answer]): [string, string] => [`${CHALLENGE_PATH}${token}`, answer]),
  );
}

const NO_ROUTE: Section = {
  head: "backend no-route",
  lines: [
    "mode http",
    "http-request return status 404 content-type text/plain string 'No route serves this address. Services are exposed by a tag such as lares.host=shop.example.com or urlprefix-/path.'",
  ],
};

const LIMITED_QUIC: Section = { head: "global", lines: ["limited-quic"] };
const TLS_BACKEND: Section = { head: "backend tls", lines: ["mode tcp", `server tls ${TLS_SOCKET} send-proxy-v2`] };

const FACTS = "maps/facts.map";
const LOST_AT = `str(catalog),map_str(${FACTS})`;

/** What whoever asks HAProxy itself is told, though nobody else can be asked. */
function factsOf({ lostAt = "" }: BuildOptions): MapEntries {
  return new Map(lostAt === "" ? [] : [["catalog", lostAt]]);
}

function adminSections(options: BuildOptions): readonly Section[] {
  if (options.adminPort === undefined) return [];
  const bind = bindAt({ ...options, virtual: [], acceptProxy: false }, options.adminPort);
  const lines = [
    "mode http",
    `bind ${bind}`,
    "http-request use-service prometheus-exporter if { path /metrics }",
    `http-request return status 200 content-type text/plain lf-string 'ok, but the catalog is out of reach since %[${LOST_AT}]; what was known then is served' if { path /health } { ${LOST_AT} -m found }`,
    "http-request return status 200 content-type text/plain string ok if { path /health }",
    "stats enable",
    "stats uri /stats",
    "stats refresh 5s",
    "stats show-legends",
  ];
  return [{ head: "frontend admin", lines }];
}

function streamsOf(
  tcp: Parameters<typeof tcpFrontends>[0],
  options: BuildOptions,
  hasProofs: boolean,
): ReturnType<typeof tcpFrontends> {
  const tlsPort = options.https?.port ?? 0;
  return tcpFrontends(tcp, {
    bindOf: (port) => bindAt(options, port),
    fallbackOf: (port) => (port === options.https?.port ? "tls" : undefined),
    linesOf: (port) => (hasProofs && port === tlsPort ? [PROOF_LINE] : []),
    always: hasProofs ? [tlsPort] : [],
  });
}

function isServed(
  { key, match, services, options: wish }: Exposed,
  options: BuildOptions,
  problems: RouteProblem[],
): boolean {
  const [service = ""] = services;
  const refusal = options.refused?.get(key);
  const why = refusal !== undefined && refusal.options === JSON.stringify(wish) ? refusal.why : undefined;
  if (why !== undefined)
    problems.push({
      service,
      code: "ingress_refused",
      message: `HAProxy refuses ${key}: ${why}`,
      hint: "change the tag; everything else is served",
    });
  const taken =
    match.kind === "tcp" &&
    (match.port === options.httpPort ||
      match.port === options.adminPort ||
      (match.port === options.https?.port && match.sni === ""));
  if (taken)
    problems.push({
      service,
      code: "ingress_port_taken",
      message: `${key} asks for a port the ingress itself uses`,
      hint: "choose another port",
    });
  return why === undefined && !taken;
}

function bindAt({ host, virtual = [], acceptProxy }: BuildOptions, port: number): string {
  const isEverywhere = host === "0.0.0.0" || host === "::";
  const moving = isEverywhere ? [] : virtual.filter((address) => address !== host);
  const all = [host, ...moving].map((address) => `${address.includes(":") ? `[${address}]` : address}:${port}`);
  // What is bound as `transparent` need not be there yet.
  return `${all.join(",")}${moving.length > 0 ? " transparent" : ""}${acceptProxy === true ? " accept-proxy" : ""}`;
}

/** HTTP/3 where this node has its addresses; a virtual one cannot be bound before it is there. */
function quicBinds({ host, https }: BuildOptions): readonly string[] {
  const at = host.includes(":") ? `quic6@[${host}]` : `quic4@${host}`;
  return https === undefined ? [] : [`${at}:${https.port} ssl crt-list ${CERTIFICATE_LIST} alpn h3`];
}

interface BindFacts {
  readonly wantsTlsPort: boolean;
  readonly clientCas: boolean;
  readonly isReady: boolean;
}

function bindsOf(options: BuildOptions, { wantsTlsPort, clientCas, isReady }: BindFacts): readonly string[] {
  const { https, httpPort } = options;
  const binds = [bindAt(options, httpPort)];
  if (https === undefined || !isReady) return binds;
  const clients = clientCas ? " ca-file ca/clients.pem verify optional crt-ignore-err all ca-ignore-err all" : "";
  const where = wantsTlsPort ? `${TLS_SOCKET} accept-proxy` : bindAt(options, https.port);
  return [...binds, `${where} ssl crt-list ${CERTIFICATE_LIST} alpn h2,http/1.1${clients}`];
}
