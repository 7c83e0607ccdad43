import type * as v from "valibot";
import type { Address } from "#base/env/net.ts";
import type { WebSocketChannel } from "#base/env/web-socket.ts";
import type { Access, AccessRule } from "./access.ts";
import type { PeerCertificate } from "./exchange.ts";
import type { BodySpec } from "./body.ts";

export type Method = "GET" | "HEAD" | "PUT" | "POST" | "PATCH" | "DELETE" | "LIST";

/** A table of the state, as far as the kit needs to know one. */
export interface NamedTable {
  readonly name: string;
}

/**
 * One row per endpoint. `path` is made of literal segments, `:name` for one segment, `+name` for one or more (the
 * fewest that fit: `/v1/job/+id/allocations`), and may end in `*name` for all the rest, slashes included, even none.
 * Literals win over names. A GET answers HEAD too. The kit parses query and body by their schemas, then calls `handle`.
 */
export interface Route<Q = unknown, B = unknown, P extends string = string> {
  readonly method: Method | readonly Method[];
  readonly path: P;
  readonly summary: string;
  /** Heading in the API document. Default: the second segment of the path. */
  readonly group?: string;
  readonly access: AccessRule;
  /**
   * An object schema. Each key gets the parameter's first value as text, or all values where the schema is an array;
   * absent parameters are undefined. See `query.ts` for flags, numbers and durations.
   */
  readonly query?: v.GenericSchema<unknown, Q>;
  readonly body?: BodySpec<B>;
  /** For the audit log: what a write changes, where only the body names it. Never a secret. */
  target?(body: B): string;
  /** Largest body in bytes; more is a 413. Default 1 MiB. */
  readonly maxBodyBytes?: number;
  /** What a `state` reply is made from: it blocks until one of them changes. Absent: until anything does. */
  readonly tables?: readonly NamedTable[];
  /** `filter=` applies to the items of the list, or to the values of the object, that is answered. */
  readonly filter?: "items" | "values";
  /**
   * Makes a list pageable (`per_page`, `next_token`, `reverse`). The key by which the list is in ascending order,
   * unique within it.
   */
  pageKey?(item: unknown): string;
  /** For the API document. */
  readonly response?: v.GenericSchema;
  handle(request: RouteRequest<Q, B, P>): Promise<Reply> | Reply;
}

/** The names in a path. */
type ParamNames<P extends string> = P extends `${infer Segment}/${infer Rest}`
  ? ParamName<Segment> | ParamNames<Rest>
  : ParamName<P>;
type ParamName<S extends string> = S extends `:${infer Name}` | `+${infer Name}` | `*${infer Name}` ? Name : never;

export interface RouteRequest<Q = unknown, B = unknown, P extends string = string> {
  readonly method: Method;
  /** Undecoded, without the query. */
  readonly path: string;
  /** Decoded. */
  readonly params: string extends P ? Readonly<Record<string, string>> : { readonly [K in ParamNames<P>]: string };
  readonly query: Q;
  readonly body: B;
  /** All values of each query parameter, in order, unparsed. */
  readonly rawQuery: ReadonlyMap<string, readonly string[]>;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  /** Empty when none was sent. */
  readonly token: string;
  /** What the token may do; of a public route nothing, as nobody looked. */
  readonly access: Access;
  readonly remote: Address;
  /** What the client proved by a certificate. */
  readonly peer?: PeerCertificate | undefined;
  /** Aborts when the client went away or the server stops. */
  readonly signal: AbortSignal;
}

interface ReplyHead {
  /** Default 200. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** After a write: its revision, sent as the API's index header. */
  readonly index?: number;
}

/** What a handler answers. Errors are thrown as `HttpError`. */
export type Reply =
  | (ReplyHead & { readonly kind: "json"; readonly value: unknown })
  | (ReplyHead & { readonly kind: "bytes"; readonly body: Uint8Array | string; readonly contentType: string })
  | (ReplyHead & { readonly kind: "empty"; readonly status: number })
  /** Sent as it comes; must end when the request's signal aborts. */
  | (ReplyHead & { readonly kind: "stream"; readonly contentType: string; readonly body: AsyncIterable<Uint8Array> })
  /** Goes on as a WebSocket, which must be closed when the request's signal aborts; a request that asked for none gets a 400. */
  | (ReplyHead & { readonly kind: "webSocket"; readonly accept: (channel: WebSocketChannel) => void })
  /** A read of state at an index: the kit adds the index headers, blocks, filters, pages. */
  | { readonly kind: "state"; readonly read: () => StateAnswer }
  /** A read of something outside the state; blocks by content hash (`hash=`), or by index where it has one. */
  | LocalReply;

export interface StateAnswer {
  /** The newest revision that touched what this answer was made from; at least 1. */
  readonly index: number;
  /** Undefined: 404 with `missing` as its text, index headers set all the same. */
  readonly value: unknown;
  /** Instead of JSON: sends `value`, which must then be text or bytes, as this type. */
  readonly contentType?: string;
  readonly missing?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface LocalReply {
  readonly kind: "local";
  readonly read: () => LocalAnswer;
  /** Calls `listener` when `read` may answer something else. Returns what ends it. */
  readonly onChange: (listener: () => void) => () => void;
}

export interface LocalAnswer {
  /** Undefined: 404 with `missing` as its text. */
  readonly value: unknown;
  readonly missing?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** What a query with `hash` compares. Default: sixteen hex digits of a hash of what would be sent. */
  readonly hash?: string;
  /** An unsigned 64-bit number in decimal that need not rise: a query blocks while it equals the one it sent. */
  readonly index?: string;
}

/** Gives a row's handler the types of its path, query and body. */
export function route<const P extends string, Q = Readonly<Record<never, never>>, B = undefined>(
  row: Route<Q, B, P>,
): Route {
  return row;
}
