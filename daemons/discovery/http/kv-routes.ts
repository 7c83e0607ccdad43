import * as v from "valibot";
import { demand, type Access } from "#base/http/access.ts";
import { bytesBody } from "#base/http/body.ts";
import { HttpError } from "#base/http/http-error.ts";
import { queryFlag, queryText } from "#base/http/query.ts";
import { route, type Route, type StateAnswer } from "#base/http/route.ts";
import { kv as kvTable } from "#base/state/tables.ts";
import { MAX_KV_VALUE_BYTES } from "../kv/kv-store.ts";
import type { Author, KvWrite } from "../kv/kv-write.ts";
import { readKvLog } from "../kv/kv-log.ts";
import { keyRule } from "./consul-access.ts";
import type { ConsulDeps } from "./consul-deps.ts";
import { kvShape } from "./shapes.ts";

const ReadQuery = v.object({
  recurse: queryFlag,
  keys: queryFlag,
  raw: queryFlag,
  separator: queryText,
  // The spelling old clients send.
  seperator: queryText,
});
const WriteQuery = v.object({
  cas: v.optional(v.string()),
  acquire: v.optional(v.string()),
  release: v.optional(v.string()),
  flags: queryText,
});
const DeleteQuery = v.object({ recurse: queryFlag, cas: v.optional(v.string()) });

/** https://developer.hashicorp.com/consul/api-docs/kv */
export function kvRoutes(deps: ConsulDeps): Route[] {
  return [readRoute(deps), writeRoute(deps), deleteRoute(deps), logRoute(deps)];
}

function readRoute(deps: ConsulDeps): Route {
  return route({
    method: "GET",
    path: "/v1/kv/*key",
    summary: "Reads a key, everything under a prefix (recurse), or the keys under it (keys)",
    access: keyRule("read"),
    query: ReadQuery,
    tables: [kvTable],
    handle({ params: { key }, query, access }) {
      if (!query.keys && !query.recurse) demand(access, { resource: "key", capability: "read", name: key });
      if (query.keys) return { kind: "state", read: () => readKeys(deps, key, query.separator || query.seperator) };
      if (query.recurse) return { kind: "state", read: () => readTree(deps, key) };
      if (key === "") throw new HttpError(400, "Missing key name");
      return { kind: "state", read: () => readKey(deps, key, query.raw) };
    },
  });
}

function readKey({ kv, prefixes }: ConsulDeps, key: string, raw: boolean): StateAnswer {
  const row = kv.get(key);
  const index = prefixes.ofKey(key);
  if (row === undefined) return { index, value: undefined, missing: "" };
  if (!raw) return { index, value: [kvShape(row)] };
  return {
    index,
    value: Buffer.from(row.value.Value, "base64"),
    contentType: "text/plain; charset=utf-8",
    // A stored page must not run as a page of this server.
    headers: { "X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox" },
  };
}

function readTree({ kv, prefixes }: ConsulDeps, prefix: string): StateAnswer {
  const rows = [...kv.list(prefix)];
  const index = prefixes.ofPrefix(prefix, newestOf(rows));
  return { index, value: rows.length === 0 ? undefined : rows.map(kvShape), missing: "" };
}

function readKeys({ kv, prefixes }: ConsulDeps, prefix: string, separator: string): StateAnswer {
  const rows = [...kv.list(prefix)];
  const keys = new Set(rows.map(({ id }) => upTo(id, prefix, separator)));
  const index = prefixes.ofPrefix(prefix, newestOf(rows));
  return { index, value: keys.size === 0 && prefix !== "" ? undefined : [...keys], missing: "" };
}

/** The key, cut behind the first separator after the prefix. */
function upTo(key: string, prefix: string, separator: string): string {
  const at = separator === "" ? -1 : key.indexOf(separator, prefix.length);
  return at < 0 ? key : key.slice(0, at + separator.length);
}

function newestOf(rows: Iterable<{ readonly modifyIndex: number }>): number {
  let newest = 0;
  for (const { modifyIndex } of rows) newest = Math.max(newest, modifyIndex);
  return newest;
}

function writeRoute(deps: ConsulDeps): Route {
  return route({
    method: "PUT",
    path: "/v1/kv/*key",
    summary: "Writes a key; with cas, acquire or release only if that holds",
    access: keyRule("write"),
    query: WriteQuery,
    body: bytesBody(),
    maxBodyBytes: deps.config.limits?.maxValueBytes ?? MAX_KV_VALUE_BYTES,
    async handle({ params: { key }, query, body, access }) {
      demand(access, { resource: "key", capability: "write", name: key });
      checkKey(key);
      const conditions = [query.cas, query.acquire, query.release].filter((value) => value !== undefined);
      if (conditions.length > 1)
        throw new HttpError(400, "Conflicting flags: cas, acquire and release exclude each other");
      const value = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("base64");
      const author = authorOf(deps, access);
      const write = writeOf(key, query, { value, flags: flagsOf(query.flags), author });
      const { ok } = await deps.kv.write(write);
      return { kind: "json", value: ok };
    },
  });
}

export function authorOf({ env }: ConsulDeps, { requester }: Access): Author {
  return { by: requester.name || requester.accessorId, atMs: Math.round(env.clock.nowMs()) };
}

/** Of ours: the values a key had, as far back as the store keeps them. */
function logRoute(deps: ConsulDeps): Route {
  return route({
    method: "GET",
    path: "/v1/kv-log/*key",
    summary: "The values a key had, newest first: when, and who wrote them",
    access: keyRule("read"),
    async handle({ params: { key }, access }) {
      demand(access, { resource: "key", capability: "read", name: key });
      const entries = await readKvLog(deps, key);
      if (entries.length === 0) throw new HttpError(404, `nothing is known of the key ${JSON.stringify(key)}`);
      return { kind: "json", value: entries };
    },
  });
}

function writeOf(
  key: string,
  query: v.InferOutput<typeof WriteQuery>,
  entry: { readonly value: string; readonly flags: string; readonly author: Author },
): KvWrite {
  if (query.cas !== undefined) return { verb: "cas", key, ...entry, index: casOf(query.cas) };
  if (query.acquire !== undefined) return { verb: "lock", key, ...entry, session: query.acquire };
  if (query.release !== undefined) return { verb: "unlock", key, ...entry, session: query.release };
  return { verb: "set", key, ...entry };
}

function deleteRoute(deps: ConsulDeps): Route {
  return route({
    method: "DELETE",
    path: "/v1/kv/*key",
    summary: "Deletes a key, or everything under a prefix (recurse)",
    access: keyRule("write"),
    query: DeleteQuery,
    async handle({ params: { key }, query, access }) {
      if (query.recurse) demandTree(deps, access, key);
      else demand(access, { resource: "key", capability: "write", name: key });
      if (query.recurse && query.cas !== undefined)
        throw new HttpError(400, "Conflicting flags: recurse and cas exclude each other");
      if (query.recurse) return { kind: "json", value: (await deps.kv.deleteTree(key)).ok };
      checkKey(key);
      const write: KvWrite =
        query.cas === undefined ? { verb: "delete", key } : { verb: "delete-cas", key, index: casOf(query.cas) };
      return { kind: "json", value: (await deps.kv.write(write)).ok };
    },
  });
}

/** Everything under a prefix: leave for the prefix, and for every key that is there. Throws a 403. */
export function demandTree({ kv }: ConsulDeps, access: Access, prefix: string): void {
  if (access.isManagement) return;
  for (const name of [prefix, ...[...kv.list(prefix)].map(({ id }) => id)]) {
    demand(access, { resource: "key", capability: "write", name });
  }
}

/** The store takes keys of 4096 bytes, its own prefix included. */
const MAX_KEY_BYTES = 4000;

function checkKey(key: string): void {
  if (key === "") throw new HttpError(400, "Missing key name");
  const bytes = Buffer.byteLength(key);
  if (bytes > MAX_KEY_BYTES) throw new HttpError(400, `the key has ${bytes} bytes, at most ${MAX_KEY_BYTES} are taken`);
}

function casOf(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new HttpError(400, `Invalid cas ${JSON.stringify(text)}: expected the ModifyIndex of an entry, or 0`);
}

function flagsOf(text: string): string {
  if (text === "") return "0";
  if (/^\d{1,20}$/.test(text) && BigInt(text) < 1n << 64n) return BigInt(text).toString();
  throw new HttpError(400, `Invalid flags ${JSON.stringify(text)}: expected an unsigned 64-bit integer`);
}
