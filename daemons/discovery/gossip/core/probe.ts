import { encodeMessage, encodeStreamMessage } from "../codec/encode.ts";
import { MAX_PENDING_ACKS, MAX_STREAMS } from "../codec/limits.ts";
import { NO_BYTES, type Ping } from "../codec/message.ts";
import { takeSuspect } from "./accuse.ts";
import type { Core } from "./core.ts";
import { addressOf, sendEncoded, sendMessage } from "./delivery.ts";
import { isGone, show, type MemberRecord } from "./member-table.ts";

/** Peers from these versions on answer a ping over a stream, and say when they got no answer. */
const STREAM_PING_SINCE = 3;
const NACK_SINCE = 4;

/** Begins the rounds: one member per interval, the first after a random part of one. */
export function planProbes(core: Core): void {
  core.after(core.random.float() * core.settings.probeIntervalMs, () => tick(core));
}

function tick(core: Core): void {
  core.after(core.settings.probeIntervalMs, () => tick(core));
  if (core.probing) core.probeMissed = true;
  else probeNext(core);
}

function probeNext(core: Core): void {
  core.probeMissed = false;
  const longAgo = core.nowMs - core.settings.gossipToTheDeadMs;
  const target = core.table.nextToProbe(
    (record) => record.name !== core.name && !isGone(record),
    (record) => record.name !== core.name && isGone(record) && record.changedMs < longAgo,
  );
  if (target !== undefined) new Probe(core, target).begin();
}

/** One probe: a ping, then pings by others and over a stream, then suspicion (SWIM §3.1, §4.1). */
class Probe {
  readonly #core: Core;
  readonly #target: MemberRecord;
  readonly #sequence: number;
  readonly #sentMs: number;
  #expectedNacks = 0;
  #nacks = 0;
  #direct = true;
  #over = false;

  constructor(core: Core, target: MemberRecord) {
    this.#core = core;
    this.#target = target;
    this.#sequence = core.nextSequence();
    this.#sentMs = core.nowMs;
  }

  begin(): void {
    const core = this.#core;
    if (core.acks.size >= MAX_PENDING_ACKS) return core.drop("too many probes wait");
    core.probing = true;
    const timer = core.after(core.awareness.scale(core.settings.probeIntervalMs), () => this.#fail());
    core.acks.set(this.#sequence, {
      onAck: (payload) => this.#succeed(payload),
      onNack: () => void (this.#nacks += 1),
      timer,
    });
    this.#ping();
    core.after(core.settings.probeTimeoutMs, () => this.#askOthers());
  }

  #ping(): void {
    const [core, target] = [this.#core, this.#target];
    const ping = encodeMessage(pingTo(core, target.name, this.#sequence), core.writer);
    // Lifeguard's buddy system: a suspect hears of it with the very next probe and can contradict at once.
    const { incarnation, name: node } = target;
    const messages =
      target.state === "suspect" && core.settings.buddy
        ? [ping, encodeMessage({ kind: "suspect", incarnation, node, from: core.name }, core.writer)]
        : [ping];
    sendEncoded(core, addressOf(target), messages);
  }

  #askOthers(): void {
    if (this.#over) return;
    this.#direct = false;
    const [core, target, self] = [this.#core, this.#target, this.#core.self];
    const { settings } = core;
    if (self === undefined) return;
    const helpers = core.table.pick(
      settings.indirectProbes,
      (record) => record.state === "alive" && record.name !== core.name && record.name !== target.name,
    );
    for (const helper of helpers) {
      const nack = settings.nacks && (helper.versions[1] ?? 0) >= NACK_SINCE;
      if (nack) this.#expectedNacks += 1;
      sendMessage(core, addressOf(helper), {
        kind: "indirect-ping",
        sequence: this.#sequence,
        target: target.address,
        port: target.port,
        node: target.name,
        nack,
        ...sourceOf(core),
      });
    }
    if (settings.streamProbes && (target.versions[1] ?? 0) >= STREAM_PING_SINCE) this.#pingOverStream();
  }

  #pingOverStream(): void {
    const core = this.#core;
    if (core.calls.size >= MAX_STREAMS) return core.drop("too many calls");
    const left = core.awareness.scale(core.settings.probeIntervalMs) - (core.nowMs - this.#sentMs);
    // This machine stood still itself: the probe is over before an answer could come.
    if (left <= 0) return;
    const call = core.nextCall();
    core.calls.set(call, {
      onAnswer: (message) => {
        if (message?.kind !== "ack" || message.sequence !== this.#sequence || this.#over) return;
        core.options.log.debug("member answers over a stream but not by datagram", { member: this.#target.name });
        this.#succeed(message.payload);
      },
      onFailed: () => {},
    });
    const ping = encodeStreamMessage(pingTo(core, this.#target.name, this.#sequence), core.writer);
    const bytes = core.options.wire.wrapStream(ping, "call");
    core.outputs.push({ kind: "call", call, to: addressOf(this.#target), bytes, answer: true, timeoutMs: left });
  }

  #succeed(payload: Uint8Array): void {
    const core = this.#core;
    if (this.#over) return;
    if (this.#direct) {
      const rttMs = core.nowMs - this.#sentMs;
      core.consult(() => core.delegate.onPing(show(this.#target), rttMs, payload), undefined);
    }
    core.awareness.add(-1);
    this.#end();
  }

  #fail(): void {
    const [core, target] = [this.#core, this.#target];
    if (this.#over) return;
    // Helpers that said nothing at all speak for trouble on this side.
    if (this.#expectedNacks === 0) core.awareness.add(1);
    else core.awareness.add(Math.max(0, this.#expectedNacks - this.#nacks));
    const { incarnation, name: node } = target;
    takeSuspect(core, { kind: "suspect", incarnation, node, from: core.name });
    this.#end();
  }

  #end(): void {
    const core = this.#core;
    this.#over = true;
    const wait = core.acks.get(this.#sequence);
    if (wait !== undefined) wait.timer.cancelled = true;
    core.acks.delete(this.#sequence);
    core.probing = false;
    if (core.probeMissed) probeNext(core);
  }
}

/** With where to answer: the address a datagram comes from need not be the one that is announced. */
export function pingTo(core: Core, node: string, sequence: number): Ping {
  return { kind: "ping", sequence, node, ...sourceOf(core) };
}

function sourceOf(core: Core): { sourceAddress: Uint8Array; sourcePort: number; sourceNode: string } {
  const self = core.self;
  return { sourceAddress: self?.address ?? NO_BYTES, sourcePort: self?.port ?? 0, sourceNode: core.name };
}
