import type { Address } from "#base/env/net.ts";
import { MAX_PENDING_ACKS } from "../codec/limits.ts";
import { NO_BYTES, type IndirectPing, type Ping, type Source } from "../codec/message.ts";
import type { Core } from "./core.ts";
import { sendMessage } from "./delivery.ts";
import { hostOf } from "./host-address.ts";
import { pingTo } from "./probe.ts";

/** Answers a probe. A ping for somebody else reached an address that changed hands: no answer is the right answer. */
export function takePing(core: Core, ping: Ping, from: Address): void {
  if (ping.node !== "" && ping.node !== core.name) return core.drop("ping for another name");
  const payload = core.consult(() => core.delegate.ackPayload(), NO_BYTES);
  sendMessage(core, answerTo(ping, from), { kind: "ack", sequence: ping.sequence, payload });
}

/** Probes on behalf of another member, and tells it the answer, or that there was none (Lifeguard). */
export function takeIndirectPing(core: Core, asked: IndirectPing, from: Address): void {
  if (core.acks.size >= MAX_PENDING_ACKS) return core.drop("too many probes wait");
  const sequence = core.nextSequence();
  const asker = answerTo(asked, from);
  const timer = core.after(core.settings.probeTimeoutMs, () => {
    core.acks.delete(sequence);
    if (asked.nack) sendMessage(core, asker, { kind: "nack", sequence: asked.sequence });
  });
  core.acks.set(sequence, {
    onAck: () => {
      timer.cancelled = true;
      core.acks.delete(sequence);
      sendMessage(core, asker, { kind: "ack", sequence: asked.sequence, payload: NO_BYTES });
    },
    onNack: () => {},
    timer,
  });
  sendMessage(core, { host: hostOf(asked.target), port: asked.port }, pingTo(core, asked.node, sequence));
}

function answerTo(source: Source, from: Address): Address {
  const host = hostOf(source.sourceAddress);
  return host === "" || source.sourcePort === 0 ? from : { host, port: source.sourcePort };
}
