import * as v from "valibot";
import { utf8 } from "#base/env/bytes.ts";
import { jsonBody } from "#base/http/body.ts";
import { HttpError } from "#base/http/http-error.ts";
import { queryInteger } from "#base/http/query.ts";
import { route, type Route, type RouteRequest } from "#base/http/route.ts";
import { GLOBAL, keyOf, partsOf } from "#base/protocol/keys.ts";
import { StoreError, type Change, type Op, type Store, type StoreRecord } from "#base/state/store.ts";
import type { Table } from "#base/state/table.ts";
import { catalogChecks, catalogNodes, catalogServices, preparedQueries } from "#base/state/tables.ts";
import { decodeRow } from "#base/state/codec.ts";
import { CATALOG_PATHS, CatalogWriteSchema, type CatalogLine, type CatalogWrite } from "./catalog-wire.ts";

export interface CatalogRoutesDeps {
  readonly store: Store;
  readonly root: string;
  /** The name of the node whose certificate a request came with. Throws where there is none to trust. */
  readonly nodeNameOf: (request: Pick<RouteRequest, "peer">) => string;
}

const open = { kind: "public" } as const;
/** What nodes follow, and what they write of themselves. */
const READ: readonly Table<unknown>[] = [catalogNodes, catalogServices, catalogChecks, preparedQueries];
const WRITTEN: readonly Table<unknown>[] = [catalogNodes, catalogServices, catalogChecks];
/** Lines a slow node may be behind; then it begins again. */
const MAX_LINES = 10_000;
const MAX_WRITE_BYTES = 16 * 1024 * 1024;

/** The catalog for nodes that keep no state. */
export function catalogRoutes({ store, root, nodeNameOf }: CatalogRoutesDeps): Route[] {
  return [
    route({
      method: "GET",
      path: `${root}${CATALOG_PATHS.stream}`,
      summary: "Follow the catalog",
      access: open,
      query: v.object({ after: queryInteger }),
      handle: (request) => {
        nodeNameOf(request);
        const lines = follow(store, request.query.after ?? 0, request.signal);
        return { kind: "stream", contentType: "application/x-ndjson", body: lines };
      },
    }),
    route({
      method: "PUT",
      path: `${root}${CATALOG_PATHS.write}`,
      summary: "Write a node's own rows of the catalog",
      access: open,
      maxBodyBytes: MAX_WRITE_BYTES,
      body: jsonBody(CatalogWriteSchema),
      handle: async (request) => {
        const { revision } = await store.txn({ then: opsOf(request.body, nodeNameOf(request)) });
        return { kind: "json", value: { revision } };
      },
    }),
  ];
}

/** Throws a 403 for rows of somebody else, a 400 for what cannot be read. */
function opsOf({ puts, deletes }: CatalogWrite, nodeName: string): Op[] {
  const tableOf = (key: string): Table<unknown> => {
    const parts = partsOf(key);
    const table = WRITTEN.find(({ name }) => name === parts?.table);
    const isOwn = parts?.id === nodeName ? table === catalogNodes : parts?.id.startsWith(`${nodeName}/`) === true;
    if (table === undefined || parts?.namespace !== GLOBAL || !isOwn)
      throw new HttpError(403, `node ${nodeName} may not write ${key}`);
    return table;
  };
  return [
    ...puts.map(({ key, value }): Op => {
      const read = decodeRow(tableOf(key), value);
      if (!read.ok) throw new HttpError(400, read.error.message);
      return { op: "put", key, value };
    }),
    ...deletes.map((key): Op => {
      tableOf(key);
      return { op: "delete", key };
    }),
  ];
}

async function* follow(store: Store, after: number, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const waiting: CatalogLine[] = [];
  let wake: () => void = () => {};
  let isOver = false;
  const end = (): void => {
    isOver = true;
    wake();
  };
  const say = (line: CatalogLine): void => {
    if (waiting.push(line) > MAX_LINES) end();
    wake();
  };
  signal.addEventListener("abort", end, { once: true });
  let from = after;
  const { revision, compactedRevision } = store.status();
  if (after === 0 || after > revision || after < compactedRevision) {
    yield encode({ kind: "begin", revision });
    const found: CatalogLine[] = [];
    from = await readAll(store, (line) => found.push(line));
    for (const line of found) yield encode(line);
    yield encode({ kind: "whole", revision: from });
  } else yield encode({ kind: "alive", revision });
  const watch = store.watch({
    prefix: "",
    fromRevision: from + 1,
    onRevision: ({ revision: at, changes }) => {
      const line = changeLine(at, changes);
      if (line !== undefined) say(line);
    },
    onEnd: end,
  });
  try {
    while (!isOver || waiting.length > 0) {
      const line = waiting.shift();
      if (line !== undefined) yield encode(line);
      else if (!isOver) await new Promise<void>((resolve) => (wake = resolve));
    }
  } finally {
    watch.cancel();
    signal.removeEventListener("abort", end);
  }
}

async function readAll(store: Store, say: (line: CatalogLine) => void): Promise<number> {
  let from = Number.POSITIVE_INFINITY;
  for (const { name } of READ) {
    const onRecords = (records: readonly StoreRecord[]): void => say({ kind: "records", records: records.map(plain) });
    from = Math.min(from, await store.scan({ prefix: keyOf(name, GLOBAL, ""), onRecords }));
  }
  if (!Number.isFinite(from)) throw new StoreError("unavailable", "no table of the catalog is followed");
  return from;
}

function changeLine(revision: number, changes: readonly Change[]): CatalogLine | undefined {
  const puts: ReturnType<typeof plain>[] = [];
  const deletes: string[] = [];
  for (const change of changes) {
    const key = change.kind === "put" ? change.record.key : change.key;
    if (!READ.some(({ name }) => name === partsOf(key)?.table)) continue;
    if (change.kind === "put") puts.push(plain(change.record));
    else deletes.push(key);
  }
  return puts.length + deletes.length === 0 ? undefined : { kind: "change", revision, puts, deletes };
}

function plain({ key, value, createRevision, modRevision, version }: StoreRecord) {
  return { key, value, createRevision, modRevision, version };
}

function encode(line: CatalogLine): Uint8Array {
  return utf8(`${JSON.stringify(line)}\n`);
}
