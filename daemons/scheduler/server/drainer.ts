import type { Timer } from "#base/env/clock.ts";
import { messageOf } from "#base/env/errors.ts";
import type { NodeState } from "#base/protocol/node.ts";
import type { Op } from "#base/state/store.ts";
import type { Row, ViewChange } from "#base/state/table.ts";
import { allocReports, allocs, nodeStates } from "#base/state/tables.ts";
import { transition } from "./alloc-change.ts";
import { drainStep, type DrainStep } from "./drain-step.ts";
import type { NodeEndpoint } from "./node-endpoint.ts";
import { evalFor, nowNsOf, putEval, type ServerContext } from "./server-context.ts";

/** Changes come in bursts; one look serves them all. */
const GATHER_MS = 50;
/** While a node is drained it is looked at at least this often. */
const LOOK_EVERY_MS = 15_000;
/** Allocations that are told to leave in one transaction; the rest is told next. */
const MAX_AT_ONCE = 2000;

/** Carries drains out, step by step, as allocations come up elsewhere. */
export class Drainer {
  readonly #context: ServerContext;
  readonly #nodes: NodeEndpoint;
  readonly #draining = new Set<string>();
  #timer: Timer | undefined;
  #deadline: Timer | undefined;
  #busy = false;
  #running = false;

  constructor(context: ServerContext, nodes: NodeEndpoint) {
    this.#context = context;
    this.#nodes = nodes;
  }

  start(): void {
    this.#running = true;
    for (const row of this.#context.state.view.table(nodeStates).list()) this.#notice(row);
    this.#soon();
  }

  stop(): void {
    this.#running = false;
    this.#timer?.cancel();
    this.#deadline?.cancel();
  }

  apply({ rows }: ViewChange): void {
    for (const { table, id } of rows) {
      if (table !== nodeStates.name) continue;
      const row = this.#context.state.nodeState(id);
      if (row !== undefined) this.#notice(row);
    }
    const concerns = rows.some(({ table }) => [nodeStates.name, allocs.name, allocReports.name].includes(table));
    if (this.#draining.size > 0 && concerns) this.#soon();
  }

  #notice({ id, value }: Row<NodeState>): void {
    if (value.DrainStrategy === null) this.#draining.delete(id);
    else this.#draining.add(id);
  }

  #soon(): void {
    if (!this.#running || this.#draining.size === 0) return;
    this.#timer ??= this.#context.env.clock.after(GATHER_MS, () => {
      this.#timer = undefined;
      this.#look().catch((thrown: unknown) =>
        this.#context.env.log.error("a drain could not go on", { reason: messageOf(thrown) }),
      );
    });
  }

  async #look(): Promise<void> {
    if (this.#busy) return this.#soon();
    this.#busy = true;
    try {
      for (const id of this.#draining) {
        const row = this.#context.state.nodeState(id);
        if (row !== undefined && this.#running) await this.#step(row);
      }
    } finally {
      this.#busy = false;
    }
    this.#arm();
  }

  async #step(row: Row<NodeState>): Promise<void> {
    const { state } = this.#context;
    const step = drainStep(state, row, nowNsOf(this.#context));
    if (step.kind === "done") await this.#nodes.drained(row.id);
    else if (step.kind === "end") await this.#end(step);
  }

  async #end({ migrate, stop }: Extract<DrainStep, { readonly kind: "end" }>): Promise<void> {
    const { state, store } = this.#context;
    const nowNs = nowNsOf(this.#context);
    const moving = [...migrate, ...stop].slice(0, MAX_AT_ONCE);
    const ending = new Set(stop);
    const changes = moving.map((known) => {
      const MigrateDisablePlacement = ending.has(known);
      return transition(known, { Migrate: true, MigrateDisablePlacement }, nowNs);
    });
    const then: Op[] = changes.map(({ op }) => op);
    for (const [, [first]] of Map.groupBy(moving, ({ alloc }) => `${alloc.Namespace}/${alloc.JobID}`)) {
      const job = first === undefined ? undefined : state.job(first.alloc.Namespace, first.alloc.JobID)?.value;
      if (job === undefined) continue;
      then.push(putEval(evalFor(this.#context, { namespace: job.Namespace, job, trigger: "node-drain" })));
    }
    // Where a plan came first, its change is news that has this node looked at again.
    await store.txn({ compare: changes.map(({ compare }) => compare), then });
    await state.view.reached(store.status().revision);
  }

  /** The next deadline after which nothing is waited for; of replacements the health deadlines are looked after too. */
  #arm(): void {
    this.#deadline?.cancel();
    if (this.#draining.size === 0 || !this.#running) return;
    const nowMs = this.#context.env.clock.nowMs();
    const times = [...this.#draining]
      .map((id) => Date.parse(this.#context.state.nodeState(id)?.value.DrainStrategy?.ForceDeadline ?? ""))
      .filter((time) => time > nowMs);
    const sleepMs = Math.min(LOOK_EVERY_MS, ...times.map((time) => time - nowMs + 1));
    this.#deadline = this.#context.env.clock.after(sleepMs, () => this.#soon());
  }
}
