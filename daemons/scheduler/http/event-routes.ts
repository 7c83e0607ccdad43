import * as v from "valibot";
import { utf8 } from "#base/env/bytes.ts";
import { BoundedQueue } from "#base/env/queue.ts";
import { HttpError } from "#base/http/http-error.ts";
import { queryInteger, queryTexts } from "#base/http/query.ts";
import { route, type Route } from "#base/http/route.ts";
import type { ViewChange, ViewRowChange } from "#base/state/table.ts";
import { allocReports, allocs, deployments, evals, jobs, nodes, nodeStates } from "#base/state/tables.ts";
import type { ClusterState } from "../server/cluster-state.ts";
import { allocAnswer } from "./answers/alloc.ts";
import { deploymentAnswer } from "./answers/deployment.ts";
import { evalAnswer } from "./answers/evaluation.ts";
import { jobAnswer } from "./answers/job.ts";
import { nodeAnswer } from "./answers/node.ts";
import type { NomadHttpDeps } from "./nomad-deps.ts";
import { namespaced, namespaceFilter, readJob } from "./requests.ts";

const HEARTBEAT_MS = 30_000;
/** Revisions a slow reader may be behind; above that its stream ends and it has to come again. */
const MAX_BEHIND = 1000;
const TOPICS = ["Job", "Allocation", "Evaluation", "Deployment", "Node"] as const;
type Topic = (typeof TOPICS)[number];

interface StreamEvent {
  readonly Topic: Topic;
  readonly Type: string;
  readonly Key: string;
  readonly Namespace: string;
  readonly FilterKeys: readonly string[];
  readonly Index: number;
  readonly Payload: unknown;
}

/** https://developer.hashicorp.com/nomad/api-docs/events */
export function eventRoutes({ server }: NomadHttpDeps): Route[] {
  const { state, env } = server.context;
  return [
    route({
      method: "GET",
      path: "/v1/event/stream",
      summary: "Follow what happens in the cluster",
      access: readJob,
      query: v.object({ ...namespaced, index: queryInteger, topic: queryTexts }),
      handle: ({ query, signal }) => {
        const wanted = topicFilter(query.topic);
        const namespace = namespaceFilter(query.namespace);
        const body = lines(follow(signal, (event) => wanted(event) && inNamespace(event, namespace)));
        return { kind: "stream", contentType: "application/json", body };
      },
    }),
  ];

  async function* follow(signal: AbortSignal, wanted: (event: StreamEvent) => boolean): AsyncGenerator<unknown> {
    const behind = new BoundedQueue<unknown>(MAX_BEHIND);
    let lost = false;
    let wake = (): void => {};
    const unfollow = state.view.onChange((change) => {
      const Events = eventsOf(state, change).filter(wanted);
      if (Events.length === 0) return;
      if (!behind.push({ Index: change.revision, Events })) lost = true;
      wake();
    });
    const onAbort = (): void => wake();
    signal.addEventListener("abort", onAbort);
    try {
      yield {};
      while (!signal.aborted && !lost) {
        const next = behind.shift();
        if (next !== undefined) {
          yield next;
          continue;
        }
        const heard = await new Promise<boolean>((resolve) => {
          const timer = env.clock.after(HEARTBEAT_MS, () => resolve(false));
          wake = () => {
            timer.cancel();
            resolve(true);
          };
        });
        if (!heard) yield {};
      }
    } finally {
      unfollow();
      signal.removeEventListener("abort", onAbort);
    }
  }
}

async function* lines(values: AsyncIterable<unknown>): AsyncGenerator<Uint8Array> {
  for await (const value of values) yield utf8(`${JSON.stringify(value)}\n`);
}

function inNamespace(event: StreamEvent, namespace: string | undefined): boolean {
  return namespace === undefined || event.Topic === "Node" || event.Namespace === namespace;
}

/** `Topic`, `Topic:key`, `*` or `*:key`; none is everything. */
function topicFilter(topics: readonly string[]): (event: StreamEvent) => boolean {
  if (topics.length === 0) return () => true;
  const wanted = topics.map((text) => {
    const [topic = "", key = "*"] = text.split(/:(.*)/s);
    if (topic !== "*" && topic === "") throw new HttpError(400, `Invalid key value pair for topic: topic=${text}`);
    return { topic, key };
  });
  return (event) =>
    wanted.some(
      ({ topic, key }) =>
        (topic === "*" || topic === event.Topic) &&
        (key === "*" || key === event.Key || event.FilterKeys.includes(key)),
    );
}

function eventsOf(state: ClusterState, { rows, revision }: ViewChange): StreamEvent[] {
  return rows.flatMap((row) => eventOf(state, row, revision) ?? []);
}

function eventOf(state: ClusterState, row: ViewRowChange, Index: number): StreamEvent | undefined {
  const { table, namespace: Namespace, id } = row;
  switch (table) {
    case jobs.name: {
      const job = state.job(Namespace, id);
      const Payload = { Job: job === undefined ? null : jobAnswer(state, job) };
      const Type = job === undefined || job.value.Stop ? "JobDeregistered" : "JobRegistered";
      return { Topic: "Job", Type, Key: id, Namespace, FilterKeys: [], Index, Payload };
    }
    case allocs.name:
    case allocReports.name: {
      const found = state.alloc(Namespace, id);
      if (found === undefined) return undefined;
      const { Job: _job, ...Allocation } = allocAnswer(state, state.known(found));
      const Type = table === allocs.name ? "PlanResult" : "AllocationUpdated";
      const FilterKeys = [found.value.JobID, found.value.DeploymentID].filter((key) => key !== "");
      return { Topic: "Allocation", Type, Key: id, Namespace, FilterKeys, Index, Payload: { Allocation } };
    }
    case evals.name: {
      const found = state.evaluation(Namespace, id);
      if (found === undefined) return undefined;
      const FilterKeys = [found.value.JobID, found.value.DeploymentID].filter((key) => key !== "");
      const Payload = { Evaluation: evalAnswer(found) };
      return { Topic: "Evaluation", Type: "EvaluationUpdated", Key: id, Namespace, FilterKeys, Index, Payload };
    }
    case deployments.name: {
      const found = state.deploymentById(id);
      if (found === undefined) return undefined;
      const Payload = { Deployment: deploymentAnswer(state, found) };
      const FilterKeys = [found.value.JobID];
      return { Topic: "Deployment", Type: "DeploymentStatusUpdate", Key: id, Namespace, FilterKeys, Index, Payload };
    }
    case nodes.name:
    case nodeStates.name: {
      const found = state.node(id);
      const Payload = { Node: found === undefined ? null : nodeAnswer(state, found) };
      const Type = found === undefined ? "NodeDeregistration" : table === nodes.name ? "NodeRegistration" : "NodeEvent";
      return { Topic: "Node", Type, Key: id, Namespace: "", FilterKeys: [], Index, Payload };
    }
    default:
      return undefined;
  }
}
