import { join } from "node:path/posix";
import { utf8 } from "#base/env/bytes.ts";
import { bytesBody } from "#base/http/body.ts";
import { succeed } from "#base/env/errors.ts";
import { route, type Reply, type Route } from "#base/http/route.ts";
import { ApiError, badRequest, valueOf } from "../api-error.ts";
import type { ApiDeps } from "../api-deps.ts";
import { plainTree } from "../config/config-routes.ts";
import { importSettings, OWN_FILE, type ImportParts } from "./import-settings.ts";
import { GRAVITY_SCHEMA, writeGravity } from "./gravity.ts";
import { readForm } from "./form.ts";
import { writeToml } from "./toml.ts";
import { writeZip } from "./zip.ts";

const MAX_UPLOAD = 64 * 1024 * 1024;

/** Backup and restore of all settings. */
export function archiveRoutes(deps: ApiDeps): Route[] {
  return [
    route({
      method: "GET",
      path: "/api/teleporter",
      summary: "All settings in an archive, without passwords",
      access: { kind: "any-token" },
      handle: () => download(deps),
    }),
    route({
      method: "POST",
      path: "/api/teleporter",
      summary: "Settings from an archive: added to those that are there; one of Lares replaces them",
      access: { kind: "any-token" },
      body: bytesBody(),
      maxBodyBytes: MAX_UPLOAD,
      handle: ({ body, headers }) => upload(deps, body, headers["content-type"] ?? ""),
    }),
  ];
}

async function download(deps: ApiDeps): Promise<Reply> {
  const { env, settings, folder, openSql } = deps;
  const { current } = settings;
  const path = join(folder, `export-${env.random.uuid()}.db`);
  let gravity: Uint8Array | undefined;
  try {
    const file = await openSql({ path, schema: GRAVITY_SCHEMA });
    try {
      await writeGravity(file, current);
    } finally {
      await file.close();
    }
    gravity = await env.disk.read(path);
  } finally {
    for (const tail of ["", "-wal", "-shm"]) await env.disk.remove(`${path}${tail}`);
  }
  const secrets = { passwordHash: "", appPasswordHash: "", totpSecret: "" };
  const own = { ...current, api: { ...current.api, ...secrets } };
  const body = writeZip([
    { name: "etc/pihole/pihole.toml", bytes: utf8(writeToml(plainTree(own))) },
    { name: "etc/pihole/gravity.db", bytes: gravity ?? new Uint8Array(0) },
    { name: OWN_FILE, bytes: utf8(JSON.stringify(own, undefined, 2)) },
  ]);
  const date = new Date(env.clock.nowMs()).toISOString().slice(0, 19).replaceAll(":", "-");
  const name = `lares_${env.net.hostname()}_teleporter_${date}.zip`;
  const headers = { "Content-Disposition": `attachment; filename="${name}"` };
  return { kind: "bytes", body, contentType: "application/zip", headers };
}

async function upload(deps: ApiDeps, body: Uint8Array, contentType: string): Promise<Reply> {
  if (!deps.settings.current.api.allowDestructive)
    throw new ApiError(403, "forbidden", {
      message: "Restoring archives is not allowed",
      hint: "webserver.api.allow_destructive is false",
    });
  const form = contentType.startsWith("multipart/form-data") ? readForm(body, contentType) : undefined;
  const bytes = form === undefined ? body : form.get("file");
  if (bytes === undefined || bytes.length === 0)
    throw badRequest("there is no archive in the request", "send it as the part file");
  const parts = partsOf(form?.get("import"));
  const read = valueOf(await importSettings(deps, { bytes, onto: deps.settings.current, parts }));
  valueOf(await deps.settings.update(() => succeed(read.settings)));
  return { kind: "json", value: { files: read.files, processed: read.files, left: read.left } };
}

/** `{"config":true,"gravity":{"group":true,…}}`: gravity is taken unless every part of it is off. */
function partsOf(bytes: Uint8Array | undefined): ImportParts {
  if (bytes === undefined || bytes.length === 0) return {};
  let raw: unknown;
  try {
    raw = JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch {
    throw badRequest("the part import is no JSON");
  }
  const given = typeof raw === "object" && raw !== null ? raw : {};
  const gravity = "gravity" in given ? given.gravity : undefined;
  const some =
    typeof gravity === "object" && gravity !== null ? Object.values(gravity).includes(true) : gravity !== false;
  return { config: !("config" in given) || given.config === true, gravity: some };
}
