import type { Address } from "#base/env/net.ts";
import { encodeStreamMessage } from "../codec/encode.ts";
import { MAX_MEMBERS, MAX_STREAMS } from "../codec/limits.ts";
import type { RemoteMember, StreamMessage } from "../codec/message.ts";
import { NO_BYTES } from "../codec/message.ts";
import type { GossipMember, MemberState } from "../member.ts";
import { takeDead, takeSuspect } from "./accuse.ts";
import { takeAlive } from "./alive.ts";
import type { Core } from "./core.ts";
import { addressOf } from "./delivery.ts";
import { hostOf } from "./host-address.ts";
import { isGone } from "./member-table.ts";
import { checkVersions } from "./versions.ts";

/** In the order of the wire. */
const STATES: readonly MemberState[] = ["alive", "suspect", "dead", "left"];
/** Up to this many members the interval stays as it is. */
const UNSCALED_MEMBERS = 32;

/** Exchanges everything with one member now and then: what gossip lost is found again. */
export function planPushPull(core: Core): void {
  const { pushPullIntervalMs } = core.settings;
  if (pushPullIntervalMs <= 0) return;
  core.after(core.random.float() * pushPullIntervalMs, () => exchange(core));
}

function exchange(core: Core): void {
  core.after(scaled(core.settings.pushPullIntervalMs, core.table.size), () => exchange(core));
  const [peer] = core.table.pick(1, (record) => record.state === "alive" && record.name !== core.name);
  if (peer === undefined || core.leaving) return;
  callPeer(core, { to: addressOf(peer), join: false, done: () => {} });
}

/** Sends all state to an address and merges what it answers. `done` gets a reason when that failed. */
export function callPeer(
  core: Core,
  { to, join, done }: { to: Address; join: boolean; done: (failure: string | undefined) => void },
): void {
  if (core.calls.size >= MAX_STREAMS) {
    core.drop("too many calls");
    done("too many exchanges at a time");
    return;
  }
  const call = core.nextCall();
  core.calls.set(call, {
    onAnswer: (message) => {
      if (message?.kind === "error") done(`it answered: ${message.text}`);
      else if (message?.kind === "push-pull") done(merge(core, message, join));
      else done("it answered with something else");
    },
    onFailed: done,
  });
  const bytes = core.options.wire.wrapStream(localState(core, join), "call");
  core.outputs.push({ kind: "call", call, to, bytes, answer: true, timeoutMs: core.settings.streamTimeoutMs });
}

/** Answers an exchange that another began. */
export function takePushPull(core: Core, stream: number, message: StreamMessage & { kind: "push-pull" }): void {
  const bytes = core.options.wire.wrapStream(localState(core, message.join), "reply");
  core.outputs.push({ kind: "reply", stream, bytes });
  if (merge(core, message, message.join) !== undefined) core.drop("state cannot be merged");
}

function localState(core: Core, join: boolean): Uint8Array {
  const members = core.table
    .all()
    .slice(0, MAX_MEMBERS)
    .map((record): RemoteMember => {
      const { name, address, port, meta, incarnation, versions } = record;
      return { name, address, port, meta, incarnation, versions, state: STATES.indexOf(record.state) };
    });
  const userState = core.consult(() => core.delegate.localState(join), NO_BYTES);
  return encodeStreamMessage({ kind: "push-pull", join, members, userState }, core.writer);
}

/** The reason why nothing was merged, or undefined. */
function merge(core: Core, message: StreamMessage & { kind: "push-pull" }, join: boolean): string | undefined {
  const { members, userState } = message;
  const clash = checkVersions([
    ...members.filter((member) => member.state === 0),
    ...core.table.all().filter((record) => !isGone(record)),
  ]);
  if (clash !== undefined) return clash;
  if (join) {
    const theirs = members.map(memberOf);
    const refused = core.consult(() => core.delegate.refuseMerge?.(theirs), undefined);
    if (refused !== undefined) return refused;
  }
  for (const member of members) mergeMember(core, member);
  if (userState.length > 0) core.consult(() => core.delegate.mergeRemoteState(userState, join), undefined);
  return undefined;
}

function mergeMember(core: Core, member: RemoteMember): void {
  const { name: node, incarnation } = member;
  switch (STATES[member.state]) {
    case "alive": {
      const { address, port, meta, versions } = member;
      if (hostOf(address) === "") return core.drop("address of neither 4 nor 16 bytes");
      takeAlive(core, { kind: "alive", node, incarnation, address, port, meta, versions });
      return;
    }
    case "left":
      takeDead(core, { kind: "dead", node, incarnation, from: node });
      return;
    case "suspect":
    case "dead":
      // What another holds for dead is only suspect here, so that it has the time to object.
      takeSuspect(core, { kind: "suspect", node, incarnation, from: core.name });
      return;
    case undefined:
      core.drop("unknown state of a member");
  }
}

function memberOf(member: RemoteMember): GossipMember {
  const { name, address, port, meta, incarnation, versions } = member;
  const state = STATES[member.state] ?? "dead";
  return { name, address, host: hostOf(address), port, meta, state, incarnation, versions };
}

function scaled(intervalMs: number, members: number): number {
  if (members <= UNSCALED_MEMBERS) return intervalMs;
  return intervalMs * (Math.ceil(Math.log2(members) - Math.log2(UNSCALED_MEMBERS)) + 1);
}
