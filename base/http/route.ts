import type * as v from "valibot";

export type Method = "GET" | "HEAD" | "PUT" | "POST" | "PATCH" | "DELETE" | "LIST";

/** Whom a route lets in. `public` needs no token at all; capabilities are checked by the access policy that is in force. */
export type AccessRule =
  | { readonly kind: "public" }
  | { readonly kind: "any-token" }
  | { readonly kind: "capability"; readonly resource: string; readonly capability: string };

/**
 * One row per endpoint. `path` holds `:name` for a segment and ends in `*name` for the rest, slashes included.
 * The kit parses query and body by their schemas, then calls `handle`.
 */
export interface Route<Q = unknown, B = unknown> {
  readonly method: Method | readonly Method[];
  readonly path: string;
  readonly summary: string;
  readonly access: AccessRule;
  readonly query?: v.GenericSchema<unknown, Q>;
  readonly body?: BodySpec<B>;
  /** Largest body in bytes. Default 1 MiB. */
  readonly maxBodyBytes?: number;
  /** For the API document. */
  readonly response?: v.GenericSchema;
  handle(request: RouteRequest<Q, B>): Promise<Reply> | Reply;
}

export type BodySpec<B> =
  | { readonly kind: "json"; readonly schema: v.GenericSchema<unknown, B>; readonly optional?: boolean }
  | { readonly kind: "bytes" };

export interface RouteRequest<Q, B> {
  readonly method: Method;
  readonly path: string;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Q;
  readonly body: B;
  /** All values of each query parameter, in order, unparsed. */
  readonly rawQuery: ReadonlyMap<string, readonly string[]>;
  readonly headers: Readonly<Record<string, string>>;
  readonly token: string;
  readonly remote: { readonly host: string; readonly port: number };
  /** Aborts when the client went away or the server stops. */
  readonly signal: AbortSignal;
}

/** What a handler answers. Errors are thrown as `HttpError`. */
export type Reply =
  | {
      readonly kind: "json";
      readonly status?: number;
      readonly value: unknown;
      readonly headers?: Readonly<Record<string, string>>;
    }
  | {
      readonly kind: "bytes";
      readonly status?: number;
      readonly body: Uint8Array | string;
      readonly contentType: string;
      readonly headers?: Readonly<Record<string, string>>;
    }
  | { readonly kind: "empty"; readonly status: number; readonly headers?: Readonly<Record<string, string>> }
  | {
      readonly kind: "stream";
      readonly status?: number;
      readonly contentType: string;
      readonly body: AsyncIterable<Uint8Array>;
      readonly headers?: Readonly<Record<string, string>>;
    }
  /** A read of state at an index: the kit adds the index headers, blocks, filters, pages. */
  | { readonly kind: "state"; readonly read: () => StateAnswer };

export interface StateAnswer {
  /** The newest revision that touched what this answer was made from; at least 1. */
  readonly index: number;
  /** Undefined: 404 with `missing` as its text, index headers set all the same. */
  readonly value: unknown;
  readonly missing?: string;
  readonly headers?: Readonly<Record<string, string>>;
}
