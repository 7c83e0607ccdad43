import * as v from "valibot";
import { jsonBody } from "#base/http/body.ts";
import { HttpError } from "#base/http/http-error.ts";
import { route, type Route } from "#base/http/route.ts";
import type { Result } from "#base/env/errors.ts";
import type { Backup } from "#base/protocol/backup.ts";
import { text } from "#base/protocol/schema.ts";
import { backups } from "#base/state/tables.ts";
import type { View } from "#base/state/table.ts";
import type { BackupKeeper } from "../backup-keeper.ts";

const RunBody = v.object({ Target: text });
const STATUS: Readonly<Record<string, number>> = { no_target: 404, no_backup: 404, not_leader: 503 };

const save = { kind: "capability", resource: "operator", capability: "snapshot-save" } as const;
const read = { kind: "capability", resource: "operator", capability: "read" } as const;
const management = { kind: "capability", resource: "management", capability: "write" } as const;

/** Backups, among the routes of Nomad's API. */
export function backupRoutes(keeper: BackupKeeper, view: Pick<View, "table">, isEncrypted: boolean): Route[] {
  const rows = () => keeper.rows().map((row) => answer(keeper, row));
  return [
    route({
      method: "GET",
      path: "/v1/operator/backups",
      summary: "How the backups of the cluster's state stand",
      access: read,
      tables: [backups],
      handle: () => ({
        kind: "state",
        read: () => ({
          index: view.table(backups).lastIndex,
          value: { IntervalMs: keeper.intervalMs, Encrypted: isEncrypted, Targets: rows() },
        }),
      }),
    }),
    route({
      method: ["PUT", "POST"],
      path: "/v1/operator/backups",
      summary: "Make a backup now",
      access: save,
      body: jsonBody(RunBody, { whenEmpty: {} }),
      handle: async ({ body: { Target } }) => {
        const made = orThrow(await keeper.run(Target === "" ? undefined : Target));
        return { kind: "json", value: made.map((row) => answer(keeper, row)) };
      },
    }),
    route({
      method: "GET",
      path: "/v1/operator/backups/:target",
      summary: "List the backups at a target, newest first",
      access: read,
      handle: async ({ params }) => {
        const listed = orThrow(await keeper.list(params.target));
        const value = listed.map(({ name, bytes, cluster, madeMs, revision }) => ({
          Name: name,
          Bytes: bytes,
          Cluster: cluster,
          Made: iso(madeMs),
          Revision: revision,
        }));
        return { kind: "json", value };
      },
    }),
    route({
      method: "GET",
      path: "/v1/operator/backups/:target/:name",
      summary: "Fetch a backup; latest stands for the newest",
      access: management,
      handle: async ({ params }) => {
        const { name, body } = orThrow(await keeper.read(params.target, params.name));
        const headers = { "Content-Disposition": `attachment; filename="${name}"` };
        return { kind: "stream", contentType: "application/octet-stream", headers, body };
      },
    }),
  ];
}

function answer(keeper: BackupKeeper, { MadeAt, TriedAt, FailsSince, ...row }: Backup) {
  const { place = "", retain = 0 } = keeper.targets.find(({ name }) => name === row.Target) ?? {};
  const next = keeper.nextMs(row.Target);
  const times = { Made: iso(MadeAt), Tried: iso(TriedAt), FailsSince: iso(FailsSince), Next: iso(next ?? 0) };
  return { ...row, ...times, Place: place, Retain: retain };
}

function iso(ms: number): string {
  return ms === 0 ? "" : new Date(ms).toISOString();
}

function orThrow<T>(result: Result<T>): T {
  if (result.ok) return result.value;
  const { code, message, hint } = result.error;
  throw new HttpError(STATUS[code] ?? 500, hint === undefined ? message : `${message} (${hint})`);
}
