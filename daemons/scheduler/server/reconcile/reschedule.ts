import type { ReschedulePolicy } from "#base/protocol/policies.ts";
import type { KnownAlloc } from "../alloc-state.ts";

export type RescheduleVerdict =
  | { readonly kind: "never" }
  | { readonly kind: "now" }
  | { readonly kind: "later"; readonly atNs: number };

const NEVER: RescheduleVerdict = { kind: "never" };
/** A policy may grow its delay for ever; doubling stops here. */
const MAX_GROWTH = 50;

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

/** The pause before the next attempt, by how many there were before. */
export function rescheduleDelay(known: KnownAlloc, policy: ReschedulePolicy): number {
  const base = policy.Delay ?? 0;
  const most = policy.MaxDelay ?? 0;
  const attempt = Math.min(eventsOf(known).length, MAX_GROWTH);
  const delay = base * growth(policy.DelayFunction ?? "constant", attempt);
  return most > 0 && delay > most ? most : delay;
}

/** When its last task ended, or the client's last word where no task ever started. */
export function failureTime({ alloc, report }: KnownAlloc): number {
  const ends = Object.values(report?.TaskStates ?? {}).map((state) => state.FinishedAt);
  const last = Math.max(0, ...ends);
  return last > 0 ? last : (report?.ModifyTime ?? alloc.ModifyTime);
}

function eventsOf({ alloc }: KnownAlloc): readonly { readonly RescheduleTime: number }[] {
  return alloc.RescheduleTracker?.Events ?? [];
}

function growth(name: string, attempt: number): number {
  switch (name) {
    case "exponential":
      return 2 ** attempt;
    case "fibonacci": {
      let [current, next] = [1, 1];
      for (let i = 0; i < attempt; i++) [current, next] = [next, current + next];
      return current;
    }
    default:
      return 1;
  }
}
