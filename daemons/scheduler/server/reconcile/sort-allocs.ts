import type { Job, TaskGroup } from "#base/protocol/job.ts";
import { clientStatus, isClientTerminal, unknownSince, type KnownAlloc } from "../alloc-state.ts";
import { STRIDE, type Steps } from "../schedule/steps.ts";
import { awayVerdict, isBack, type AwayVerdict } from "./away.ts";
import { isActive, isCanarying } from "./standing.ts";
import { rescheduleVerdict } from "./reschedule.ts";
import type { Situation } from "./situation.ts";

/** Failed, and to be replaced at a time that has not come. */
export interface Waiting {
  readonly known: KnownAlloc;
  readonly atNs: number;
}

export interface Away {
  readonly known: KnownAlloc;
  readonly verdict: Extract<AwayVerdict, { readonly kind: "away" }>;
}

/** One group's allocations by what has to happen to them. */
export interface Buckets {
  // These fill one of the group's places each.
  readonly running: KnownAlloc[];
  readonly migrate: KnownAlloc[];
  /** Their node is gone. */
  readonly lost: KnownAlloc[];
  /** Failed, and to be replaced now. */
  readonly reschedule: KnownAlloc[];
  readonly later: Waiting[];
  /** Ended for good: batch work that is done, failures whose policy gives up. */
  readonly held: KnownAlloc[];
  /** Their node is out of reach; those that were replaced fill no place. */
  readonly away: Away[];
  // These fill none.
  /** Their node is back. */
  readonly back: KnownAlloc[];
  readonly canaries: KnownAlloc[];
  readonly failedCanaries: { readonly known: KnownAlloc; readonly atNs: number | undefined }[];
  /** Live without a right to be: of an earlier job, or a canary nobody promoted. */
  readonly stop: KnownAlloc[];
  /** Drained work that is not to be run again elsewhere; what it leaves is in `held`. */
  readonly drained: KnownAlloc[];
  /** Given up with their node, and not replaced for it. */
  readonly dropped: KnownAlloc[];
}

interface At {
  readonly situation: Situation;
  readonly job: Job;
  readonly group: TaskGroup;
  /** Failures of older versions that may have to come back. */
  readonly older: KnownAlloc[];
}

export function* sortAllocs(situation: Situation, job: Job, group: TaskGroup): Steps<Buckets> {
  const buckets: Buckets = {
    running: [],
    migrate: [],
    lost: [],
    reschedule: [],
    later: [],
    held: [],
    away: [],
    back: [],
    canaries: [],
    failedCanaries: [],
    stop: [],
    drained: [],
    dropped: [],
  };
  const at: At = { situation, job, group, older: [] };
  for (const [index, known] of situation.allocs.entries()) {
    if (index % STRIDE === 0) yield;
    const { alloc, createIndex } = known;
    if (alloc.TaskGroup !== group.Name) continue;
    if (alloc.DesiredStatus !== "run") {
      const drained = alloc.DesiredTransition.MigrateDisablePlacement && alloc.JobVersion === job.Version;
      if (drained && createIndex >= situation.jobCreateIndex) buckets.held.push(known);
    } else if (isClientTerminal(known)) sortEnded(buckets, known, at);
    else if (situation.fateOf(alloc.NodeID) !== "fine") sortAway(buckets, known, at);
    else sortLive(buckets, known, situation);
  }
  sortOlder(buckets, at);
  return buckets;
}

function sortLive(buckets: Buckets, known: KnownAlloc, situation: Situation): void {
  const { alloc, createIndex } = known;
  if (createIndex < situation.jobCreateIndex) buckets.stop.push(known);
  else if (alloc.DesiredTransition.MigrateDisablePlacement) buckets.drained.push(known);
  else if (alloc.Canary) sortCanary(buckets, known, situation);
  else if (unknownSince(alloc) !== undefined) sortUnknown(buckets, known);
  else if (alloc.DesiredTransition.Migrate) buckets.migrate.push(known);
  else buckets.running.push(known);
}

/** One that has to leave its node goes; canaries are counted anew then. */
function sortCanary(buckets: Buckets, known: KnownAlloc, situation: Situation): void {
  const { alloc } = known;
  const wanted = alloc.DeploymentID === activeDeploymentId(situation) && !alloc.DesiredTransition.Migrate;
  (wanted ? buckets.canaries : buckets.stop).push(known);
}

/** Its node is back; until its client said how it fared meanwhile, it stays as it is. */
function sortUnknown(buckets: Buckets, known: KnownAlloc): void {
  if (isBack(known)) buckets.back.push(known);
  else {
    const replaced = known.alloc.NextAllocation !== "";
    const verdict = { kind: "away", mark: false, untilNs: undefined, replace: false, replaced } as const;
    buckets.away.push({ known, verdict });
  }
}

function sortAway(buckets: Buckets, known: KnownAlloc, { situation, group }: At): void {
  const { alloc, createIndex } = known;
  const verdict = awayVerdict(situation, known, group);
  const old = createIndex < situation.jobCreateIndex;
  if (old || verdict.kind === "superseded" || alloc.Canary) buckets.dropped.push(known);
  else if (verdict.kind === "lost") buckets.lost.push(known);
  else buckets.away.push({ known, verdict });
}

/** While canaries wait, failures of the old version come back, unless something has their place by now. */
function sortOlder(buckets: Buckets, at: At): void {
  if (at.older.length === 0) return;
  const { running, migrate, lost, away } = buckets;
  const there = [...running, ...migrate, ...lost, ...away.map(({ known }) => known)];
  const taken = new Set(there.map(({ alloc }) => alloc.Name));
  for (const known of at.older.toSorted((a, b) => b.createIndex - a.createIndex)) {
    if (taken.has(known.alloc.Name)) continue;
    taken.add(known.alloc.Name);
    sortFailed(buckets, known, at);
  }
}

function sortEnded(buckets: Buckets, known: KnownAlloc, { situation, job, group, older }: At): void {
  const { alloc, createIndex } = known;
  // Replaced already, or of another job: its place is free.
  if (alloc.NextAllocation !== "" || createIndex < situation.jobCreateIndex) return;
  const status = clientStatus(known);
  if (alloc.JobVersion !== job.Version) {
    if (status === "failed" && isCanarying({ situation, group })) older.push(known);
    return;
  }
  if (alloc.Canary) {
    if (status === "failed") sortFailedCanary(buckets, known, { situation, group });
    return;
  }
  if (status === "complete") {
    if (job.Type === "batch") buckets.held.push(known);
    return;
  }
  if (status === "lost") {
    buckets.lost.push(known);
    return;
  }
  sortFailed(buckets, known, { situation, group });
}

function sortFailed(buckets: Buckets, known: KnownAlloc, { situation, group }: Pick<At, "situation" | "group">): void {
  const { alloc } = known;
  const { deployment } = situation;
  const forced = alloc.DesiredTransition.ForceReschedule;
  if (!forced && deployment?.Status === "failed" && alloc.DeploymentID === deployment.ID) {
    buckets.held.push(known);
    return;
  }
  const verdict = rescheduleVerdict(known, group.ReschedulePolicy, situation.nowNs);
  if (verdict.kind === "now") buckets.reschedule.push(known);
  else if (verdict.kind === "later") buckets.later.push({ known, atNs: verdict.atNs });
  else buckets.held.push(known);
}

/** While its deployment goes on, it is replaced by another canary when its time comes. */
function sortFailedCanary(
  buckets: Buckets,
  known: KnownAlloc,
  { situation, group }: Pick<At, "situation" | "group">,
): void {
  if (known.alloc.DeploymentID !== activeDeploymentId(situation)) return;
  const verdict = rescheduleVerdict(known, group.ReschedulePolicy, situation.nowNs);
  if (verdict.kind === "never") buckets.failedCanaries.push({ known, atNs: Number.POSITIVE_INFINITY });
  else buckets.failedCanaries.push({ known, atNs: verdict.kind === "now" ? undefined : verdict.atNs });
}

function activeDeploymentId({ deployment }: Situation): string {
  return deployment !== undefined && isActive(deployment.Status) ? deployment.ID : "-";
}
