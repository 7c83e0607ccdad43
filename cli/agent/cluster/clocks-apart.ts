import type { Log } from "#base/env/log.ts";

/** Clocks further apart spoil certificates, times of checks and of tokens. */
const APART_MS = 60_000;

/** How a clock that is wrong is set right, on the server whose it is. */
export const SET_RIGHT = "set it right there (`chronyc makestep`, or `timedatectl set-ntp true`)";

export interface ComparedClocks {
  /** Takes by how much this server's clock is ahead of the leader's; below 0: behind. */
  hear(aheadMs: number): void;
  /** There is nobody to compare with any more. */
  forget(): void;
  /** Whole minutes; undefined: they are as good as the same. */
  readonly aheadMinutes: number | undefined;
}

/** Says once that clocks differ, and once that they do no more; `onChange` is called when {@link ComparedClocks.aheadMinutes} changed. */
export function comparingClocks(log: Log, onChange: () => void): ComparedClocks {
  let minutes: number | undefined;
  return {
    get aheadMinutes() {
      return minutes;
    },
    forget() {
      if (minutes === undefined) return;
      minutes = undefined;
      onChange();
    },
    hear(aheadMs) {
      const now = Math.abs(aheadMs) > APART_MS ? Math.round(aheadMs / 60_000) : undefined;
      if (now !== undefined && minutes === undefined)
        log.error(`this server's clock and the leader's differ; ${SET_RIGHT}`, { aheadMs });
      if (now === undefined && minutes !== undefined) log.info("this server's clock and the leader's agree again");
      // A clock that drifts is no news every time.
      const isSame = minutes === now || (minutes !== undefined && now !== undefined && Math.abs(minutes - now) <= 1);
      if (isSame) return;
      minutes = now;
      onChange();
    },
  };
}
