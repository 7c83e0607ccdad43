import * as v from "valibot";
import { route, type Route } from "#base/http/route.ts";
import { jobs } from "#base/state/tables.ts";
import type { NomadHttpDeps } from "./nomad-deps.ts";
import { missingJob, namespaced, oneNamespace, readJob } from "./requests.ts";

/** https://developer.hashicorp.com/nomad/api-docs/jobs#list-job-actions */
export function actionRoutes({ server }: NomadHttpDeps): Route[] {
  const { state } = server.context;
  return [
    route({
      method: "GET",
      path: "/v1/job/+id/actions",
      summary: "List the actions of a job's tasks",
      access: readJob,
      query: v.object(namespaced),
      tables: [jobs],
      handle: ({ params, query }) => ({
        kind: "state",
        read: () => {
          const row = state.job(oneNamespace(query.namespace), params.id);
          if (row === undefined) return missingJob(state);
          const value = row.value.TaskGroups.flatMap((group) =>
            group.Tasks.flatMap((task) =>
              task.Actions.map((action) => ({ ...action, TaskName: task.Name, TaskGroupName: group.Name })),
            ),
          );
          return { index: row.modifyIndex, value };
        },
      }),
    }),
  ];
}
