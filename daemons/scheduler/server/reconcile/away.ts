import type { TaskGroup } from "#base/protocol/job.ts";
import { clientStatus, unknownSince, type KnownAlloc } from "../alloc-state.ts";
import { rescheduleVerdict } from "./reschedule.ts";
import type { Situation } from "./situation.ts";

export type AwayVerdict =
  /** Given up; its place is free. */
  | { readonly kind: "lost" }
  /** Given up, and another runs in its place already. */
  | { readonly kind: "superseded" }
  | {
      readonly kind: "away";
      /** Its status is not `unknown` yet. */
      readonly mark: boolean;
      /** Given up then; undefined: never. */
      readonly untilNs: number | undefined;
      /** Another is to run in its place meanwhile. */
      readonly replace: boolean;
      /** One does already: its place is filled without it. */
      readonly replaced: boolean;
    };

/**
 * What becomes of a live allocation whose node is out of reach.
 * https://developer.hashicorp.com/nomad/docs/job-specification/disconnect
 */
export function awayVerdict(situation: Situation, known: KnownAlloc, group: TaskGroup): AwayVerdict {
  const { alloc } = known;
  const fate = situation.fateOf(alloc.NodeID);
  const since = unknownSince(alloc);
  const replaced = alloc.NextAllocation !== "";
  const lost: AwayVerdict = replaced ? { kind: "superseded" } : { kind: "lost" };
  const own = situation.versionOf(known)?.TaskGroups.find(({ Name }) => Name === alloc.TaskGroup) ?? group;
  const strategy = own.Disconnect;
  // What its client never began may not be there at all.
  const began = since !== undefined || clientStatus(known) === "running";
  // What is drained is to go, whether its node answers or not.
  if (strategy === null || fate === "gone" || !began || alloc.DesiredTransition.Migrate) return lost;
  const windowNs = patience(strategy);
  if (windowNs === 0) return lost;
  const untilNs = Number.isFinite(windowNs) ? (since ?? situation.nowNs) + windowNs : undefined;
  if (untilNs !== undefined && untilNs <= situation.nowNs) return lost;
  const mayReplace = (strategy.LostAfter ?? 0) > 0 && strategy.Replace !== false && !replaced;
  const replace = mayReplace && rescheduleVerdict(known, own.ReschedulePolicy, situation.nowNs).kind !== "never";
  return { kind: "away", mark: since === undefined, untilNs, replace, replaced };
}

/** How long it is waited for, in nanoseconds: 0 not at all, Infinity for ever. */
function patience(strategy: NonNullable<TaskGroup["Disconnect"]>): number {
  if (strategy.Replace === false) return Number.POSITIVE_INFINITY;
  return (strategy.LostAfter ?? 0) > 0 ? (strategy.LostAfter ?? 0) : (strategy.StopOnClientAfter ?? 0);
}

/** Its node is back, and its client has spoken of it since. */
export function isBack({ alloc, report }: KnownAlloc): boolean {
  const since = unknownSince(alloc);
  return since !== undefined && report?.UnknownSince === since;
}
