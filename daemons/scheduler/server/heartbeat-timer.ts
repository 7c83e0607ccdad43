import type { Timer } from "#base/env/clock.ts";
import { messageOf } from "#base/env/errors.ts";
import { nodeStates } from "#base/state/tables.ts";
import type { Heartbeats } from "./heartbeat.ts";
import type { NodeEndpoint } from "./node-endpoint.ts";
import type { ServerContext } from "./server-context.ts";

/** A disconnected node is looked at again after this at the latest. */
const MAX_SLEEP_MS = 3_600_000;

export interface HeartbeatTimer {
  start(): void;
  stop(): void;
  /** A node is alive; returns the TTL to tell it, in milliseconds. */
  renew(nodeId: string): number;
  /** Others have lost a node: it is waited for no longer than for one that was heard of just now. */
  doubt(nodeId: string): void;
}

/** One timer for all nodes: it fires when the first of them is late. */
export function heartbeatTimer(
  context: ServerContext,
  parts: { heartbeats: Heartbeats; nodes: NodeEndpoint },
): HeartbeatTimer {
  const { clock, random, log } = context.env;
  const { heartbeats, nodes } = parts;
  let timer: Timer | undefined;
  let armedFor = Number.POSITIVE_INFINITY;
  let running = false;
  const arm = (): void => {
    const next = heartbeats.nextMs();
    if (!running || next === undefined || (timer !== undefined && armedFor <= next)) return;
    timer?.cancel();
    armedFor = next;
    timer = clock.after(Math.max(1, next - clock.monotonicMs()), fire);
  };
  const giveUp = async (nodeId: string): Promise<void> => {
    const againMs = await nodes.missed(nodeId);
    // It may have come back meanwhile.
    if (againMs === undefined || !running || heartbeats.has(nodeId)) return;
    heartbeats.awaitUntil(nodeId, clock.monotonicMs() + Math.min(againMs + 1, MAX_SLEEP_MS));
    arm();
  };
  const fire = (): void => {
    timer = undefined;
    armedFor = Number.POSITIVE_INFINITY;
    for (const nodeId of heartbeats.expired(clock.monotonicMs())) {
      log.warn("a node missed its heartbeat", { node: nodeId });
      giveUp(nodeId).catch((thrown: unknown) => {
        log.error("a node could not be marked down", { node: nodeId, reason: messageOf(thrown) });
        if (running) heartbeats.renew(nodeId, clock.monotonicMs(), 0);
      });
    }
    arm();
  };
  return {
    start(): void {
      running = true;
      for (const { id, value } of context.state.view.table(nodeStates).list()) {
        if (value.Status !== "down") heartbeats.awaitFirst(id, clock.monotonicMs());
      }
      arm();
    },
    stop(): void {
      running = false;
      timer?.cancel();
    },
    renew(nodeId: string): number {
      const ttlMs = heartbeats.renew(nodeId, clock.monotonicMs(), random.float());
      arm();
      return ttlMs;
    },
    doubt(nodeId: string): void {
      heartbeats.doubt(nodeId, clock.monotonicMs());
      arm();
    },
  };
}
