import { sleep } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import { messageOf } from "#base/env/errors.ts";
import type { Node } from "#base/protocol/node.ts";
import type { HeartbeatReply, ServerLink } from "../link.ts";
import { backoffMs } from "./backoff.ts";
import type { NodeToken } from "./node-token.ts";

export interface Registration {
  /** Resolves when the servers first knew this node. */
  readonly registered: Promise<void>;
  /** Says anew what this node is. */
  changed(): void;
  close(): void;
}

/** Share of the time to live after which the next heartbeat goes out. */
const BEAT_SHARE = 0.5;

interface Speaker {
  readonly node: () => Node;
  readonly token: NodeToken;
}

/** Registers this node, then keeps saying that it lives. A server that forgot the node is told again. */
export function keepRegistered(
  env: Env,
  link: ServerLink,
  of: Speaker & { readonly contact: { heard(): void; missed(): void } },
): Registration {
  const { contact, token } = of;
  const closing = new AbortController();
  let wake = new AbortController();
  let dirty = true;
  let known: () => void = () => {};
  const registered = new Promise<void>((resolve) => (known = resolve));

  const beat = async (): Promise<HeartbeatReply> => {
    const isChanged = dirty;
    dirty = false;
    try {
      const reply = await say(link, of, isChanged);
      await token.keep(reply.identity);
      return reply;
    } catch (thrown) {
      dirty ||= isChanged;
      throw thrown;
    }
  };

  const run = async (): Promise<void> => {
    for (let failures = 0; !closing.signal.aborted;) {
      const reply = await told(env, beat, contact);
      if (reply !== undefined) known();
      failures = reply === undefined ? failures + 1 : 0;
      const pauseMs = reply === undefined ? backoffMs(failures, env.random) : reply.ttlMs * BEAT_SHARE;
      wake = new AbortController();
      if (closing.signal.aborted) return;
      if (!dirty) await sleep(env.clock, pauseMs, wake.signal);
      // What changed while it was told is told at once, unless nobody answers.
      else if (reply === undefined) await sleep(env.clock, pauseMs, closing.signal);
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

async function say(link: ServerLink, { node, token }: Speaker, isChanged: boolean): Promise<HeartbeatReply> {
  if (!isChanged) {
    const reply = await link.heartbeat(node().ID, token.proof(node()));
    if (reply.status !== "initializing") return reply;
  }
  return link.register(node(), token.proof(node()));
}

/** Undefined: nobody answered. */
async function told(
  { log }: Pick<Env, "log">,
  beat: () => Promise<HeartbeatReply>,
  contact: { heard(): void; missed(): void },
): Promise<HeartbeatReply | undefined> {
  try {
    const reply = await beat();
    contact.heard();
    return reply;
  } catch (thrown) {
    contact.missed();
    log.warn("cannot reach a server; this node's tasks run on", { error: messageOf(thrown) });
    return undefined;
  }
}
