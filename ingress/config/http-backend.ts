import type { Cors, RouteOptions } from "../routes/route.ts";
import { pageLines } from "./pages.ts";
import { formatted, literal } from "./quote.ts";

/** What a backend needs to know beside its options. */
export interface BackendContext {
  readonly name: string;
  readonly services: readonly string[];
  /** Hosts its routes are for; empty: any. */
  readonly hosts: readonly string[];
  /** Common names of authorities in the cluster's store. */
  readonly authorities: ReadonlyMap<string, string>;
  readonly snippets: boolean;
}

/** The lines of a backend that does what a route's options say, in a fixed order: who may, how often, what is answered at once, what is sent on. */
export function httpLines(options: RouteOptions, context: BackendContext): readonly string[] {
  return [
    "mode http",
    `balance ${options.balance ?? "roundrobin"}`,
    ...settings(options, context),
    ...guards(options, context),
    ...answers(options, context),
    ...rewrites(options),
    ...responses(options),
    ...(context.snippets ? (options.snippets ?? []) : []),
  ];
}

function settings(options: RouteOptions, { name }: BackendContext): readonly string[] {
  const { timeouts = {}, sticky, check, compress, rate } = options;
  const lines: string[] = [];
  const timeout = (kind: string, ms: number | undefined): void => {
    if (ms !== undefined) lines.push(`timeout ${kind} ${ms}ms`);
  };
  timeout("connect", timeouts.connectMs);
  timeout("server", timeouts.serverMs);
  timeout("tunnel", timeouts.tunnelMs);
  timeout("queue", timeouts.queueMs);
  if (sticky !== undefined) {
    // A server's cookie comes from its address, so that every ingress gives the same one.
    lines.push(`dynamic-cookie-key ${name}`);
    const flags = [
      sticky.secure ? " secure" : "",
      sticky.httpOnly ? " httponly" : "",
      sticky.sameSite === "" ? "" : ` attr SameSite=${sticky.sameSite}`,
    ];
    lines.push(`cookie ${sticky.cookie} insert indirect nocache dynamic${flags.join("")}`);
  }
  if (check !== undefined) lines.push(`option httpchk GET ${literal(check.path)}`);
  if (compress === true)
    lines.push(
      "compression algo gzip",
      "compression type text/html text/plain text/css text/javascript application/javascript application/json image/svg+xml",
    );
  if (rate !== undefined)
    lines.push(`stick-table type ipv6 size 100k expire ${rate.periodMs}ms store http_req_rate(${rate.periodMs}ms)`);
  return lines;
}

function guards(options: RouteOptions, context: BackendContext): readonly string[] {
  const { allow, deny, clientCa, rate, users, usersFrom, maxBodyBytes } = options;
  const lines: string[] = [];
  if (allow !== undefined) lines.push(`http-request deny deny_status 403 unless { src ${allow.join(" ")} }`);
  if (deny !== undefined) lines.push(`http-request deny deny_status 403 if { src ${deny.join(" ")} }`);
  if (clientCa !== undefined) {
    const authority = context.authorities.get(clientCa);
    const signed =
      authority === undefined
        ? "FALSE"
        : `{ ssl_c_used } { ssl_c_verify 0 } { ssl_c_i_dn(CN) -m str -- ${literal(authority)} }`;
    lines.push(`http-request deny deny_status 403 ${authority === undefined ? "" : `unless ${signed}`}`.trimEnd());
  }
  if (rate !== undefined)
    lines.push(
      "http-request track-sc0 src",
      `http-request deny deny_status 429 if { sc_http_req_rate(0) gt ${rate.requests} }`,
    );
  if (users !== undefined || usersFrom !== undefined)
    lines.push(`http-request auth realm ${context.name} unless { http_auth(users-${context.name}) }`);
  if (maxBodyBytes !== undefined)
    lines.push(`http-request deny deny_status 413 if { req.hdr_val(content-length) gt ${maxBodyBytes} }`);
  return lines;
}

function answers(options: RouteOptions, { services }: BackendContext): readonly string[] {
  const { toHttps, redirect, cors, maintenance } = options;
  const lines: string[] = [];
  if (toHttps !== undefined) lines.push(`http-request redirect scheme https code ${toHttps} unless { ssl_fc }`);
  if (maintenance === true) return [...lines, ...pageLines("maintenance", services)];
  if (cors !== undefined) lines.push(...preflight(cors));
  if (redirect !== undefined) {
    const to = redirect.to.split("$path").map((part) => part.replaceAll("%", "%%"));
    // What follows a slash that was asked for starts with one itself.
    return [...lines, `http-request redirect location ${literal(to.join("%[pathq]"))} code ${redirect.code}`];
  }
  // To a worker that is about to end, all its servers are gone; its last requests are served all the same.
  return [...lines, ...pageLines("no-server", services, "if { nbsrv eq 0 } !{ stopping }")];
}

function originTest({ origins }: Cors): string {
  return origins.includes("*")
    ? "{ req.hdr(origin) -m found }"
    : `{ req.hdr(origin) -m str -i -- ${origins.map(literal).join(" ")} }`;
}

function preflight(cors: Cors): readonly string[] {
  const headers = [
    ["Access-Control-Allow-Origin", "%[var(txn.origin)]"],
    [
      "Access-Control-Allow-Methods",
      (cors.methods.length === 0 ? ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] : cors.methods).join(", "),
    ],
    ...(cors.headers.length === 0 ? [] : [["Access-Control-Allow-Headers", cors.headers.join(", ")]]),
    ...(cors.credentials ? [["Access-Control-Allow-Credentials", "true"]] : []),
    ...(cors.maxAgeS === 0 ? [] : [["Access-Control-Max-Age", String(cors.maxAgeS)]]),
    ["Vary", "Origin"],
  ];
  return [
    `http-request set-var(txn.origin) req.hdr(origin) if ${originTest(cors)}`,
    `http-request return status 204 ${headers.map(([name = "", value = ""]) => `hdr ${name} ${literal(value)}`).join(" ")} if { method OPTIONS } { req.hdr(access-control-request-method) -m found } { var(txn.origin) -m found }`,
  ];
}

function rewrites(options: RouteOptions): readonly string[] {
  const { strip, prepend, replacePath, setHost, requestHeaders = [] } = options;
  const lines: string[] = [];
  if (strip !== undefined && strip !== "/") {
    lines.push(
      `http-request set-path %[path,bytes(${Buffer.byteLength(strip)})] if { path -m beg -- ${literal(strip)} }`,
    );
    lines.push("http-request set-path /%[path] unless { path -m beg / }");
  }
  if (prepend !== undefined) lines.push(`http-request set-path ${formatted(prepend.replace(/\/$/, ""))}%[path]`);
  if (replacePath !== undefined) lines.push(`http-request set-path ${formatted(replacePath)}`);
  if (setHost !== undefined && setHost !== "") lines.push(`http-request set-header Host ${literal(setHost)}`);
  for (const { name, how, value } of requestHeaders)
    lines.push(
      how === "delete" ? `http-request del-header ${name}` : `http-request ${how}-header ${name} ${formatted(value)}`,
    );
  return lines;
}

function responses({ cors, responseHeaders = [] }: RouteOptions): readonly string[] {
  const lines: string[] = [];
  if (cors !== undefined) {
    const set = (name: string, value: string): void =>
      void lines.push(`http-response set-header ${name} ${literal(value)} if { var(txn.origin) -m found }`);
    set("Access-Control-Allow-Origin", "%[var(txn.origin)]");
    if (cors.credentials) set("Access-Control-Allow-Credentials", "true");
    if (cors.exposed.length > 0) set("Access-Control-Expose-Headers", cors.exposed.join(", "));
    lines.push("http-response add-header Vary Origin");
  }
  for (const { name, how, value } of responseHeaders)
    lines.push(
      how === "delete" ? `http-response del-header ${name}` : `http-response ${how}-header ${name} ${formatted(value)}`,
    );
  return lines;
}

/** What stands after the address of each server. `authorities`: names of CAs that are there. */
export function serverOptions(options: RouteOptions, authorities: ReadonlyMap<string, unknown>): string {
  const { upstream, check, slowStartMs, maxConnections } = options;
  const words: string[] = [];
  if (upstream?.tls === true) {
    // A CA that is not there verifies nobody: the system's would be too many.
    const ca = upstream.ca === "" || !authorities.has(upstream.ca) ? "@system-ca" : `ca/${upstream.ca}.pem`;
    words.push(
      "ssl",
      "sni req.hdr(host),field(1,:)",
      upstream.verify ? `verify required ca-file ${ca}` : "verify none",
    );
    words.push(upstream.http2 ? "alpn h2" : "alpn http/1.1");
  } else if (upstream?.http2 === true) words.push("proto h2");
  if (upstream !== undefined && upstream.sendProxy !== "")
    words.push(upstream.sendProxy === "v2" ? "send-proxy-v2" : "send-proxy");
  if (check !== undefined) words.push(`check inter ${check.intervalMs}ms`);
  if (slowStartMs !== undefined) words.push(`slowstart ${slowStartMs}ms`);
  if (maxConnections !== undefined) words.push(`maxconn ${maxConnections}`);
  return words.join(" ");
}
