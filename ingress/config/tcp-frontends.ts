import type { Exposed } from "../routes/collect.ts";
import type { TcpMatch } from "../routes/route.ts";
import type { MapEntries, Section } from "./model.ts";
import { literal } from "./quote.ts";

interface TcpRoute {
  readonly route: Exposed<TcpMatch>;
  readonly backend: string;
}

export interface TcpFrontends {
  readonly sections: readonly Section[];
  readonly maps: ReadonlyMap<string, MapEntries>;
}

const LOG = `log-format '{"time":%Ts.%ms,"client":"%ci","bytes":%B,"ms":%Tt,"connect_ms":%Tc,"route":"%b","server":"%si:%sp","ended":"%ts"}'`;

export interface TcpFrontendOptions {
  readonly bindOf: (port: number) => string;
  /** Who has what no route is for; undefined: nobody. */
  readonly fallbackOf: (port: number) => string | undefined;
  /** Rules that are asked before all routes, of a TLS client's first words. */
  readonly linesOf: (port: number) => readonly string[];
  /** Ports that are there without a route. */
  readonly always: readonly number[];
}

/** A frontend for each port; which backend is decided by the name a TLS client asks for, where some route names one. */
export function tcpFrontends(
  routes: readonly TcpRoute[],
  { bindOf, fallbackOf, linesOf, always }: TcpFrontendOptions,
): TcpFrontends {
  const maps = new Map<string, MapEntries>();
  const sections: Section[] = [];
  for (const port of [...new Set([...always, ...routes.map(({ route }) => route.match.port)])].toSorted(
    (a, b) => a - b,
  )) {
    const here = routes.filter(({ route }) => route.match.port === port);
    const named = here.filter(({ route }) => route.match.sni !== "");
    const rest = here.find(({ route }) => route.match.sni === "")?.backend ?? fallbackOf(port);
    const lines = ["mode tcp", `bind ${bindOf(port)}`, "log global", LOG];
    if (named.length > 0 || linesOf(port).length > 0)
      lines.push(
        "tcp-request inspect-delay 5s",
        "tcp-request content accept if { req.ssl_hello_type 1 }",
        // What does not begin as TLS does need not be waited for.
        "tcp-request content accept if { req.len gt 0 } !{ req.payload(0,1) -m bin 16 }",
        ...linesOf(port),
      );
    if (named.length > 0) {
      const file = `maps/sni-${port}.map`;
      maps.set(
        file,
        new Map(
          named
            .filter(({ route }) => !route.match.sni.startsWith("*."))
            .map(({ route, backend }) => [route.match.sni, backend]),
        ),
      );
      lines.push(
        `use_backend %[req.ssl_sni,lower,map_str(${file})] if { req.ssl_sni,lower,map_str(${file}) -m found }`,
      );
      const below = named
        .filter(({ route }) => route.match.sni.startsWith("*."))
        .toSorted((a, b) => b.route.match.sni.length - a.route.match.sni.length);
      for (const { route, backend } of below)
        lines.push(`use_backend ${backend} if { req.ssl_sni -m end -i -- ${literal(route.match.sni.slice(1))} }`);
    }
    if (rest !== undefined) lines.push(`default_backend ${rest}`);
    sections.push({ head: `frontend tcp-${port}`, lines });
  }
  return { sections, maps };
}
