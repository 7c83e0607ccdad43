import type { BlockingGet } from "#base/client/templates/watch.ts";
import type { Env } from "#base/env/env.ts";
import { messageOf } from "#base/env/errors.ts";

export interface Reach {
  readonly get: BlockingGet;
  /** Since when the catalog cannot be reached, ISO 8601; empty: it can. */
  lostAt(): string;
}

/** Notes whether the catalog answers. */
export function watchReach(
  get: BlockingGet,
  { env, onChange }: { readonly env: Env; readonly onChange: () => void },
): Reach {
  let lostAt = "";
  const found = (): void => {
    if (lostAt === "") return;
    env.log.info("the catalog answers again", { lostAt });
    lostAt = "";
    onChange();
  };
  const lost = (error: unknown): void => {
    if (lostAt !== "") return;
    lostAt = new Date(env.clock.nowMs()).toISOString();
    env.log.warn("the catalog cannot be reached; what was known goes on being served", { error: messageOf(error) });
    onChange();
  };
  return {
    lostAt: () => lostAt,
    get: async (request) => {
      try {
        const answer = await get(request);
        found();
        return answer;
      } catch (error) {
        if (!request.signal.aborted) lost(error);
        throw error;
      }
    },
  };
}
