import { evals, jobs, nodeStates, variables } from "#base/state/tables.ts";
import type { Gauge } from "../gauge.ts";
import { standingOf } from "./job-status.ts";
import { nextTurn } from "./schedule/steps.ts";
import type { SchedulerServer } from "./server.ts";

const SUMMARY_FIELDS = ["Queued", "Complete", "Failed", "Running", "Starting", "Lost", "Unknown"] as const;
/** Counting gives way to others after this. */
const TURN_MS = 5;

type Labels = Readonly<Record<string, string>>;

/** Names and labels: https://developer.hashicorp.com/nomad/docs/reference/metrics#server-metrics */
export async function serverGauges(server: SchedulerServer, host: string): Promise<Gauge[]> {
  const labels = { host };
  return [...queueGauges(server, labels), ...(await jobGauges(server, labels)), ...clusterGauges(server, labels)];
}

function gauge(Name: string, Value: number, Labels: Labels): Gauge {
  return { Name: `nomad.${Name}`, Value, Labels };
}

function queueGauges(server: SchedulerServer, labels: Labels): Gauge[] {
  const { evalsQueued, evalsReady, evalsInFlight, evalsBlocked } = server.stats();
  const { view } = server.context.state;
  const byType = { service: 0, batch: 0, system: 0, sysbatch: 0 };
  for (const { value } of view.table(evals).by("status", "pending")) {
    if (value.Type === "service" || value.Type === "batch" || value.Type === "system" || value.Type === "sysbatch") {
      byType[value.Type] += 1;
    }
  }
  const waiting = Math.max(0, evalsQueued - evalsReady - evalsInFlight);
  return [
    gauge("nomad.broker.total_ready", evalsReady, labels),
    gauge("nomad.broker.total_unacked", evalsInFlight, labels),
    gauge("nomad.broker.total_pending", waiting, labels),
    gauge("nomad.broker.total_waiting", waiting, labels),
    gauge("nomad.broker.total_cancelable", 0, labels),
    ...Object.entries(byType).map(([type, count]) => gauge(`nomad.broker.${type}_ready`, count, labels)),
    gauge("nomad.blocked_evals.total_blocked", evalsBlocked, labels),
    gauge("nomad.blocked_evals.total_escaped", 0, labels),
    gauge("nomad.blocked_evals.total_quota_limit", 0, labels),
    gauge("nomad.plan.queue_depth", server.context.store.status().transactionsInFlight, labels),
  ];
}

/** In turns, as counting the allocations of many jobs takes a while. */
async function jobGauges(server: SchedulerServer, labels: Labels): Promise<Gauge[]> {
  const { state, env } = server.context;
  const gauges: Gauge[] = [];
  const byStatus = { pending: 0, running: 0, dead: 0 };
  const rows = [...state.view.table(jobs).list()];
  let began = env.clock.monotonicMs();
  for (const row of rows) {
    if (env.clock.monotonicMs() - began > TURN_MS) {
      await nextTurn(env.clock);
      began = env.clock.monotonicMs();
    }
    const standing = standingOf(state, row);
    byStatus[standing.status] += 1;
    const parent = row.value.ParentID === "" ? {} : { parent_id: row.value.ParentID };
    for (const [group, counts] of Object.entries(standing.summary)) {
      const at = { ...labels, namespace: row.namespace, exported_job: row.id, task_group: group, ...parent };
      for (const status of SUMMARY_FIELDS) {
        gauges.push(gauge(`nomad.job_summary.${status.toLowerCase()}`, counts[status], at));
      }
    }
  }
  for (const [status, count] of Object.entries(byStatus)) {
    gauges.push(gauge(`nomad.job_status.${status}`, count, labels));
  }
  return gauges;
}

function clusterGauges(server: SchedulerServer, labels: Labels): Gauge[] {
  const { state, store } = server.context;
  const { view } = state;
  const { revision, keys, bytes } = store.status();
  return [
    gauge("nomad.heartbeat.active", server.stats().nodesHeartbeating, labels),
    gauge("nomad.vars.count", view.table(variables).size, labels),
    gauge("nomad.autopilot.healthy", 1, labels),
    gauge("nomad.autopilot.failure_tolerance", 0, labels),
    gauge("raft.commitIndex", revision, labels),
    gauge("raft.appliedIndex", view.index, labels),
    gauge("raft.peers", 1, labels),
    gauge("state.index", view.index, labels),
    gauge("state.keys", keys, labels),
    gauge("state.bytes", bytes, labels),
    ...[...view.table(nodeStates).list()].map(({ id, value }) =>
      gauge("nomad.node.ready", value.Status === "ready" ? 1 : 0, { ...labels, node_id: id }),
    ),
  ];
}
