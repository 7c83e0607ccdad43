import { fail, succeed, type Result } from "#base/env/errors.ts";
import { GLOBAL } from "#base/protocol/keys.ts";
import type { Node, NodeEligibility, NodeEvent, NodeState, NodeStatus } from "#base/protocol/node.ts";
import type { Evaluation, EvalTrigger } from "#base/protocol/evaluation.ts";
import { put, remove } from "#base/state/codec.ts";
import type { Op } from "#base/state/store.ts";
import { jobs, nodes, nodeStates } from "#base/state/tables.ts";
import { isTerminal } from "./alloc-state.ts";
import { disconnectWindow } from "./disconnect-window.ts";
import { computeClass } from "./place/node-class.ts";
import { ensureNodePool } from "./tenancy/node-pool-endpoint.ts";
import { settledVolumes } from "./volumes/settled-volumes.ts";
import { evalFor, nowNsOf, putEval, readable, type ServerContext } from "./server-context.ts";

/** Events kept of a node; older ones are forgotten. */
const MAX_NODE_EVENTS = 10;
const DRAIN_SET = "Node drain strategy set";

export interface NodeAnswer {
  readonly index: number;
  readonly evalIds: readonly string[];
}

/** What the servers write about nodes. Every change that matters to jobs comes with evaluations of them. */
export class NodeEndpoint {
  readonly #context: ServerContext;

  constructor(context: ServerContext) {
    this.#context = context;
  }

  /** What a node says of itself; writes nothing when that is known already. */
  async register(reported: Node): Promise<Result<NodeAnswer>> {
    const { state } = this.#context;
    const known = state.node(reported.ID)?.value;
    if (known !== undefined && known.SecretID !== reported.SecretID) {
      return fail("node_secret", `node ${reported.ID} is registered with another secret`, "give the node a new ID");
    }
    const pool = await ensureNodePool(this.#context, reported.NodePool);
    if (!pool.ok) return pool;
    const node = { ...reported, ComputedClass: computeClass({ ...reported, ComputedClass: "" }) };
    const before = state.nodeState(node.ID)?.value;
    const ops: Op[] = [];
    const changed = known === undefined || JSON.stringify(known) !== JSON.stringify(node);
    if (changed) ops.push(put(nodes, at(node.ID), node));
    ops.push(...settledVolumes(this.#context, node));
    const message = before === undefined ? "Node registered" : "Node re-registered";
    const ready = (): NodeState =>
      this.#state(before, { Status: "ready", StatusDescription: "node is ready", message });
    const now = before?.Status === "ready" ? before : ready();
    const told = this.#withDriverEvents(now, known?.Drivers ?? {}, node.Drivers);
    if (told !== before) ops.push(put(nodeStates, at(node.ID), told));
    const classChanged = known !== undefined && known.ComputedClass !== node.ComputedClass;
    const wake = now !== before || classChanged;
    return succeed(await this.#write(ops, wake ? this.#evalsFor(node.ID, "node-update") : []));
  }

  async setStatus(nodeId: string, status: NodeStatus, description: string): Promise<NodeAnswer | undefined> {
    const before = this.#context.state.nodeState(nodeId)?.value;
    if (before === undefined || before.Status === status) return undefined;
    const message = status === "ready" ? "Node reregistered by heartbeat" : "Node heartbeat missed";
    const after = this.#state(before, { Status: status, StatusDescription: description, message });
    return this.#write([put(nodeStates, at(nodeId), after)], this.#evalsFor(nodeId, "node-update"));
  }

  /**
   * A node missed its heartbeat: it is down, or disconnected for as long as one of its groups waits for it. Resolves with
   * the milliseconds after which to look again; undefined: not at all.
   */
  async missed(nodeId: string): Promise<number | undefined> {
    const { state } = this.#context;
    const before = state.nodeState(nodeId)?.value;
    if (before === undefined) return undefined;
    const windowNs = disconnectWindow(state, nodeId);
    const nowNs = nowNsOf(this.#context);
    const sinceNs = before.Status === "disconnected" ? before.StatusUpdatedAt * 1e9 : nowNs;
    const leftNs = sinceNs + windowNs - nowNs;
    if (leftNs <= 0) {
      await this.setStatus(nodeId, "down", "heartbeat missed");
      return undefined;
    }
    await this.setStatus(nodeId, "disconnected", "heartbeat missed; its allocations may go on");
    return leftNs / 1e6;
  }

  async setEligibility(nodeId: string, eligibility: NodeEligibility): Promise<Result<NodeAnswer>> {
    const before = this.#context.state.nodeState(nodeId)?.value;
    if (before === undefined) return fail("not_found", "node not found");
    if (before.DrainStrategy !== null && eligibility === "eligible") {
      return fail("draining", "can not set node's scheduling eligibility to eligible while it is draining");
    }
    if (before.SchedulingEligibility === eligibility) return succeed(await this.#write([], []));
    const Events = this.#events(before, {
      Subsystem: "Cluster",
      Message: `Node marked as ${eligibility} for scheduling`,
    });
    const ops = [put(nodeStates, at(nodeId), { ...before, SchedulingEligibility: eligibility, Events })];
    return succeed(await this.#write(ops, eligibility === "eligible" ? this.#evalsFor(nodeId, "node-update") : []));
  }

  /** Starts a drain, or ends one (`strategy` null), leaving the node eligible or not. */
  async setDrain(
    nodeId: string,
    strategy: NodeState["DrainStrategy"],
    options: {
      readonly markEligible: boolean;
      readonly meta: Readonly<Record<string, string>>;
      /** Of the token it was asked with; empty: of none. */
      readonly accessorId?: string;
    },
  ): Promise<Result<NodeAnswer>> {
    const before = this.#context.state.nodeState(nodeId)?.value;
    if (before === undefined) return fail("not_found", "node not found");
    const nowText = new Date(this.#context.env.clock.nowMs()).toISOString();
    const earlier = before.DrainStrategy === null ? undefined : before.LastDrain;
    const StartedAt = earlier?.StartedAt ?? strategy?.StartedAt ?? nowText;
    const LastDrain = {
      StartedAt,
      UpdatedAt: nowText,
      Status: strategy === null ? "canceled" : "draining",
      AccessorID: options.accessorId ?? "",
      Meta: { ...earlier?.Meta, ...options.meta },
    };
    const Message = strategy === null ? "Node drain disabled" : earlier ? "Node drain strategy updated" : DRAIN_SET;
    const after: NodeState = {
      ...before,
      DrainStrategy: strategy === null ? null : { ...strategy, StartedAt },
      Events: this.#events(before, { Subsystem: "Drain", Message }),
      SchedulingEligibility: strategy === null && options.markEligible ? "eligible" : "ineligible",
      LastDrain: strategy === null && before.DrainStrategy === null ? before.LastDrain : LastDrain,
    };
    return succeed(await this.#write([put(nodeStates, at(nodeId), after)], this.#evalsFor(nodeId, "node-drain")));
  }

  /** Nothing is left to move: the drain ends, the node stays ineligible. */
  async drained(nodeId: string): Promise<void> {
    const before = this.#context.state.nodeState(nodeId)?.value;
    if (before === undefined || before.DrainStrategy === null) return;
    const UpdatedAt = new Date(this.#context.env.clock.nowMs()).toISOString();
    const { StartedAt } = before.DrainStrategy;
    const LastDrain = { StartedAt, AccessorID: "", Meta: {}, ...before.LastDrain, UpdatedAt, Status: "complete" };
    const Events = this.#events(before, { Subsystem: "Drain", Message: "Node drain complete" });
    await this.#write([put(nodeStates, at(nodeId), { ...before, DrainStrategy: null, LastDrain, Events })], []);
  }

  /** Evaluates all jobs that run, or may run, on the node. */
  async evaluate(nodeId: string): Promise<Result<NodeAnswer>> {
    if (this.#context.state.node(nodeId) === undefined) return fail("not_found", "node not found");
    return succeed(await this.#write([], this.#evalsFor(nodeId, "node-update")));
  }

  /** Forgets the node; what ran there is replaced elsewhere. */
  async purge(nodeId: string): Promise<Result<NodeAnswer>> {
    if (this.#context.state.node(nodeId) === undefined) return fail("not_found", "node not found");
    const ops = [remove(nodes, GLOBAL, nodeId), remove(nodeStates, GLOBAL, nodeId)];
    return succeed(await this.#write(ops, this.#evalsFor(nodeId, "node-update")));
  }

  async #write(ops: readonly Op[], evaluations: readonly Evaluation[]): Promise<NodeAnswer> {
    const { writer, state } = this.#context;
    const all = [...ops, ...evaluations.map(putEval)];
    const index = all.length === 0 ? state.index : await writer.write(all);
    return { index: await readable(this.#context, index), evalIds: evaluations.map(({ ID }) => ID) };
  }

  /** The same where the health of no driver changed. */
  #withDriverEvents(state: NodeState, before: Node["Drivers"], after: Node["Drivers"]): NodeState {
    return Object.entries(after).reduce((told, [driver, { Healthy, HealthDescription }]) => {
      const last = before[driver];
      if (last === undefined || last.Healthy === Healthy) return told;
      const Message = HealthDescription === "" ? (Healthy ? "Healthy" : "Unhealthy") : HealthDescription;
      return { ...told, Events: this.#events(told, { Subsystem: "Driver", Message, Details: { driver } }) };
    }, state);
  }

  #events(
    before: NodeState | undefined,
    event: Pick<NodeEvent, "Message" | "Subsystem"> & Partial<Pick<NodeEvent, "Details">>,
  ): NodeEvent[] {
    const Timestamp = new Date(this.#context.env.clock.nowMs()).toISOString();
    return [...(before?.Events ?? []), { Details: {}, ...event, Timestamp }].slice(-MAX_NODE_EVENTS);
  }

  #state(
    before: NodeState | undefined,
    now: Pick<NodeState, "Status" | "StatusDescription"> & { readonly message: string },
  ): NodeState {
    return {
      SchedulingEligibility: "eligible",
      DrainStrategy: null,
      LastDrain: null,
      ...before,
      Status: now.Status,
      StatusDescription: now.StatusDescription,
      Events: this.#events(before, { Subsystem: "Cluster", Message: now.message }),
      StatusUpdatedAt: Math.floor(nowNsOf(this.#context) / 1e9),
    };
  }

  /** Jobs with something on the node, and all system jobs: they may want to be there, or elsewhere. */
  #evalsFor(nodeId: string, trigger: EvalTrigger): Evaluation[] {
    const { state } = this.#context;
    const affected = new Map<string, { namespace: string; id: string }>();
    const add = (namespace: string, id: string): void => void affected.set(`${namespace}/${id}`, { namespace, id });
    for (const known of state.nodeAllocs(nodeId)) {
      if (!isTerminal(known)) add(known.alloc.Namespace, known.alloc.JobID);
    }
    for (const { namespace, id, value } of state.view.table(jobs).list()) {
      if (!value.Stop && (value.Type === "system" || value.Type === "sysbatch")) add(namespace, id);
    }
    return [...affected.values()].map(({ namespace, id }) => {
      const job = state.job(namespace, id)?.value ?? { ID: id, Type: "service", Priority: null };
      const NodeModifyIndex = state.nodeState(nodeId)?.modifyIndex ?? 0;
      return evalFor(this.#context, { namespace, job, trigger, fields: { NodeID: nodeId, NodeModifyIndex } });
    });
  }
}

function at(id: string): { namespace: string; id: string } {
  return { namespace: GLOBAL, id };
}
