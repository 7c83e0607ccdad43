import type { Timer } from "#base/env/clock.ts";
import { messageOf } from "#base/env/errors.ts";
import { StoreError } from "#base/state/store.ts";
import type { ViewChange } from "#base/state/table.ts";
import { allocReports, allocs, deployments } from "#base/state/tables.ts";
import { isActive } from "../reconcile/standing.ts";
import { nowNsOf, type ServerContext } from "../server-context.ts";
import { assess, countedGroups } from "./assess.ts";
import type { DeploymentEndpoint } from "./deployment-endpoint.ts";

/** Reports come in bursts; one look serves them all. */
const GATHER_MS = 50;
/** Looking at large deployments takes time: they are looked at the more seldom, so much longer than the last look took. */
const REST = 30;

/** Follows running deployments: continues, finishes or fails them as the health of their allocations is reported. */
export class DeploymentWatcher {
  readonly #context: ServerContext;
  readonly #endpoint: DeploymentEndpoint;
  /** Healthy allocations at the last look, by deployment. */
  readonly #seen = new Map<string, number>();
  readonly #deadlines = new Map<string, Timer>();
  readonly #dirty = new Set<string>();
  #gather: Timer | undefined;
  #running = false;
  #pauseMs = GATHER_MS;

  constructor(context: ServerContext, endpoint: DeploymentEndpoint) {
    this.#context = context;
    this.#endpoint = endpoint;
  }

  start(): void {
    this.#running = true;
    for (const { id, value } of this.#context.state.view.table(deployments).list()) {
      if (isActive(value.Status)) this.#mark(id);
    }
  }

  stop(): void {
    this.#running = false;
    this.#gather?.cancel();
    for (const timer of this.#deadlines.values()) timer.cancel();
    this.#deadlines.clear();
  }

  apply({ rows }: ViewChange): void {
    const { state } = this.#context;
    for (const { table, namespace, id } of rows) {
      if (table === deployments.name) this.#mark(id);
      else if (table === allocReports.name || table === allocs.name) {
        const deploymentId = state.alloc(namespace, id)?.value.DeploymentID ?? "";
        if (deploymentId !== "") this.#mark(deploymentId);
      }
    }
  }

  #mark(deploymentId: string): void {
    if (!this.#running) return;
    this.#dirty.add(deploymentId);
    const { clock } = this.#context.env;
    this.#gather ??= clock.after(this.#pauseMs, () => {
      this.#gather = undefined;
      const dirty = [...this.#dirty];
      this.#dirty.clear();
      const began = clock.monotonicMs();
      for (const id of dirty) void this.#look(id);
      this.#pauseMs = Math.max(GATHER_MS, (clock.monotonicMs() - began) * REST);
    });
  }

  async #look(id: string): Promise<void> {
    const { state, env } = this.#context;
    const row = state.deploymentById(id);
    if (!this.#running) return;
    this.#deadlines.get(id)?.cancel();
    this.#deadlines.delete(id);
    if (row === undefined || !isActive(row.value.Status)) {
      this.#seen.delete(id);
      return;
    }
    if (row.value.Status === "paused") return;
    try {
      await this.#decide(row);
    } catch (thrown) {
      if (thrown instanceof StoreError && thrown.code === "closed") return;
      env.log.error("a deployment could not be followed", { deployment: id, reason: messageOf(thrown) });
      this.#deadlines.set(
        id,
        env.clock.after(1000, () => this.#mark(id)),
      );
    }
  }

  async #decide(row: NonNullable<ReturnType<ServerContext["state"]["deploymentById"]>>): Promise<void> {
    const { state, env } = this.#context;
    const known = state.deploymentAllocs(row.id);
    const nowNs = nowNsOf(this.#context);
    const verdict = assess(row.value, known, nowNs);
    switch (verdict.kind) {
      case "successful":
        await this.#endpoint.succeed(row);
        return;
      case "failed":
        await this.#endpoint.failed(row, verdict.reason);
        return;
      case "promote":
        await this.#endpoint.promote(row.id, undefined);
        return;
      case "wait": {
        if (verdict.atNs > 0) {
          const delayMs = Math.max(1, (verdict.atNs - nowNs) / 1e6);
          this.#deadlines.set(
            row.id,
            env.clock.after(delayMs, () => this.#mark(row.id)),
          );
        }
        const groups = Object.values(countedGroups(row.value, known));
        const healthy = groups.reduce((sum, group) => sum + group.HealthyAllocs, 0);
        const before = this.#seen.get(row.id) ?? 0;
        this.#seen.set(row.id, healthy);
        if (healthy > before) await this.#endpoint.proceed(row);
        return;
      }
      default:
        verdict satisfies never;
    }
  }
}
