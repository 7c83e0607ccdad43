import { sleep } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import { messageOf } from "#base/env/errors.ts";
import type { Node } from "#base/protocol/node.ts";
import type { HeartbeatReply, ServerLink } from "../link.ts";
import { backoffMs } from "./backoff.ts";

export interface Registration {
  /** Resolves when the servers first knew this node. */
  readonly registered: Promise<void>;
  /** Says anew what this node is. */
  changed(): void;
  close(): void;
}

/** Share of the time to live after which the next heartbeat goes out. */
const BEAT_SHARE = 0.5;

/** Registers this node, then keeps saying that it lives. A server that forgot the node is told again. */
export function keepRegistered(
  env: Env,
  link: ServerLink,
  of: { readonly node: () => Node; readonly contact: { heard(): void; missed(): void } },
): Registration {
  const { node, contact } = of;
  const closing = new AbortController();
  let wake = new AbortController();
  let dirty = true;
  let known: () => void = () => {};
  const registered = new Promise<void>((resolve) => {
    known = resolve;
  });

  const beat = async (): Promise<HeartbeatReply> => {
    if (!dirty) {
      const reply = await link.heartbeat(node().ID);
      if (reply.status !== "initializing") return reply;
    }
    dirty = false;
    try {
      return await link.register(node());
    } catch (thrown) {
      dirty = true;
      throw thrown;
    }
  };

  const run = async (): Promise<void> => {
    for (let failures = 0; !closing.signal.aborted;) {
      let pauseMs: number;
      try {
        const reply = await beat();
        contact.heard();
        known();
        failures = 0;
        pauseMs = reply.ttlMs * BEAT_SHARE;
      } catch (thrown) {
        failures += 1;
        contact.missed();
        pauseMs = backoffMs(failures, env.random);
        env.log.warn("cannot reach a server; this node's tasks run on", { error: messageOf(thrown) });
      }
      wake = new AbortController();
      if (!closing.signal.aborted && !dirty) await sleep(env.clock, pauseMs, wake.signal);
      else if (dirty) await sleep(env.clock, pauseMs, closing.signal);
    }
  };
  void run();

  return {
    registered,
    changed() {
      dirty = true;
      wake.abort();
    },
    close() {
      closing.abort();
      wake.abort();
    },
  };
}
