import type { ReschedulePolicy } from "#base/protocol/policies.ts";
import type { KnownAlloc } from "../alloc-state.ts";

export type RescheduleVerdict =
  | { readonly kind: "never" }
  | { readonly kind: "now" }
  | { readonly kind: "later"; readonly atNs: number };

const NEVER: RescheduleVerdict = { kind: "never" };
/** A policy may name no `max_delay`; nothing waits longer than this (a year). */
const LONGEST_NS = 365 * 86_400e9;

/**
 * When a failed allocation is to be replaced on another node.
 * https://developer.hashicorp.com/nomad/docs/job-specification/reschedule
 */
export function rescheduleVerdict(
  known: KnownAlloc,
  policy: ReschedulePolicy | null,
  nowNs: number,
): RescheduleVerdict {
  if (known.alloc.DesiredTransition.ForceReschedule) return { kind: "now" };
  const attempts = policy?.Attempts ?? 0;
  const unlimited = policy?.Unlimited ?? false;
  if (policy === null || (attempts <= 0 && !unlimited)) return NEVER;
  const failedAtNs = failureTime(known);
  if (!unlimited) {
    const since = failedAtNs - (policy.Interval ?? 0);
    const used = eventsOf(known).filter((event) => event.RescheduleTime > since).length;
    if (used >= attempts) return NEVER;
  }
  const atNs = failedAtNs + rescheduleDelay(known, policy);
  return atNs <= nowNs ? { kind: "now" } : { kind: "later", atNs };
}

/**
 * The pause before the next attempt, from the pauses before those so far. Once it is at its longest, an allocation that
 * ran for longer than that starts over with the first.
 */
export function rescheduleDelay(known: KnownAlloc, policy: ReschedulePolicy): number {
  const base = policy.Delay ?? 0;
  const events = eventsOf(known);
  const last = events.at(-1);
  if (last === undefined || (policy.DelayFunction ?? "constant") === "constant") return base;
  const most = (policy.MaxDelay ?? 0) > 0 ? (policy.MaxDelay ?? 0) : LONGEST_NS;
  const delay = Math.min(most, grown(policy.DelayFunction ?? "", { base, delays: events.map(({ Delay }) => Delay) }));
  return delay >= most && failureTime(known) - last.RescheduleTime > delay ? base : delay;
}

function grown(name: string, { base, delays }: { readonly base: number; readonly delays: readonly number[] }): number {
  const last = Math.max(base, delays.at(-1) ?? 0);
  if (name === "exponential") return last * 2;
  return name === "fibonacci" && delays.length > 1 ? last + Math.max(base, delays.at(-2) ?? 0) : base;
}

/** When its last task ended, or the client's last word where no task ever started. */
export function failureTime({ alloc, report }: KnownAlloc): number {
  const ends = Object.values(report?.TaskStates ?? {}).map((state) => state.FinishedAt);
  const last = Math.max(0, ...ends);
  return last > 0 ? last : (report?.ModifyTime ?? alloc.ModifyTime);
}

function eventsOf({ alloc }: KnownAlloc): readonly { readonly RescheduleTime: number; readonly Delay: number }[] {
  return alloc.RescheduleTracker?.Events ?? [];
}
