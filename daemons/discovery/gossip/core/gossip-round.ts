import type { Core } from "./core.ts";
import { addressOf, nextNews, roundBytes, sendPackets } from "./delivery.ts";
import { encodeMessage } from "../codec/encode.ts";
import type { Message } from "../codec/message.ts";

/** Queues news of a member for the coming rounds. */
export function broadcast(core: Core, message: Message & { readonly node: string }, done?: () => void): void {
  core.queue.push(message.node, encodeMessage(message, core.writer), done);
  planRound(core);
}

/**
 * Rounds run only while there is something to tell. The first one comes after a random part of the interval: nodes that
 * learn one thing together must not pass it on together.
 */
export function planRound(core: Core): void {
  if (core.roundPlanned) return;
  core.roundPlanned = true;
  core.after(core.random.float() * core.settings.gossipIntervalMs, () => runRound(core));
}

function runRound(core: Core): void {
  const { settings } = core;
  const peers = core.table.pick(settings.gossipNodes, (record) => {
    if (record.name === core.name || record.state === "left") return false;
    return record.state !== "dead" || core.nowMs - record.changedMs <= settings.gossipToTheDeadMs;
  });
  // With nobody there the news waits: whoever comes makes news, and that plans a round.
  let told = false;
  for (const peer of peers) {
    const messages = nextNews(core, roundBytes(core));
    if (messages.length === 0) break;
    sendPackets(core, { to: addressOf(peer), messages, peer });
    told = true;
  }
  core.roundPlanned = told;
  if (told) core.after(settings.gossipIntervalMs, () => runRound(core));
}
