import * as v from "valibot";
import { queryText } from "#base/http/query.ts";
import { route, type Route } from "#base/http/route.ts";
import { jobs, nodeStates } from "#base/state/tables.ts";
import { standingOf } from "../server/job-status.ts";
import type { NomadHttpDeps } from "./nomad-deps.ts";
import { readAgent } from "./requests.ts";

interface Gauge {
  readonly Name: string;
  readonly Value: number;
  readonly Labels: Readonly<Record<string, string>>;
}

const SUMMARY_FIELDS = ["Queued", "Complete", "Failed", "Running", "Starting", "Lost", "Unknown"] as const;

/** https://developer.hashicorp.com/nomad/api-docs/metrics ; `format=prometheus` gives the text format 0.0.4 */
export function metricsRoutes(deps: NomadHttpDeps): Route[] {
  const { clock } = deps.server.context.env;
  return [
    route({
      method: "GET",
      path: "/v1/metrics",
      summary: "Measurements of this agent",
      access: readAgent,
      query: v.object({ format: queryText }),
      handle: ({ query }) => {
        const gauges = gaugesOf(deps);
        if (query.format === "prometheus") {
          return {
            kind: "bytes",
            contentType: "text/plain; version=0.0.4; charset=utf-8",
            body: prometheusText(gauges),
          };
        }
        const Timestamp = `${new Date(clock.nowMs()).toISOString().slice(0, 19).replace("T", " ")} +0000 UTC`;
        return { kind: "json", value: { Timestamp, Gauges: gauges, Points: [], Counters: [], Samples: [] } };
      },
    }),
  ];
}

function gaugesOf({ server, agent }: NomadHttpDeps): Gauge[] {
  const { state } = server.context;
  const host = { host: agent.name };
  const stats = server.stats();
  const gauges: Gauge[] = [
    { Name: "nomad.nomad.broker.total_ready", Value: stats.evalsReady, Labels: host },
    { Name: "nomad.nomad.broker.total_unacked", Value: stats.evalsInFlight, Labels: host },
    { Name: "nomad.nomad.blocked_evals.total_blocked", Value: stats.evalsBlocked, Labels: host },
    { Name: "nomad.nomad.heartbeat.active", Value: stats.nodesHeartbeating, Labels: host },
    { Name: "nomad.state.index", Value: state.index, Labels: host },
  ];
  const byStatus = { pending: 0, running: 0, dead: 0 };
  for (const row of state.view.table(jobs).list()) {
    const standing = standingOf(state, row);
    byStatus[standing.status] += 1;
    for (const [group, counts] of Object.entries(standing.summary)) {
      const Labels = { ...host, namespace: row.namespace, exported_job: row.id, task_group: group };
      for (const status of SUMMARY_FIELDS) {
        gauges.push({ Name: `nomad.nomad.job_summary.${status.toLowerCase()}`, Value: counts[status], Labels });
      }
    }
  }
  for (const [status, Value] of Object.entries(byStatus)) {
    gauges.push({ Name: `nomad.nomad.job_status.${status}`, Value, Labels: host });
  }
  for (const { id, value } of state.view.table(nodeStates).list()) {
    gauges.push({
      Name: "nomad.nomad.node.ready",
      Value: value.Status === "ready" ? 1 : 0,
      Labels: { ...host, node_id: id },
    });
  }
  return gauges;
}

/** https://prometheus.io/docs/instrumenting/exposition_formats/ */
function prometheusText(gauges: readonly Gauge[]): string {
  const byName = Map.groupBy(gauges, ({ Name }) => Name.replaceAll(/[^a-zA-Z0-9_:]/g, "_"));
  const lines = [...byName].flatMap(([name, samples]) => [
    `# TYPE ${name} gauge`,
    ...samples.map(({ Labels, Value }) => `${name}{${labelText(Labels)}} ${Value}`),
  ]);
  return `${lines.join("\n")}\n`;
}

function labelText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(
      ([name, value]) => `${name}="${value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")}"`,
    )
    .join(",");
}
