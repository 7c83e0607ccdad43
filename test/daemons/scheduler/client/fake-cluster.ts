import * as v from "valibot";
import type { Alloc, AllocReport } from "#base/protocol/alloc.ts";
import { AllocSchema } from "#base/protocol/alloc.ts";
import type { AgentServiceDefinition, CheckStatus } from "#base/protocol/catalog.ts";
import type { Job } from "#base/protocol/job.ts";
import { JobSchema } from "#base/protocol/job.ts";
import type { Node } from "#base/protocol/node.ts";
import type { AllocsReply, ClientAlloc, ServerLink } from "#daemons/scheduler/link.ts";
import type { ServiceRegistry } from "#daemons/scheduler/client/service-registry.ts";

/** The servers' side of a node: a list of allocations that tests change, and the reports that came. */
export class FakeServers implements ServerLink {
  readonly reports = new Map<string, AllocReport>();
  readonly history: AllocReport[] = [];
  readonly nodes: Node[] = [];
  away = false;
  ttlMs = 10_000;
  readonly #allocs = new Map<string, ClientAlloc>();
  #index = 1;
  readonly #wake: (() => void)[] = [];
  readonly #reported: (() => void)[] = [];

  register(node: Node) {
    this.#mustBeHere();
    this.nodes.push(node);
    return Promise.resolve({ status: "ready" as const, ttlMs: this.ttlMs });
  }
  heartbeat() {
    this.#mustBeHere();
    return Promise.resolve({ status: "ready" as const, ttlMs: this.ttlMs });
  }
  async allocs({ index, signal }: { index: number; signal: AbortSignal }): Promise<AllocsReply> {
    this.#mustBeHere();
    while (index >= this.#index && !signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#wake.push(resolve);
        signal.addEventListener("abort", () => resolve(), { once: true });
      });
    }
    return { index: this.#index, allocs: [...this.#allocs.values()] };
  }
  report(reports: readonly AllocReport[]) {
    this.#mustBeHere();
    for (const report of reports) {
      this.reports.set(report.AllocID, report);
      this.history.push(report);
    }
    for (const wake of this.#reported.splice(0)) wake();
    return Promise.resolve();
  }
  #mustBeHere() {
    if (this.away) throw new Error("no server can be reached");
  }

  set(job: Job, alloc: Partial<Alloc> & { ID: string }): ClientAlloc {
    this.#index += 1;
    const whole = v.parse(AllocSchema, {
      Name: `${job.ID}.${job.TaskGroups[0]!.Name}[0]`,
      Namespace: "default",
      NodeID: "n",
      JobID: job.ID,
      TaskGroup: job.TaskGroups[0]!.Name,
      DesiredStatus: "run",
      AllocatedResources: { Tasks: {}, Shared: { DiskMB: 0, Networks: [], Ports: [] } },
      Metrics: null,
      ...alloc,
    });
    const set = { alloc: whole, job, modifyIndex: this.#index };
    this.#allocs.set(alloc.ID, set);
    this.flush();
    return set;
  }
  remove(id: string) {
    this.#index += 1;
    this.#allocs.delete(id);
    this.flush();
  }
  flush() {
    for (const wake of this.#wake.splice(0)) wake();
  }
  /** Resolves with the report of an allocation that meets a condition. */
  async until(id: string, met: (report: AllocReport) => boolean): Promise<AllocReport> {
    for (;;) {
      const report = this.reports.get(id);
      if (report !== undefined && met(report)) return report;
      await new Promise<void>((resolve) => this.#reported.push(resolve));
    }
  }
}

export class FakeRegistry implements ServiceRegistry {
  readonly services = new Map<string, AgentServiceDefinition>();
  readonly log: string[] = [];
  readonly #listeners = new Set<(id: string, status: CheckStatus) => void>();
  register(definition: AgentServiceDefinition) {
    this.services.set(definition.ID, definition);
    this.log.push(`+${definition.Name}`);
    return Promise.resolve();
  }
  deregister(id: string) {
    this.log.push(`-${this.services.get(id)?.Name}`);
    this.services.delete(id);
    return Promise.resolve();
  }
  registered(prefix: string) {
    return [...this.services.keys()].filter((id) => id.startsWith(prefix));
  }
  onStatus(listener: (id: string, status: CheckStatus) => void) {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  report(): void {}

  checks() {
    return [];
  }
  say(id: string, status: CheckStatus) {
    for (const listener of this.#listeners) listener(id, status);
  }
}

/** A job of one group; `tasks` as the API spells them. */
export function jobOf(
  tasks: Record<string, unknown>[],
  more: { type?: string; group?: object; version?: number } = {},
): Job {
  return v.parse(JobSchema, {
    ID: "job",
    Name: "job",
    Namespace: "default",
    Type: more.type ?? "service",
    Version: more.version ?? 0,
    TaskGroups: [{ Name: "g", Tasks: tasks, ...more.group }],
  });
}
