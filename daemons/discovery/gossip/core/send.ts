import { fail, succeed, type Result } from "#base/env/errors.ts";
import type { Address } from "#base/env/net.ts";
import { encodeStreamMessage } from "../codec/encode.ts";
import { MAX_PENDING_ACKS, MAX_STREAM_BYTES, MAX_STREAMS } from "../codec/limits.ts";
import { MAX_USER_DATAGRAM, type GossipTarget } from "../gossip.ts";
import type { Core } from "./core.ts";
import { addressOf, sendMessage } from "./delivery.ts";
import { pingTo } from "./probe.ts";

/** Messages of the layer above to one member: by datagram or over a stream, and a ping whenever it likes. */
export function sendUser(core: Core, to: GossipTarget, body: Uint8Array): Result<undefined> {
  const found = resolve(core, to);
  if (!found.ok) return found;
  if (body.length > MAX_USER_DATAGRAM) {
    return fail("TOO_LONG", `a message of ${body.length} bytes does not fit in a datagram of ${MAX_USER_DATAGRAM}`);
  }
  sendMessage(core, found.value.address, { kind: "user", body });
  return succeed(undefined);
}

export function sendUserStream(
  core: Core,
  { to, body, command }: { to: GossipTarget; body: Uint8Array; command: number },
): void {
  const finish = (result: Result<undefined>): void => void core.outputs.push({ kind: "done", command, result });
  const found = resolve(core, to);
  if (!found.ok) return finish(found);
  if (body.length > MAX_STREAM_BYTES / 2)
    return finish(fail("TOO_LONG", `a message of ${body.length} bytes is too long`));
  if (core.calls.size >= MAX_STREAMS) return finish(fail("BUSY", "too many streams are open"));
  const call = core.nextCall();
  core.calls.set(call, {
    onAnswer: () => finish(succeed(undefined)),
    onFailed: (why) => finish(fail("SEND_FAILED", `the message could not be sent: ${why}`)),
  });
  const bytes = core.options.wire.wrapStream(encodeStreamMessage({ kind: "user", body }, core.writer), "call");
  const timeoutMs = core.settings.streamTimeoutMs;
  core.outputs.push({ kind: "call", call, to: found.value.address, bytes, answer: false, timeoutMs });
}

export function pingNow(core: Core, to: GossipTarget, command: number): void {
  const found = resolve(core, to);
  if (!found.ok) return void core.outputs.push({ kind: "done", command, result: found });
  if (core.acks.size >= MAX_PENDING_ACKS) {
    const result = fail("BUSY", "too many probes wait for an answer");
    return void core.outputs.push({ kind: "done", command, result });
  }
  const sequence = core.nextSequence();
  const sentMs = core.nowMs;
  const timer = core.after(core.settings.probeTimeoutMs, () => {
    core.acks.delete(sequence);
    const result = fail("NO_ANSWER", `no answer within ${core.settings.probeTimeoutMs} ms`);
    core.outputs.push({ kind: "done", command, result });
  });
  core.acks.set(sequence, {
    onAck: (payload) => {
      timer.cancelled = true;
      core.acks.delete(sequence);
      const result = succeed({ rttMs: core.nowMs - sentMs, payload });
      core.outputs.push({ kind: "done", command, result });
    },
    onNack: () => {},
    timer,
  });
  sendMessage(core, found.value.address, pingTo(core, found.value.name, sequence));
}

function resolve(core: Core, to: GossipTarget): Result<{ readonly address: Address; readonly name: string }> {
  if (typeof to !== "string") return succeed({ address: { host: to.host, port: to.port }, name: to.name ?? "" });
  const record = core.table.get(to);
  if (record === undefined) return fail("UNKNOWN_MEMBER", `there is no member '${to}'`);
  return succeed({ address: addressOf(record), name: to });
}
