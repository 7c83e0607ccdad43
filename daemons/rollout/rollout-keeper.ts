import type { Timer } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import { CodedError, fail, messageOf, succeed, type Result } from "#base/env/errors.ts";
import { GLOBAL } from "#base/protocol/keys.ts";
import type { FirmwareState, NodeUpdate, OfferedFirmware, Rollout } from "#base/protocol/rollout.ts";
import { absent, put, unchanged } from "#base/state/codec.ts";
import type { Store } from "#base/state/store.ts";
import type { Row, View } from "#base/state/table.ts";
import { rollouts } from "#base/state/tables.ts";
import { judge, nextStep, orderOf, type ClusterFacts, type RolloutStep } from "./decide.ts";
import { parseWindow } from "./window.ts";

/** A node refused: it was reached, and asking again changes nothing. Everything else a call throws is a node away. */
export const REFUSED = "node_refused";

/** What the keeper does to nodes. Calls reject with {@link REFUSED}, or while a node cannot be reached. */
export interface RolloutPorts {
  readonly facts: () => Pick<ClusterFacts, "nodes" | "servers" | "othersTake">;
  readonly drain: (nodeId: string) => Promise<void>;
  /** Ends a drain, and lets the node take tasks or not. */
  readonly restore: (nodeId: string, isEligible: boolean) => Promise<void>;
  readonly state: (nodeId: string) => Promise<FirmwareState>;
  readonly offered: (nodeId: string, order: FirmwareOrder) => Promise<OfferedFirmware>;
  /** The node writes the update and restarts; resolves as soon as it begins. */
  readonly order: (nodeId: string, order: FirmwareOrder) => Promise<void>;
}

export interface FirmwareOrder {
  readonly Source: string;
  readonly Older: boolean;
}

export interface RolloutKeeperDeps {
  readonly env: Pick<Env, "clock" | "log">;
  /** Takes writes only while this server leads. */
  readonly store: Store;
  readonly view: View;
  readonly ports: RolloutPorts;
}

const PAUSE_MS = 3000;
export const CURRENT = "current";

/** The leader's care for an update of all nodes. Without one it does nothing at all. */
export class RolloutKeeper {
  readonly #deps: RolloutKeeperDeps;
  #leads = false;
  #timer: Timer | undefined;
  #working: Promise<unknown> = Promise.resolve();
  #unfollow: (() => void) | undefined;

  constructor(deps: RolloutKeeperDeps) {
    this.#deps = deps;
  }

  current(): Row<Rollout> | undefined {
    return this.#deps.view.table(rollouts).get(GLOBAL, CURRENT);
  }

  startLeading(): void {
    if (this.#leads) return;
    this.#leads = true;
    this.#unfollow = this.#deps.view.onChange(({ rows }) => {
      if (rows.some(({ table }) => table === rollouts.name)) this.#arm(0);
    });
    this.#arm(0);
  }

  async stopLeading(): Promise<void> {
    this.#leads = false;
    this.#unfollow?.();
    this.#timer?.cancel();
    this.#timer = undefined;
    await this.#working;
  }

  /** Begins an update of these nodes, all where none is named. Fails with `rollout_runs`, `no_nodes` or `bad_window`. */
  async begin(wish: FirmwareOrder & { Window: string; Nodes: readonly string[] }): Promise<Result<Rollout>> {
    const { env, ports } = this.#deps;
    const window = parseWindow(wish.Window);
    if (!window.ok) return window;
    const before = this.current();
    if (before?.value.State === "running")
      return fail("rollout_runs", "an update of the cluster runs already", "`lares os rollout -stop` ends it");
    const all = orderOf(ports.facts().nodes);
    const unknown = wish.Nodes.filter((name) => !all.some((node) => node.name === name || node.id === name));
    if (unknown.length > 0)
      return fail(
        "no_nodes",
        `no node with the Lares firmware is called ${unknown.join(", ")}`,
        "see `lares node status`",
      );
    const chosen = all.filter(
      ({ id, name }) => wish.Nodes.length === 0 || wish.Nodes.some((each) => each === id || each === name),
    );
    if (chosen.length === 0)
      return fail("no_nodes", "no node of this cluster runs the Lares firmware", "docs/firmware.md");
    const nowMs = Math.round(env.clock.nowMs());
    const empty = { From: "", To: "", Bundle: "", Reason: "", Restore: false, Before: "" };
    const rollout: Rollout = {
      Source: wish.Source,
      Window: wish.Window,
      Older: wish.Older,
      State: "running",
      Reason: "",
      StartedAt: nowMs,
      EndedAt: 0,
      Nodes: chosen.map(({ id, name }) => ({ NodeID: id, Name: name, State: "waiting", Since: nowMs, ...empty })),
    };
    return (await this.#write(rollout, before))
      ? succeed(rollout)
      : fail("rollout_runs", "somebody else began an update just now", "`lares os rollout` shows it");
  }

  /** No further node is begun; one that is on its way ends by itself. Fails with `no_rollout`. */
  async stop(): Promise<Result<Rollout>> {
    return this.#serially(async () => {
      const row = this.current();
      if (row?.value.State !== "running") return fail("no_rollout", "no update of the cluster runs");
      const draining = row.value.Nodes.find(({ State }) => State === "draining");
      if (draining !== undefined) await this.#deps.ports.restore(draining.NodeID, draining.Restore);
      const stopped = this.#ended(row.value, "stopped", "somebody stopped it");
      return (await this.#write(stopped, row))
        ? succeed(stopped)
        : fail("no_rollout", "it changed just now", "try again");
    });
  }

  #arm(afterMs: number): void {
    if (!this.#leads || this.current()?.value.State !== "running") return;
    if (this.#timer !== undefined && afterMs > 0) return;
    this.#timer?.cancel();
    this.#timer = this.#deps.env.clock.after(afterMs, () => {
      this.#timer = undefined;
      void this.#serially(() => this.#step())
        .catch((thrown: unknown) => this.#deps.env.log.error("update of the cluster", { error: messageOf(thrown) }))
        .finally(() => this.#arm(PAUSE_MS));
    });
  }

  #serially<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#working.then(work);
    this.#working = next.catch(() => {});
    return next;
  }

  async #step(): Promise<void> {
    const row = this.current();
    if (!this.#leads || row?.value.State !== "running") return;
    const { env, ports } = this.#deps;
    const nowMs = env.clock.nowMs();
    const window = parseWindow(row.value.Window);
    const isInWindow = !window.ok || window.value.contains(nowMs);
    const step = nextStep(row.value, { ...ports.facts(), nowMs, isInWindow });
    const after = await this.#carryOut(row.value, step);
    if (after !== row.value) await this.#write(after, row);
  }

  /** @returns the update as it stands afterwards; the same object: nothing is to be noted */
  async #carryOut(rollout: Rollout, step: RolloutStep): Promise<Rollout> {
    switch (step.kind) {
      case "finish":
        return this.#ended(rollout, "done", "");
      case "wait": {
        const { reason } = step;
        if (step.node === undefined || step.node.Reason === reason) return rollout;
        const { State, Since } = step.node;
        // Of one that waits: since when for this.
        const since = State === "waiting" ? Math.round(this.#deps.env.clock.nowMs()) : Since;
        return withNode(rollout, { ...step.node, Reason: reason, Since: since });
      }
      case "skip":
        return withNode(rollout, { ...this.#moved(step.node, "skipped"), Reason: step.reason });
      case "fail":
        return this.#failed(rollout, step.node, step.reason);
      case "begin":
      case "order":
      case "watch":
        return this.#withNode(rollout, step);
      default:
        return step satisfies never;
    }
  }

  async #withNode(
    rollout: Rollout,
    step: Extract<RolloutStep, { kind: "begin" | "order" | "watch" }>,
  ): Promise<Rollout> {
    const { node } = step;
    try {
      if (step.kind === "begin") return await this.#begin(rollout, step);
      if (step.kind === "order") {
        await this.#deps.ports.order(node.NodeID, { Source: node.Bundle, Older: rollout.Older });
        return withNode(rollout, this.#moved(node, "updating"));
      }
      const seen = judge(node, await this.#deps.ports.state(node.NodeID));
      if (seen.kind === "failed") return await this.#failed(rollout, node, seen.reason);
      if (seen.kind === "pending") return rollout;
      await this.#deps.ports.restore(node.NodeID, node.Restore);
      return withNode(rollout, this.#moved(node, "updated"));
    } catch (thrown) {
      const reason = messageOf(thrown);
      if (thrown instanceof CodedError && thrown.code === REFUSED) return this.#failed(rollout, node, reason);
      // It restarts, or the network is away; the time it may take is limited once it was told.
      if (step.kind === "watch" || node.Reason === reason) return rollout;
      return withNode(rollout, { ...node, Reason: reason });
    }
  }

  async #begin(rollout: Rollout, { node, drains, restore }: Extract<RolloutStep, { kind: "begin" }>): Promise<Rollout> {
    const { ports } = this.#deps;
    const { Version, Running, Bundle } = await ports.offered(node.NodeID, rollout);
    const known = { ...node, From: Running, To: Version, Bundle, Restore: restore };
    if (Version === Running)
      return withNode(rollout, { ...this.#moved(known, "skipped"), Reason: `it runs ${Version} already` });
    const { Update } = await ports.state(node.NodeID);
    if (drains) await ports.drain(node.NodeID);
    return withNode(rollout, { ...this.#moved(known, "draining"), Before: Update?.At ?? "" });
  }

  /** The first failure ends it: what broke one node would break the next. */
  async #failed(rollout: Rollout, node: NodeUpdate, reason: string): Promise<Rollout> {
    const { env, ports } = this.#deps;
    env.log.error("update of the cluster failed", { node: node.Name, reason });
    if (node.State !== "waiting")
      await ports.restore(node.NodeID, node.Restore).catch((thrown: unknown) => {
        env.log.warn("a node stays drained", { node: node.Name, error: messageOf(thrown) });
      });
    const failed = withNode(rollout, { ...this.#moved(node, "failed"), Reason: reason });
    return this.#ended(failed, "failed", `${node.Name}: ${reason}`);
  }

  #moved(node: NodeUpdate, State: NodeUpdate["State"]): NodeUpdate {
    this.#deps.env.log.info("update of the cluster", { node: node.Name, state: State, to: node.To });
    return { ...node, State, Since: Math.round(this.#deps.env.clock.nowMs()), Reason: "" };
  }

  #ended(rollout: Rollout, State: Rollout["State"], Reason: string): Rollout {
    return { ...rollout, State, Reason, EndedAt: Math.round(this.#deps.env.clock.nowMs()) };
  }

  /** @returns whether nobody else changed it meanwhile */
  async #write(rollout: Rollout, before: Row<Rollout> | undefined): Promise<boolean> {
    const { store, view } = this.#deps;
    const at = { namespace: GLOBAL, id: CURRENT };
    const compare = [before === undefined ? absent(rollouts, GLOBAL, CURRENT) : unchanged(rollouts, before)];
    const { ok, revision } = await store.txn({ compare, then: [put(rollouts, at, rollout)] });
    await view.reached(revision);
    return ok;
  }
}

function withNode(rollout: Rollout, node: NodeUpdate): Rollout {
  return { ...rollout, Nodes: rollout.Nodes.map((each) => (each.NodeID === node.NodeID ? node : each)) };
}
