import * as v from "valibot";
import { HttpError } from "#base/http/http-error.ts";
import { queryFlag, queryInteger, queryText } from "#base/http/query.ts";
import { route } from "#base/http/route.ts";
import type { Route } from "#base/http/route.ts";
import { nearest } from "#base/language/nearest.ts";
import { groupOf } from "../alloc/group-tasks.ts";
import { limitsOf } from "../logs/log-rotation.ts";
import { readLog } from "../logs/log-reader.ts";
import { readLogs, runnerOf, ofAlloc } from "./client-deps.ts";
import type { ClientHttpDeps } from "./client-deps.ts";
import { asFrames, asPlain } from "./frames.ts";
import { originOf } from "./origin.ts";

/** https://developer.hashicorp.com/nomad/api-docs/client#stream-logs */
export function logRoutes(deps: ClientHttpDeps): Route[] {
  return [
    route({
      method: "GET",
      path: "/v1/client/fs/logs/:alloc",
      summary: "Reads or follows what a task printed",
      access: ofAlloc(deps, readLogs),
      query: v.object({
        task: queryText,
        type: v.optional(v.string(), "stdout"),
        follow: queryFlag,
        offset: queryInteger,
        origin: v.optional(v.string(), "start"),
        plain: queryFlag,
      }),
      handle({ params, query, signal }) {
        const runner = runnerOf(deps, params.alloc);
        const stream = streamOf(query.type);
        const origin = originOf(query.origin);
        const runnerTask = runner.tasks.get(query.task);
        const task = groupOf(runner.current)?.Tasks.find((each) => each.Name === query.task);
        if (runnerTask === undefined || task === undefined) throw unknownTask(query.task, [...runner.tasks.keys()]);
        const offset = query.offset ?? 0;
        if (offset < 0) throw new HttpError(400, `offset must not be negative, got ${offset}`);
        const pieces = readLog(deps.env, {
          name: { folder: runner.dir.logs, task: query.task, stream },
          limits: limitsOf(task.LogConfig),
          origin,
          offset,
          follow: query.follow,
          isOver: () => runnerTask.record().phase.kind === "dead",
          signal,
        });
        return query.plain
          ? { kind: "stream", contentType: "text/plain", body: asPlain(pieces) }
          : { kind: "stream", contentType: "application/json", body: asFrames(pieces, "alloc/logs/") };
      },
    }),
  ];
}

function streamOf(type: string): "stdout" | "stderr" {
  if (type === "stdout" || type === "stderr") return type;
  throw new HttpError(400, `type must be stdout or stderr, got ${JSON.stringify(type)}`);
}

function unknownTask(given: string, known: readonly string[]): HttpError {
  if (given === "") return new HttpError(400, `must provide task name (its tasks: ${known.join(", ")})`);
  const close = nearest(given, known);
  const hint = close === undefined ? `its tasks: ${known.join(", ")}` : `did you mean ${close}?`;
  return new HttpError(404, `task ${JSON.stringify(given)} is not in this allocation (${hint})`);
}
