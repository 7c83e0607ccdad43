import type { ExecutionContext } from "ava";
import * as v from "valibot";
import { createApi } from "#base/http/api.ts";
import type { ApiOptions } from "#base/http/api-options.ts";
import { nomadDialect } from "#base/http/dialect.ts";
import type { Exchange, ExchangeRequest, ExchangeResponse } from "#base/http/exchange.ts";
import { createEnv } from "#base/platform/create-env.ts";
import { listenHttp } from "#base/platform/http-listener.ts";
import { silentLog } from "#base/env/log.ts";
import { BlockingQueries } from "#base/state/blocking.ts";
import { put } from "#base/state/codec.ts";
import { MemoryStore } from "#base/state/memory/memory-store.ts";
import { defineTable } from "#base/state/table.ts";
import { followView } from "#base/state/view.ts";

const PetSchema = v.object({ Name: v.string(), Kind: v.string() });
export type Pet = v.InferOutput<typeof PetSchema>;
export const pets = defineTable<Pet>({ name: "pets", schemaVersion: 1, schema: PetSchema, indexes: {} });

export type World = Awaited<ReturnType<typeof makeState>>;

/** A store with pets in it, its view, and queries that block on it. */
export async function makeState(t: ExecutionContext) {
  const env = { ...createEnv({}), log: silentLog };
  const store = new MemoryStore();
  const view = await followView(store, [pets]);
  const blocking = new BlockingQueries({ view, clock: env.clock, random: env.random });
  t.teardown(async () => {
    blocking.close();
    view.close();
    await store.close();
  });
  const add = async (id: string, Kind: string): Promise<number> => {
    const { revision } = await store.txn({ then: [put(pets, { namespace: "_", id }, { Name: id, Kind })] });
    await view.reached(revision);
    return revision;
  };
  return { env, store, view, blocking, add };
}

export type ApiSeed = Partial<ApiOptions> & Pick<ApiOptions, "routes">;

export function apiOf(world: World, seed: ApiSeed): Exchange {
  return createApi({ env: world.env, blocking: world.blocking, dialect: nomadDialect, ...seed });
}

/** Serves over a real socket; the answer is the address. */
export async function serve(t: ExecutionContext, exchange: Exchange): Promise<string> {
  const listener = await listenHttp({ at: { host: "127.0.0.1", port: 0 }, exchange, log: silentLog });
  t.teardown(() => listener.close(100));
  return `http://127.0.0.1:${listener.address.port}`;
}

/** A request as a listener would hand it in. */
export function requestOf(seed: Partial<ExchangeRequest> & { readonly text?: string }): ExchangeRequest {
  return {
    method: "GET",
    url: "/",
    headers: {},
    remote: { host: "127.0.0.1", port: 1 },
    signal: new AbortController().signal,
    body: bodyOf(seed.text ?? ""),
    ...seed,
  };
}

async function* bodyOf(text: string): AsyncGenerator<Uint8Array> {
  if (text !== "") yield Buffer.from(text);
}

export function textOf(response: ExchangeResponse): string {
  if (typeof response.body !== "string") throw new Error("not a text");
  return response.body;
}
