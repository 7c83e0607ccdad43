import type { Alloc } from "#base/protocol/alloc.ts";
import type { Deployment } from "#base/protocol/deployment.ts";
import type { Evaluation } from "#base/protocol/evaluation.ts";
import type { Job } from "#base/protocol/job.ts";
import { GLOBAL } from "#base/protocol/keys.ts";
import type { Node, NodeState } from "#base/protocol/node.ts";
import type { Row, TableView, View } from "#base/state/table.ts";
import * as tables from "#base/state/tables.ts";
import type { KnownAlloc } from "./alloc-state.ts";

const VERSION_DIGITS = 10;

/** The scheduler's questions to the view, in the scheduler's words. */
export class ClusterState {
  readonly view: View;

  constructor(view: View) {
    this.view = view;
  }

  get index(): number {
    return this.view.index;
  }

  job(namespace: string, id: string): Row<Job> | undefined {
    return this.view.table(tables.jobs).get(namespace, id);
  }

  jobVersion(namespace: string, id: string, version: number): Row<Job> | undefined {
    return this.view.table(tables.jobVersions).get(namespace, jobVersionId(id, version));
  }

  /** Oldest first. */
  jobVersions(namespace: string, id: string): Row<Job>[] {
    return [...this.view.table(tables.jobVersions).by("job", `${namespace}/${id}`)].toSorted(
      (a, b) => a.value.Version - b.value.Version,
    );
  }

  /** Those of a job as it is registered now, oldest first: a purged one of the same name may have left some. */
  currentVersions(job: Row<Job>): Row<Job>[] {
    return this.jobVersions(job.namespace, job.id).filter(({ createIndex }) => createIndex >= job.createIndex);
  }

  evaluation(namespace: string, id: string): Row<Evaluation> | undefined {
    return this.view.table(tables.evals).get(namespace, id);
  }

  jobEvals(namespace: string, id: string): Row<Evaluation>[] {
    return [...this.view.table(tables.evals).by("job", `${namespace}/${id}`)];
  }

  alloc(namespace: string, id: string): Row<Alloc> | undefined {
    return this.view.table(tables.allocs).get(namespace, id);
  }

  /** Where no namespace is given: ids are unique among all. */
  allocById(id: string): Row<Alloc> | undefined {
    return findById(this.view.table(tables.allocs), id);
  }

  evaluationById(id: string): Row<Evaluation> | undefined {
    return findById(this.view.table(tables.evals), id);
  }

  deploymentById(id: string): Row<Deployment> | undefined {
    return findById(this.view.table(tables.deployments), id);
  }

  jobAllocs(namespace: string, id: string): KnownAlloc[] {
    return this.#known(this.view.table(tables.allocs).by("job", `${namespace}/${id}`));
  }

  /** The records alone, as they are now: for those who look at them later. */
  jobAllocRows(namespace: string, id: string): Row<Alloc>[] {
    return [...this.view.table(tables.allocs).by("job", `${namespace}/${id}`)];
  }

  countJobAllocs(namespace: string, id: string): number {
    return this.view.table(tables.allocs).count("job", `${namespace}/${id}`);
  }

  nodeAllocs(nodeId: string): KnownAlloc[] {
    return this.#known(this.view.table(tables.allocs).by("node", nodeId));
  }

  deploymentAllocs(deploymentId: string): KnownAlloc[] {
    return this.#known(this.view.table(tables.allocs).by("deployment", deploymentId));
  }

  known(row: Row<Alloc>): KnownAlloc {
    const report = this.view.table(tables.allocReports).get(row.namespace, row.id);
    const modifyIndex = Math.max(row.modifyIndex, report?.modifyIndex ?? 0);
    const { value: alloc, createIndex, modifyIndex: allocIndex } = row;
    return { alloc, report: report?.value, createIndex, allocIndex, modifyIndex };
  }

  /** Newest first. */
  jobDeployments(namespace: string, id: string): Row<Deployment>[] {
    return [...this.view.table(tables.deployments).by("job", `${namespace}/${id}`)].toSorted(
      (a, b) => b.createIndex - a.createIndex,
    );
  }

  node(id: string): Row<Node> | undefined {
    return this.view.table(tables.nodes).get(GLOBAL, id);
  }

  nodeState(id: string): Row<NodeState> | undefined {
    return this.view.table(tables.nodeStates).get(GLOBAL, id);
  }

  #known(rows: Iterable<Row<Alloc>>): KnownAlloc[] {
    return [...rows].map((row) => this.known(row));
  }
}

/** Zero-padded, so that versions sort. */
export function jobVersionId(jobId: string, version: number): string {
  return `${jobId}/${String(version).padStart(VERSION_DIGITS, "0")}`;
}

/** Most things live in the default namespace; only others cost a search. */
function findById<T>(table: TableView<T>, id: string): Row<T> | undefined {
  const usual = table.get("default", id);
  if (usual !== undefined || id === "") return usual;
  for (const row of table.list(undefined, id)) if (row.id === id) return row;
  return undefined;
}
