import type { Alive } from "../codec/message.ts";
import { MAX_MEMBERS } from "../codec/limits.ts";
import type { GossipMember } from "../member.ts";
import type { Core } from "./core.ts";
import { broadcast } from "./gossip-round.ts";
import { hostOf, sameAddress } from "./host-address.ts";
import { isGone, newRecord, show, type MemberRecord } from "./member-table.ts";
import { refute } from "./refute.ts";
import { endSuspicion } from "./accuse.ts";

/** `own`: this node speaks of itself, so nothing has to be contradicted. `done`: when the word is out. */
export interface AliveOptions {
  readonly own?: boolean;
  readonly done?: () => void;
}

/** Takes in what a node says of itself (SWIM §4.2: alive overrides suspect and dead of a lower incarnation). */
export function takeAlive(core: Core, alive: Alive, { own = false, done }: AliveOptions = {}): void {
  const isSelf = alive.node === core.name;
  if (isSelf && core.leaving) return;
  const known = core.table.get(alive.node);
  const moved = known !== undefined && !(known.port === alive.port && sameAddress(known.address, alive.address));
  if (known !== undefined && !moved && isOld(alive, known, isSelf)) return;
  if (!versionsAreSound(alive.versions)) return core.drop("impossible versions");
  const refused = core.consult(() => core.delegate.refuseMember?.(memberOf(alive)), undefined);
  if (refused !== undefined) return core.drop("refused by the layer above");
  if (moved && !mayMove(core, known)) {
    core.drop("name taken from another address");
    core.consult(() => core.delegate.onConflict(show(known), memberOf(alive)), undefined);
    return;
  }
  if (isSelf && !own) {
    contradictOwn(core, alive);
    return;
  }
  const record = known ?? admit(core, alive);
  if (record === undefined) return core.drop("member table is full");
  endSuspicion(record);
  broadcast(core, alive, done);
  update(core, record, alive);
}

function isOld(alive: Alive, known: MemberRecord, isSelf: boolean): boolean {
  return isSelf ? alive.incarnation < known.incarnation : alive.incarnation <= known.incarnation;
}

/** A name is free for another address once its node left, or has been dead for long enough. */
function mayMove(core: Core, known: MemberRecord): boolean {
  if (known.state === "left") return true;
  const { deadReclaimMs } = core.settings;
  return known.state === "dead" && deadReclaimMs > 0 && core.nowMs - known.changedMs > deadReclaimMs;
}

/** Somebody repeats what this node said in an earlier life: only the newest word may stand. */
function contradictOwn(core: Core, alive: Alive): void {
  const self = core.self;
  if (self === undefined) return;
  const same = alive.incarnation === self.incarnation && equal(alive.meta, self.meta);
  if (!same || !equal(alive.versions, self.versions)) refute(core, self, alive.incarnation);
}

function admit(core: Core, alive: Alive): MemberRecord | undefined {
  if (core.table.size >= MAX_MEMBERS) return undefined;
  const record = newRecord({ name: alive.node, address: alive.address, port: alive.port, nowMs: core.nowMs });
  core.table.insert(record);
  return record;
}

function update(core: Core, record: MemberRecord, alive: Alive): void {
  const wasGone = isGone(record);
  const newMeta = !equal(record.meta, alive.meta);
  if (!equal(record.address, alive.address)) {
    record.address = alive.address;
    record.host = hostOf(alive.address);
  }
  record.port = alive.port;
  if (newMeta) record.meta = alive.meta;
  if (!equal(record.versions, alive.versions)) record.versions = alive.versions;
  record.incarnation = alive.incarnation;
  if (record.state !== "alive") {
    record.state = "alive";
    record.changedMs = core.nowMs;
  }
  record.shown = undefined;
  if (wasGone) core.consult(() => core.delegate.onMember({ kind: "join", member: show(record) }), undefined);
  else if (newMeta) core.consult(() => core.delegate.onMember({ kind: "update", member: show(record) }), undefined);
}

function memberOf(alive: Alive): GossipMember {
  const { node: name, address, port, meta, incarnation, versions } = alive;
  return { name, address, host: hostOf(address), port, meta, state: "alive", incarnation, versions };
}

/** Older peers send none; what is sent must make sense. */
function versionsAreSound(versions: Uint8Array): boolean {
  const [lowest = 1, highest = 1] = versions;
  return versions.length < 3 || (lowest > 0 && highest > 0 && lowest <= highest);
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
