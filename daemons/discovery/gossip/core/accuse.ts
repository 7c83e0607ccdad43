import type { Dead, Suspect } from "../codec/message.ts";
import type { Core } from "./core.ts";
import { broadcast } from "./gossip-round.ts";
import { isGone, show, type MemberRecord } from "./member-table.ts";
import { refute } from "./refute.ts";
import { Suspicion } from "./suspicion.ts";

/** Takes in that `from` got no answer from a member: it is given some time to contradict (SWIM §4.2). */
export function takeSuspect(core: Core, suspect: Suspect): void {
  const record = core.table.get(suspect.node);
  if (record === undefined || suspect.incarnation < record.incarnation) return;
  if (record.suspicion !== undefined) {
    if (!record.suspicion.confirm(suspect.from)) return;
    broadcast(core, suspect);
    planEnd(core, record, record.suspicion);
    return;
  }
  if (record.state !== "alive") return;
  if (record.name === core.name) {
    refute(core, record, suspect.incarnation);
    return;
  }
  broadcast(core, suspect);
  core.counts.suspicions += 1;
  record.incarnation = suspect.incarnation;
  record.state = "suspect";
  record.changedMs = core.nowMs;
  record.shown = undefined;
  const { settings, nowMs, table } = core;
  record.suspicion = new Suspicion(settings, { members: table.size, from: suspect.from, nowMs });
  planEnd(core, record, record.suspicion);
}

/** Takes in that a member failed, or says itself that it leaves. `done`: when the word is out. */
export function takeDead(core: Core, dead: Dead, done?: () => void): void {
  const record = core.table.get(dead.node);
  if (record === undefined || dead.incarnation < record.incarnation || isGone(record)) return;
  if (record.name === core.name && !core.leaving) {
    refute(core, record, dead.incarnation);
    return;
  }
  endSuspicion(record);
  broadcast(core, dead, done);
  record.incarnation = dead.incarnation;
  record.state = dead.from === dead.node ? "left" : "dead";
  record.changedMs = core.nowMs;
  record.shown = undefined;
  core.consult(() => core.delegate.onMember({ kind: "leave", member: show(record) }), undefined);
}

export function endSuspicion(record: MemberRecord): void {
  if (record.suspicionTimer !== undefined) record.suspicionTimer.cancelled = true;
  record.suspicionTimer = undefined;
  record.suspicion = undefined;
}

function planEnd(core: Core, record: MemberRecord, suspicion: Suspicion): void {
  if (record.suspicionTimer !== undefined) record.suspicionTimer.cancelled = true;
  record.suspicionTimer = core.timers.at(Math.max(core.nowMs, suspicion.endsMs), () => {
    if (record.suspicion !== suspicion) return;
    const { incarnation, name } = record;
    core.options.log.info("member failed", { member: name });
    takeDead(core, { kind: "dead", incarnation, node: name, from: core.name });
  });
}
