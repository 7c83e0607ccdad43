import * as v from "valibot";
import type { Failure } from "#base/env/errors.ts";
import { jsonBody } from "#base/http/body.ts";
import { HttpError } from "#base/http/http-error.ts";
import { route, type Route } from "#base/http/route.ts";
import { flag, text, texts } from "#base/protocol/schema.ts";
import { rollouts } from "#base/state/tables.ts";
import type { View } from "#base/state/table.ts";
import type { RolloutKeeper } from "../rollout-keeper.ts";

export const ROLLOUT_PATH = "/v1/operator/firmware/rollout";
const BeginBody = v.object({ Source: v.pipe(v.string(), v.minLength(1)), Window: text, Older: flag, Nodes: texts });
const STATUS: Readonly<Record<string, number>> = { rollout_runs: 409, no_rollout: 404, no_nodes: 400, bad_window: 400 };

const read = { kind: "capability", resource: "operator", capability: "read" } as const;
const write = { kind: "capability", resource: "operator", capability: "write" } as const;

/** Updates of all nodes' firmware, among the routes of Nomad's API. Writes are the leader's. */
export function rolloutRoutes(keeper: RolloutKeeper, view: Pick<View, "table">): Route[] {
  return [
    route({
      method: "GET",
      path: ROLLOUT_PATH,
      summary: "How the update of the cluster's firmware stands",
      access: read,
      tables: [rollouts],
      handle: () => ({
        kind: "state",
        read: () => {
          const row = keeper.current();
          const index = Math.max(1, view.table(rollouts).lastIndex);
          return row === undefined
            ? { index, value: undefined, missing: "no update of the cluster was begun yet" }
            : { index, value: row.value };
        },
      }),
    }),
    route({
      method: ["PUT", "POST"],
      path: ROLLOUT_PATH,
      summary: "Update the firmware of all nodes, one after the other",
      access: write,
      body: jsonBody(BeginBody),
      handle: async ({ body }) => {
        const begun = await keeper.begin(body);
        if (!begun.ok) throw refused(begun.error);
        return { kind: "json", value: begun.value };
      },
    }),
    route({
      method: "DELETE",
      path: ROLLOUT_PATH,
      summary: "End the update of the cluster's firmware: no further node is begun",
      access: write,
      handle: async () => {
        const stopped = await keeper.stop();
        if (!stopped.ok) throw refused(stopped.error);
        return { kind: "json", value: stopped.value };
      },
    }),
  ];
}

function refused({ code, message, hint }: Failure): HttpError {
  return new HttpError(STATUS[code] ?? 500, hint === undefined ? message : `${message} (${hint})`);
}
