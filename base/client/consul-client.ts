import * as v from "valibot";
import { ApiCaller, segment, type ApiResult, type ApiTarget, type Call, type Query } from "./api-caller.ts";
import * as answers from "./consul-answers.ts";

/** How a read is done; everything optional. */
export interface ConsulRead {
  /** Waits until the answer's index is above `index`. */
  readonly block?: { readonly index: number; readonly waitMs: number };
  readonly signal?: AbortSignal | undefined;
  readonly datacenter?: string | undefined;
  readonly filter?: string | undefined;
}

export interface PutOptions {
  readonly flags?: bigint | undefined;
  /** Writes only if the key's modify index is still this; 0: only if there is no such key. */
  readonly cas?: number | undefined;
  /** Sessions that take or give up the key's lock. */
  readonly acquire?: string | undefined;
  readonly release?: string | undefined;
}

/** In one transaction (https://developer.hashicorp.com/consul/api-docs/txn). */
const MAX_OPERATIONS = 64;

export type ConsulClient = ReturnType<typeof createConsulClient>;

/** The Consul-compatible API of an agent (https://developer.hashicorp.com/consul/api-docs). */
export function createConsulClient(target: ApiTarget) {
  const api = new ApiCaller("consul", target);
  return {
    catalog: {
      datacenters: () => get(api, "/v1/catalog/datacenters", { schema: v.array(v.string()) }),
      services: ({ meta, ...options }: ConsulRead & OfNodes = {}) =>
        get(api, "/v1/catalog/services", {
          ...options,
          query: { "node-meta": meta },
          schema: answers.CatalogServicesSchema,
        }),
      nodes: ({ meta, near, ...options }: ConsulRead & OfNodes & { readonly near?: string | undefined } = {}) =>
        get(api, "/v1/catalog/nodes", {
          ...options,
          query: { "node-meta": meta, near },
          schema: v.array(answers.CatalogNodeAnswerSchema),
        }),
      service: (name: string, options: ConsulRead & { readonly tag?: string } = {}) =>
        get(api, `/v1/catalog/service/${segment(name)}`, {
          ...options,
          query: { tag: options.tag },
          schema: v.array(answers.CatalogServiceAnswerSchema),
        }),
    },
    health: {
      service: (name: string, options: ConsulRead & { readonly passing?: boolean; readonly tag?: string } = {}) =>
        get(api, `/v1/health/service/${segment(name)}`, {
          ...options,
          query: { passing: options.passing, tag: options.tag },
          schema: v.array(answers.HealthServiceAnswerSchema),
        }),
      node: (name: string, options: ConsulRead = {}) =>
        get(api, `/v1/health/node/${segment(name)}`, { ...options, schema: v.array(answers.HealthCheckAnswerSchema) }),
      state: (state: string, options: ConsulRead = {}) =>
        get(api, `/v1/health/state/${segment(state)}`, {
          ...options,
          schema: v.array(answers.HealthCheckAnswerSchema),
        }),
    },
    kv: kvCalls(api),
    agent: {
      self: () => get(api, "/v1/agent/self", { schema: answers.ConsulSelfSchema }),
      members: () => get(api, "/v1/agent/members", { schema: answers.ConsulMembersSchema }),
      services: () => get(api, "/v1/agent/services", { schema: answers.AgentServicesSchema }),
    },
    status: {
      leader: () => get(api, "/v1/status/leader", { schema: v.string() }),
      peers: () => get(api, "/v1/status/peers", { schema: v.array(v.string()) }),
    },
    /** Any other endpoint. */
    call: <T>(call: Call<T>): Promise<ApiResult<T>> => api.call(call),
    stream: (call: Omit<Call<unknown>, "schema">) => api.stream(call),
  };
}

interface OfNodes {
  /** Only of nodes with this metadata: `key:value`. */
  readonly meta?: readonly string[] | undefined;
}

type Get<T> = ConsulRead & Pick<Call<T>, "schema" | "query" | "bigintKeys">;

function get<T>(api: ApiCaller, path: string, { datacenter, filter, query, ...rest }: Get<T>): Promise<ApiResult<T>> {
  return api.call({ ...rest, path, query: { ...query, dc: datacenter, filter } });
}

/** Keys keep their slashes; everything else is encoded. */
function kvPath(key: string): string {
  return `/v1/kv/${key.split("/").map(segment).join("/")}`;
}

function kvCalls(api: ApiCaller) {
  const pairs = { schema: v.array(answers.KvPairSchema), bigintKeys: ["Flags", "LockIndex"] };
  const write = (method: "PUT" | "DELETE", key: string, rest: { readonly query: Query; readonly body?: unknown }) =>
    api.call({ method, path: kvPath(key), schema: v.boolean(), ...rest });
  return {
    /** One pair in a list; `missing` when there is none. */
    get: (key: string, options: ConsulRead = {}) => get(api, kvPath(key), { ...options, ...pairs }),
    list: (prefix: string, options: ConsulRead = {}) =>
      get(api, kvPath(prefix), { ...options, query: { recurse: true }, ...pairs }),
    keys: (prefix: string, options: ConsulRead & { readonly separator?: string } = {}) =>
      get(api, kvPath(prefix), {
        ...options,
        query: { keys: true, separator: options.separator },
        schema: v.array(v.string()),
      }),
    /** False when `cas`, `acquire` or `release` did not hold. */
    put: (key: string, value: Uint8Array | string, { flags, cas, acquire, release }: PutOptions = {}) =>
      write("PUT", key, { query: { flags: flags?.toString(), cas, acquire, release }, body: value }),
    delete: (key: string, options: { readonly recurse?: boolean; readonly cas?: number | undefined } = {}) =>
      write("DELETE", key, { query: { recurse: options.recurse, cas: options.cas } }),
    /** Many keys in as few transactions as there have to be; ends with the first that fails. */
    deleteAll: async (keys: readonly string[]): Promise<ApiResult<unknown>> => {
      const ofSome = (some: readonly string[]) =>
        api.call({
          method: "PUT",
          path: "/v1/txn",
          body: some.map((Key) => ({ KV: { Verb: "delete", Key } })),
          schema: v.unknown(),
        });
      let done = await ofSome(keys.slice(0, MAX_OPERATIONS));
      for (let at = MAX_OPERATIONS; at < keys.length && done.ok; at += MAX_OPERATIONS)
        done = await ofSome(keys.slice(at, at + MAX_OPERATIONS));
      return done;
    },
  };
}
