import { sleep, type Clock } from "#base/env/clock.ts";
import type { Random } from "#base/env/random.ts";
import type { Answer, ApiResult } from "./api-caller.ts";
import type { ApiFailure } from "./api-failure.ts";

export interface WatchOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Ends the watch. */
  readonly signal: AbortSignal;
  /** Of one blocking query. Default 5 minutes. */
  readonly waitMs?: number;
  /** Told of every attempt that failed; false ends the watch. Default: goes on for ever. */
  readonly onFailure?: (failure: ApiFailure, retryMs: number) => boolean;
}

/** One blocking query: answers once its index is above `index`, or after the wait. */
export type BlockingRead<T> = (at: {
  readonly block: { readonly index: number; readonly waitMs: number };
  readonly signal: AbortSignal;
}) => Promise<ApiResult<T>>;

const WAIT_MS = 300_000;
const FIRST_PAUSE_MS = 250;
export const LONGEST_PAUSE_MS = 60_000;
/** Between two answers without an index: nothing can be waited on there. */
const POLL_MS = 2000;

/**
 * Every new answer of a blocking query until the signal aborts, `undefined` for something that is not there. A query that
 * only timed out yields nothing; an index that went backwards starts over (the state was restored). Failures are
 * retried after a pause that doubles from a quarter of a second to a minute, half of it by chance.
 */
export async function* watch<T>(read: BlockingRead<T>, options: WatchOptions): AsyncGenerator<Answer<T | undefined>> {
  const { clock, random, signal, waitMs = WAIT_MS } = options;
  let index = 0;
  let pauseMs = FIRST_PAUSE_MS;
  while (!signal.aborted) {
    const result = await read({ block: { index, waitMs }, signal });
    if (signal.aborted) return;
    const answer = answerOf(result);
    if (answer === undefined) {
      const retryMs = pauseMs * (0.5 + random.float() / 2);
      pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
      if (!result.ok && options.onFailure?.(result.error, retryMs) === false) return;
      await sleep(clock, retryMs, signal);
      continue;
    }
    pauseMs = FIRST_PAUSE_MS;
    const isNews = index === 0 || answer.index !== index;
    index = answer.index < index ? 0 : answer.index;
    if (isNews) yield answer;
    if (answer.index === 0) await sleep(clock, POLL_MS, signal);
  }
}

function answerOf<T>(result: ApiResult<T>): Answer<T | undefined> | undefined {
  if (result.ok) return result.value;
  const { code, index } = result.error;
  return code === "missing" && index > 0 ? { value: undefined, index, nextToken: "" } : undefined;
}
