import type { Env } from "#base/env/env.ts";
import type { AccessPolicy } from "#base/http/access.ts";
import type { AuditLog } from "#base/http/audit.ts";
import type { Consistency } from "#base/http/consistency.ts";
import { createApi } from "#base/http/api.ts";
import type { ApiOptions } from "#base/http/api-options.ts";
import { consulDialect, nomadDialect } from "#base/http/dialect.ts";
import type { Exchange } from "#base/http/exchange.ts";
import { HttpError } from "#base/http/http-error.ts";
import { compileFilter } from "#base/language/filter/compile.ts";
import { explainConsul } from "#daemons/discovery/http/consul-routes.ts";
import type { Route } from "#base/http/route.ts";
import { BlockingQueries } from "#base/state/blocking.ts";
import { StoreError } from "#base/state/store.ts";
import type { View } from "#base/state/table.ts";

export interface ApisOptions {
  readonly env: Env;
  /** Of the scheduler. */
  readonly region?: string;
  readonly view: View;
  readonly nomadRoutes: readonly Route[];
  readonly consulRoutes: readonly Route[];
  /** What the token of a request may do. */
  readonly access: AccessPolicy;
  readonly audit?: AuditLog;
  /** How reads are made fresh. Default: one server. */
  readonly consistency?: Consistency;
  /** What stands around the APIs where several servers answer them. Default: nothing. */
  readonly around?: {
    readonly nomad: (exchange: Exchange) => Exchange;
    readonly consul: (exchange: Exchange) => Exchange;
  };
  readonly responseHeaders: Readonly<Record<string, string>>;
  /** The program's, for the API documents. */
  readonly version: string;
}

export interface Apis {
  readonly nomad: Exchange;
  readonly consul: Exchange;
  /** Both, for single tasks: what Consul's routes do not know goes to Nomad's. */
  readonly task: Exchange;
  /** Answers everything that waits. */
  close(): void;
}

export function createApis(options: ApisOptions): Apis {
  const { env, view } = options;
  const blocking = new BlockingQueries({ view, clock: env.clock, random: env.random });
  const { access, responseHeaders, audit } = options;
  const auditing = audit === undefined ? {} : { audit };
  const { around = { nomad: plain, consul: plain } } = options;
  const consistent = options.consistency === undefined ? {} : { consistency: options.consistency };
  const common = { env, blocking, explain, compileFilter, access, responseHeaders, ...auditing, ...consistent };
  const nomadApi = createApi({
    ...common,
    dialect: nomadDialect,
    ...(options.region === undefined ? {} : { region: options.region }),
    routes: options.nomadRoutes,
    document: documentOf("scheduler", "Jobs, allocations, nodes: the API of Nomad", options.version),
  });
  const consulApi = createApi({
    ...common,
    dialect: consulDialect,
    routes: options.consulRoutes,
    document: documentOf("discovery", "Services, checks, keys: the API of Consul", options.version),
  });
  const nomad = around.nomad(nomadApi);
  const consul = around.consul(consulApi);
  return {
    nomad,
    consul,
    task: (request) => (CONSUL_PATH.test(request.url) ? consul(request) : nomad(request)),
    close: () => blocking.close(),
  };
}

function plain(exchange: Exchange): Exchange {
  return exchange;
}

function documentOf(name: string, description: string, version: string): NonNullable<ApiOptions["document"]> {
  return { title: `Lares: the ${name} API`, version, description };
}

const CONSUL_PATH =
  /^\/v1\/(?:kv|catalog|health|session|txn|event|coordinate|query|agent\/(?:services?|checks?))(?:[/?]|$)/;

/** What the store could not do, in words for whoever asked. */
function explain(thrown: unknown): HttpError | undefined {
  if (!(thrown instanceof StoreError)) return explainConsul(thrown);
  const status = thrown.code === "too_large" ? 413 : thrown.code === "full" ? 507 : 500;
  return new HttpError(status, thrown.message);
}
