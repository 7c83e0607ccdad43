import type { Env } from "#base/env/env.ts";
import type { AccessPolicy } from "./access.ts";
import type { AuditLog } from "./audit.ts";
import type { BlockingReads } from "./blocking.ts";
import type { Consistency } from "./consistency.ts";
import type { Dialect } from "./dialect.ts";
import type { HttpError } from "./http-error.ts";
import type { CompileFilter } from "./list-shape.ts";
import type { Route } from "./route.ts";

export interface ApiOptions {
  readonly routes: readonly Route[];
  readonly dialect: Dialect;
  readonly env: Pick<Env, "clock" | "random" | "log">;
  readonly blocking: BlockingReads;
  /** Default: open. */
  readonly access?: AccessPolicy;
  /** Gets an entry before and after every request that is no read. Default: none. */
  readonly audit?: AuditLog;
  /** A request that names another with `region=` is refused. Default: none is. */
  readonly region?: string;
  /** Default: one server. */
  readonly consistency?: Consistency;
  /** Without it `filter=` is refused. */
  readonly compileFilter?: CompileFilter;
  /** Serves the OpenAPI document of the routes at `/v1/openapi.json`. */
  readonly document?: { readonly title: string; readonly version: string; readonly description: string };
  /** Sent with every answer (Nomad's and Consul's `http_api_response_headers`). */
  readonly responseHeaders?: Readonly<Record<string, string>>;
  /** Sites whose pages may write, besides our own; `*`: all. */
  readonly allowedOrigins?: readonly string[];
  /** Turns what a handler threw into an answer, where it is no {@link HttpError}. Undefined: a 500. */
  readonly explain?: (thrown: unknown) => HttpError | undefined;
}
