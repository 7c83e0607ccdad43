import { sleep } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import type { Leadership } from "#base/state/leadership/leadership.ts";
import { watchPresence, type PeerPlace, type PresenceDeps } from "./peer-calls.ts";

/** Before the presence of a leader that could not be reached is looked at again. */
const LOOK_AGAIN_MS = 500;

export interface LeaderWatchDeps extends Pick<PresenceDeps, "onClock"> {
  readonly env: Pick<Env, "http" | "clock" | "log">;
  readonly leadership: Pick<Leadership, "leader" | "onChange" | "suspect">;
  readonly selfId: string;
  /** Where the leader answers; undefined: nobody leads, or it cannot be asked. */
  readonly place: () => PeerPlace | undefined;
}

/** Looks at the leader's presence for as long as another server leads, until `signal`. */
export async function watchLeader(deps: LeaderWatchDeps, signal: AbortSignal): Promise<void> {
  const { env, leadership, selfId, onClock } = deps;
  while (!signal.aborted) {
    const { leader } = leadership;
    const place = deps.place();
    if (leader === undefined || leader.id === selfId || place === undefined) {
      await changed(leadership, signal);
      continue;
    }
    const change = new AbortController();
    const unfollow = leadership.onChange(() => change.abort());
    const trouble = await watchPresence({ ...env, onClock }, place, AbortSignal.any([signal, change.signal]));
    unfollow();
    if (signal.aborted || change.signal.aborted) continue;
    if (trouble !== "") env.log.info("the leader is not heard of", { leader: leader.name, trouble });
    if (trouble !== "") leadership.suspect(leader.id);
    await sleep(env.clock, LOOK_AGAIN_MS, signal);
  }
}

function changed(leadership: LeaderWatchDeps["leadership"], signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      unfollow();
      signal.removeEventListener("abort", end);
      resolve();
    };
    const unfollow = leadership.onChange(end);
    signal.addEventListener("abort", end, { once: true });
  });
}
