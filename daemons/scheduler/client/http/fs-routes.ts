import { basename, join } from "node:path/posix";
import * as v from "valibot";
import { sleep } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import type { FileStat } from "#base/env/disk.ts";
import { HttpError } from "#base/http/http-error.ts";
import { queryInteger, queryText } from "#base/http/query.ts";
import { route } from "#base/http/route.ts";
import type { Route } from "#base/http/route.ts";
import type { LogPiece } from "../logs/log-reader.ts";
import { resolveInAlloc } from "./alloc-path.ts";
import type { AllocFile } from "./alloc-path.ts";
import { readFs, runnerOf, ofAlloc } from "./client-deps.ts";
import type { ClientHttpDeps } from "./client-deps.ts";
import { contentType, SNIFF_BYTES } from "./content-type.ts";
import { asFrames } from "./frames.ts";
import { originOf } from "./origin.ts";
import { readKeptDisk } from "../disk/kept-disk.ts";

const PIECE_BYTES = 64 * 1024;
const LOOK_EVERY_MS = 250;
const pathQuery = v.object({ path: queryText });

/** https://developer.hashicorp.com/nomad/api-docs/client#read-file and its neighbours */
export function fsRoutes(deps: ClientHttpDeps): Route[] {
  const { env } = deps;
  const find = (id: string, path: string): Promise<AllocFile> => resolveInAlloc(env, runnerOf(deps, id), path);
  return [
    route({
      method: "GET",
      path: "/v1/client/fs/ls/:alloc",
      summary: "Lists a folder of an allocation",
      access: ofAlloc(deps, readFs),
      query: pathQuery,
      async handle({ params, query }) {
        const folder = await find(params.alloc, query.path);
        if (folder.stat.kind !== "directory") throw new HttpError(400, `${JSON.stringify(query.path)} is not a folder`);
        const names = await env.disk.list(folder.path);
        const entries = await Promise.all(names.map((name) => entryOf(env, join(folder.path, name))));
        return { kind: "json", value: entries.flat() };
      },
    }),
    route({
      method: "GET",
      path: "/v1/client/fs/stat/:alloc",
      summary: "Describes a file of an allocation",
      access: ofAlloc(deps, readFs),
      query: pathQuery,
      async handle({ params, query }) {
        const file = await find(params.alloc, query.path);
        return { kind: "json", value: (await entryOf(env, file.path))[0] };
      },
    }),
    snapshotRoute(deps),
    ...readRoutes(deps, find),
  ];
}

/** What an allocation that takes over from another wants of it: `ephemeral_disk` with `migrate`. */
function snapshotRoute(deps: ClientHttpDeps): Route {
  const { env } = deps;
  return route({
    method: "GET",
    path: "/v1/client/allocation/:alloc/snapshot",
    summary: "Reads what an allocation keeps on its disk, alloc/data and each task's local, as a tar archive",
    access: ofAlloc(deps, readFs),
    handle({ params }) {
      const body = readKeptDisk(env.disk, runnerOf(deps, params.alloc));
      return { kind: "stream", contentType: "application/x-tar", body };
    },
  });
}

function readRoutes(deps: ClientHttpDeps, find: (id: string, path: string) => Promise<AllocFile>): Route[] {
  const { env } = deps;
  const bytes = (body: AsyncIterable<Uint8Array>) =>
    ({ kind: "stream", contentType: "application/octet-stream", body }) as const;
  return [
    route({
      method: "GET",
      path: "/v1/client/fs/cat/:alloc",
      summary: "Reads a file of an allocation",
      access: ofAlloc(deps, readFs),
      query: pathQuery,
      async handle({ params, query }) {
        const { path, stat } = await find(params.alloc, query.path);
        mustBeFile(stat, query.path);
        return bytes(readBytes(env, { path, offset: 0, limit: Infinity }));
      },
    }),
    route({
      method: "GET",
      path: "/v1/client/fs/readat/:alloc",
      summary: "Reads a part of a file of an allocation",
      access: ofAlloc(deps, readFs),
      query: v.object({ path: queryText, offset: queryInteger, limit: queryInteger }),
      async handle({ params, query }) {
        const { path, stat } = await find(params.alloc, query.path);
        mustBeFile(stat, query.path);
        const [offset, limit] = [query.offset ?? 0, query.limit ?? 0];
        if (offset < 0 || limit < 0) throw new HttpError(400, "offset and limit must not be negative");
        return bytes(readBytes(env, { path, offset, limit: limit === 0 ? Infinity : limit }));
      },
    }),
    route({
      method: "GET",
      path: "/v1/client/fs/stream/:alloc",
      summary: "Follows a file of an allocation",
      access: ofAlloc(deps, readFs),
      query: v.object({
        path: queryText,
        offset: queryInteger,
        origin: v.optional(v.string(), "start"),
        follow: v.optional(v.string(), "true"),
      }),
      async handle({ params, query, signal }) {
        if (query.path === "") throw new HttpError(400, "must provide a path: ?path=TASK/local/FILE");
        const origin = originOf(query.origin);
        const given = query.offset ?? 0;
        if (given < 0) throw new HttpError(400, `offset must not be negative, got ${given}`);
        const { path, stat } = await find(params.alloc, query.path);
        mustBeFile(stat, query.path);
        const offset = origin === "end" ? Math.max(0, stat.size - given) : given;
        const pieces = followFile(env, { path, offset, follow: query.follow !== "false", signal });
        return { kind: "stream", contentType: "application/json", body: asFrames(pieces, "") };
      },
    }),
  ];
}

function mustBeFile(stat: FileStat, given: string): void {
  if (stat.kind !== "file") throw new HttpError(400, `${JSON.stringify(given)} is a ${stat.kind}, not a file`);
}

async function entryOf({ disk }: Env, path: string): Promise<object[]> {
  const stat = await disk.stat(path);
  if (stat === undefined) return [];
  const beginning = stat.kind === "file" ? await disk.readAt(path, 0, SNIFF_BYTES).catch(() => undefined) : undefined;
  return [
    {
      Name: basename(path),
      IsDir: stat.kind === "directory",
      Size: stat.size,
      FileMode: modeText(stat),
      ModTime: new Date(stat.modifiedMs).toISOString(),
      ContentType: stat.kind === "file" ? contentType(path, beginning ?? new Uint8Array()) : "",
    },
  ];
}

/** As ls and Go print it: `drwxr-xr-x`. */
function modeText({ kind, mode }: FileStat): string {
  const bits = [mode >> 6, mode >> 3, mode].map((value) => {
    return `${(value & 4) === 0 ? "-" : "r"}${(value & 2) === 0 ? "-" : "w"}${(value & 1) === 0 ? "-" : "x"}`;
  });
  return `${kind === "directory" ? "d" : kind === "symlink" ? "L" : "-"}${bits.join("")}`;
}

interface Range {
  readonly path: string;
  readonly offset: number;
  readonly limit: number;
}

async function* readBytes(env: Env, { path, offset, limit }: Range): AsyncGenerator<Uint8Array> {
  let left = limit;
  for (let at = offset; left > 0;) {
    const data = await env.disk.readAt(path, at, Math.min(PIECE_BYTES, left));
    if (data === undefined || data.length === 0) return;
    at += data.length;
    left -= data.length;
    yield data;
  }
}

interface Follow {
  readonly path: string;
  readonly offset: number;
  readonly follow: boolean;
  readonly signal: AbortSignal;
}

async function* followFile(env: Env, { path, offset, follow, signal }: Follow): AsyncGenerator<LogPiece> {
  const file = basename(path);
  let quiet = 0;
  for (let at = offset; !signal.aborted;) {
    const data = await env.disk.readAt(path, at, PIECE_BYTES);
    if (data !== undefined && data.length > 0) {
      yield { file, offset: at, data };
      at += data.length;
      continue;
    }
    if (data === undefined) {
      yield { file, offset: at, data: new Uint8Array(), event: "file deleted" };
      return;
    }
    if (!follow) return;
    if (((await env.disk.stat(path))?.size ?? at) < at) {
      at = 0;
      yield { file, offset: at, data: new Uint8Array(), event: "file truncated" };
      continue;
    }
    await sleep(env.clock, LOOK_EVERY_MS, signal);
    quiet += 1;
    if (quiet % 4 === 0) yield { file, offset: at, data: new Uint8Array() };
  }
}
