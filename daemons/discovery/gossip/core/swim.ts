import { fail, succeed } from "#base/env/errors.ts";
import type { Address } from "#base/env/net.ts";
import { encodeStreamMessage } from "../codec/encode.ts";
import { MAX_MEMBERS } from "../codec/limits.ts";
import { NO_BYTES, type Message, type RemoteMember, type StreamMessage } from "../codec/message.ts";
import type { GossipStats } from "../gossip.ts";
import type { GossipMember } from "../member.ts";
import { takeDead, takeSuspect } from "./accuse.ts";
import { takeAlive } from "./alive.ts";
import { Core, type CoreOptions } from "./core.ts";
import { announceSelf, depart, updateSelf } from "./depart.ts";
import type { Command, Input, Output } from "./exchange.ts";
import { planRound } from "./gossip-round.ts";
import { isGone, newRecord, show } from "./member-table.ts";
import { planProbes } from "./probe.ts";
import { callPeer, planPushPull, takePushPull } from "./push-pull.ts";
import { takeIndirectPing, takePing } from "./relay-probe.ts";
import { pingNow, sendUser, sendUserStream } from "./send.ts";

/** One node of the protocol. */
export class Swim {
  readonly #core: Core;
  #depth = 0;

  constructor(options: CoreOptions) {
    this.#core = new Core(options);
  }

  /** When the next input of kind "due" is wanted, on the clock of `nowMs`. */
  get dueMs(): number | undefined {
    return this.#core.timers.dueMs;
  }

  /**
   * Takes one input in and answers with what is to be done. The delegate is called from in here and may call back: what
   * comes of that is in the answer of the outermost call.
   */
  step(input: Input, nowMs: number): readonly Output[] {
    const core = this.#core;
    core.nowMs = Math.max(core.nowMs, nowMs);
    this.#depth += 1;
    try {
      this.#take(input);
    } finally {
      this.#depth -= 1;
    }
    if (this.#depth > 0 || core.outputs.length === 0) return NOTHING;
    const { outputs } = core;
    core.outputs = [];
    return outputs;
  }

  members(): GossipMember[] {
    return this.#core.table
      .all()
      .filter((record) => !isGone(record))
      .map(show);
  }

  member(name: string): GossipMember | undefined {
    const record = this.#core.table.get(name);
    return record === undefined ? undefined : show(record);
  }

  get healthScore(): number {
    return this.#core.awareness.score;
  }

  stats(): GossipStats {
    const { counts, dropped, queue, table } = this.#core;
    return { ...counts, dropped: Object.fromEntries(dropped), queued: queue.size, members: table.size };
  }

  #take(input: Input): void {
    const core = this.#core;
    switch (input.kind) {
      case "start":
        announceSelf(core);
        for (const member of input.known ?? []) recall(core, member);
        planProbes(core);
        planPushPull(core);
        return;
      case "packet":
        core.counts.packetsIn += 1;
        core.counts.bytesIn += input.bytes.length;
        core.options.wire.openDatagram(
          input.bytes,
          (message) => takeMessage(core, message, input.from),
          (why) => core.drop(why),
        );
        return;
      case "stream":
        takeStream(core, input.stream, input.message);
        return;
      case "answer":
      case "call-failed": {
        const wait = core.calls.get(input.call);
        core.calls.delete(input.call);
        if (input.kind === "answer") wait?.onAnswer(input.message);
        else wait?.onFailed(input.why);
        return;
      }
      case "dropped":
        core.drop(input.why);
        return;
      case "due":
        for (let timer = core.timers.takeDue(core.nowMs); timer; timer = core.timers.takeDue(core.nowMs)) timer.run();
        return;
      case "command":
        takeCommand(core, input.command, input);
        return;
      default:
        input satisfies never;
    }
  }
}

const NOTHING: readonly Output[] = [];

function recall(core: Core, member: RemoteMember): void {
  if (core.table.get(member.name) !== undefined || core.table.size >= MAX_MEMBERS) return;
  const { name, address, port, meta, versions, incarnation } = member;
  const record = newRecord({ name, address, port, nowMs: core.nowMs });
  Object.assign(record, { meta, versions, incarnation, state: "alive" });
  core.table.insert(record);
}

function takeMessage(core: Core, message: Message, from: Address): void {
  switch (message.kind) {
    case "ping":
      takePing(core, message, from);
      return;
    case "indirect-ping":
      takeIndirectPing(core, message, from);
      return;
    case "ack":
      core.acks.get(message.sequence)?.onAck(message.payload);
      return;
    case "nack":
      core.acks.get(message.sequence)?.onNack();
      return;
    case "suspect":
      takeSuspect(core, message);
      return;
    case "alive":
      takeAlive(core, message);
      return;
    case "dead":
      takeDead(core, message);
      return;
    case "user":
      core.consult(() => core.delegate.onUserMessage(message.body), undefined);
      return;
    default:
      message satisfies never;
  }
}

function takeStream(core: Core, stream: number, message: StreamMessage): void {
  switch (message.kind) {
    case "push-pull":
      takePushPull(core, stream, message);
      return;
    case "user":
      core.consult(() => core.delegate.onUserMessage(message.body), undefined);
      return;
    case "ping": {
      if (message.node !== "" && message.node !== core.name) return core.drop("ping for another name");
      const payload = core.consult(() => core.delegate.ackPayload(), NO_BYTES);
      const ack = encodeStreamMessage({ kind: "ack", sequence: message.sequence, payload }, core.writer);
      core.outputs.push({ kind: "reply", stream, bytes: core.options.wire.wrapStream(ack, "reply") });
      return;
    }
    case "ack":
    case "error":
      core.drop("answer that nobody asked for");
      return;
    default:
      message satisfies never;
  }
}

function takeCommand(core: Core, command: number, asked: Command): void {
  switch (asked.ask) {
    case "join":
      callPeer(core, {
        to: asked.address,
        join: true,
        done: (failure) => {
          const where = `${asked.address.host}:${asked.address.port}`;
          const result =
            failure === undefined ? succeed(undefined) : fail("JOIN_FAILED", `cannot join ${where}: ${failure}`);
          core.outputs.push({ kind: "done", command, result });
        },
      });
      return;
    case "leave":
      depart(core, command, asked.timeoutMs);
      return;
    case "update":
      updateSelf(core, command, asked.timeoutMs);
      return;
    case "send":
      core.outputs.push({ kind: "done", command, result: sendUser(core, asked.to, asked.body) });
      return;
    case "send-stream":
      sendUserStream(core, { to: asked.to, body: asked.body, command });
      return;
    case "ping":
      pingNow(core, asked.to, command);
      return;
    case "kick":
      planRound(core);
      return;
    default:
      asked satisfies never;
  }
}
