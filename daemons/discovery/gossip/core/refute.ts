import { MAX_INCARNATION } from "../codec/limits.ts";
import type { Alive } from "../codec/message.ts";
import type { Core } from "./core.ts";
import { broadcast } from "./gossip-round.ts";
import type { MemberRecord } from "./member-table.ts";

/**
 * Contradicts that this node is suspect or dead, with an incarnation above the accuser's (SWIM §4.2). That others could
 * not reach it says something about this node, so it trusts itself less (Lifeguard).
 */
export function refute(core: Core, self: MemberRecord, accused: number): void {
  core.incarnation = Math.min(MAX_INCARNATION, Math.max(core.incarnation, accused) + 1);
  self.incarnation = core.incarnation;
  self.shown = undefined;
  core.awareness.add(1);
  core.counts.refutations += 1;
  broadcast(core, announcement(self));
}

/** What a member of the table said of itself. */
export function announcement(record: MemberRecord): Alive {
  const { name: node, incarnation, address, port, meta, versions } = record;
  return { kind: "alive", incarnation, node, address, port, meta, versions };
}
