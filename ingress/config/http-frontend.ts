import type { Exposed } from "../routes/collect.ts";
import { compareNatural, compareRoutes, planOf } from "../routes/order.ts";
import type { Condition, HttpMatch } from "../routes/route.ts";
import type { MapEntries, Section } from "./model.ts";
import { literal } from "./quote.ts";

export interface HttpFrontend {
  readonly section: Section;
  readonly maps: ReadonlyMap<string, MapEntries>;
}

export interface FrontendOptions {
  readonly binds: readonly string[];
  /** Further lines at the start, as for challenges of certificates. */
  readonly first: readonly string[];
}

const HOSTS = "maps/hosts.map";
const BELOW = "maps/below.map";
const BELOW_PATHS = "maps/below-paths.map";
const ANY = "maps/any.map";
const UNLESS_FOUND = "unless { var(txn.route) -m found }";

/** JSON, one line a request. */
const LOG = `log-format '${[
  `{"time":%Ts.%ms`,
  `"client":"%ci"`,
  // Nothing in it needs an escape: HAProxy refuses a method that is no token (RFC 9110 section 5.6.2).
  `"method":"%HM"`,
  `"host":"%[var(txn.host),json(utf8s)]"`,
  `"uri":"%[capture.req.uri,json(utf8s)]"`,
  `"version":"%HV"`,
  `"tls":"%sslv"`,
  `"status":%ST`,
  `"bytes":%B`,
  `"ms":%Ta`,
  `"queue_ms":%Tw`,
  `"connect_ms":%Tc`,
  `"response_ms":%Tr`,
  `"route":"%b"`,
  `"server":"%si:%sp"`,
  `"retries":"%rc"`,
  `"ended":"%tsc"}`,
].join(",")}'`;

/** The one frontend for HTTP. Which backend a request goes to is asked of the rules that need an order, then of maps. */
export function httpFrontend(
  routes: readonly { readonly route: Exposed<HttpMatch>; readonly backend: string }[],
  { binds, first }: FrontendOptions,
): HttpFrontend {
  const ranked = routes
    .map(({ route, backend }) => ({ match: route.match, priority: route.priority, key: route.key, backend }))
    .toSorted(compareRoutes);
  const { inOrder, mapped } = planOf(ranked);
  const entries = (kind: HttpMatch["hostKind"], keyOf: (match: HttpMatch) => string): MapEntries =>
    new Map(mapped.filter(({ match }) => match.hostKind === kind).map(({ match, backend }) => [keyOf(match), backend]));
  const below = belowMaps(mapped);
  // What no route asks for is not asked of each request.
  const lookUps = [
    `http-request set-var(txn.route) var(txn.host),concat(,txn.path),map_beg(${HOSTS}) ${UNLESS_FOUND}`,
    ...(below.hosts.size === 0
      ? []
      : [
          `http-request set-var(txn.below) var(txn.host),map_end(${BELOW}) ${UNLESS_FOUND}`,
          `http-request set-var(txn.route) var(txn.below),concat(,txn.path),map_beg(${BELOW_PATHS}) if !{ var(txn.route) -m found } { var(txn.below) -m found }`,
        ]),
    ...(mapped.some(({ match }) => match.hostKind === "any")
      ? [`http-request set-var(txn.route) path,map_beg(${ANY}) ${UNLESS_FOUND}`]
      : []),
  ];
  return {
    maps: new Map<string, MapEntries>([
      [HOSTS, entries("exact", (match) => match.host + match.path)],
      [ANY, entries("any", (match) => match.path)],
      [BELOW, below.hosts],
      [BELOW_PATHS, below.paths],
    ]),
    section: {
      head: "frontend web",
      lines: [
        "mode http",
        ...binds.map((bind) => `bind ${bind}`),
        "log global",
        LOG,
        "option forwardfor",
        // A worker that is about to end closes a kept connection with an answer, never while a request is on its way.
        "option idle-close-on-response",
        // What may do something twice is sent once.
        "http-request disable-l7-retry unless { method GET HEAD OPTIONS }",
        ...first,
        "http-request set-var(txn.host) hdr(host),field(1,:),lower",
        "http-request set-var(txn.path) path",
        "http-request set-header X-Forwarded-Proto %[ssl_fc,iif(https,http)]",
        "http-request set-header X-Forwarded-Host %[req.hdr(host)]",
        ...inOrder.map(
          ({ match, backend }) =>
            `http-request set-var(txn.route) str(${backend}) if !{ var(txn.route) -m found } ${testOf(match)}`,
        ),
        ...lookUps,
        "use_backend %[var(txn.route)] if { var(txn.route) -m found }",
        "default_backend no-route",
      ],
    },
  };
}

interface Mapped {
  readonly match: HttpMatch;
  readonly priority: number;
  readonly key: string;
  readonly backend: string;
}

/**
 * Names below others: the longest that fits decides, so each has the paths of those it is below as well, where it has
 * none of its own that would be tried before.
 */
function belowMaps(mapped: readonly Mapped[]): { readonly hosts: MapEntries; readonly paths: MapEntries } {
  const groups = new Map<string, Map<string, string>>();
  for (const { match, backend } of mapped.toSorted(compareNatural)) {
    if (match.hostKind !== "below") continue;
    const group = groups.get(match.host) ?? new Map<string, string>();
    group.set(match.path, backend);
    groups.set(match.host, group);
  }
  const paths = new Map<string, string>();
  for (const [host, own] of groups) {
    const all = new Map(own);
    // Longer names come first, so the nearest that holds this one is asked first, too.
    for (const [outer, theirs] of groups) {
      if (!host.endsWith(`.${outer}`)) continue;
      const taken = [...all.keys()];
      for (const [path, backend] of theirs) if (!taken.some((mine) => path.startsWith(mine))) all.set(path, backend);
    }
    for (const [path, backend] of all) paths.set(`.${host}${path}`, backend);
  }
  return { hosts: new Map([...groups.keys()].map((host) => [`.${host}`, `.${host}`])), paths };
}

function testOf({ hostKind, host, pathKind, path, conditions }: HttpMatch): string {
  const tests: string[] = [];
  if (hostKind === "exact") tests.push(`{ var(txn.host) -m str -- ${literal(host)} }`);
  if (hostKind === "below") tests.push(`{ var(txn.host) -m end -- ${literal(`.${host}`)} }`);
  if (hostKind === "regex") tests.push(`{ var(txn.host) -m reg -- ${literal(host)} }`);
  if (pathKind === "exact") tests.push(`{ path -m str -- ${literal(path)} }`);
  if (pathKind === "regex") tests.push(`{ path -m reg -- ${literal(path)} }`);
  if (pathKind === "prefix") tests.push(`{ path -m beg -- ${literal(path)} }`);
  return [...tests, ...conditions.map(testCondition)].join(" ");
}

function testCondition({ kind, not, name, values, regex }: Condition): string {
  const fetch =
    kind === "client"
      ? "src"
      : kind === "method"
        ? "method"
        : kind === "header"
          ? `req.hdr(${name})`
          : `url_param(${name})`;
  const sign = not ? "!" : "";
  if (values.length === 0) return `${sign}{ ${fetch} -m found }`;
  if (values.includes("")) return `${sign}{ ${fetch} -m len 0 }`;
  if (kind === "client") return `${sign}{ src ${values.join(" ")} }`;
  return `${sign}{ ${fetch} -m ${regex ? "reg" : "str"} -- ${values.map(literal).join(" ")} }`;
}
