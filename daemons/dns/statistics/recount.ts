import type { Env } from "#base/env/env.ts";
import { messageOf } from "#base/env/errors.ts";
import type { LongTerm } from "../log/long-term.ts";
import { DAY_MS, type Statistics } from "./statistics.ts";

const PAGE = 2000;
/** The newest; a household asks fewer in a day. */
const MAX_RECOUNTED = 300_000;

/** The last day as the database knows it, page by page, so that a start keeps nobody waiting. */
export async function recountDay(
  env: Pick<Env, "clock" | "log">,
  store: LongTerm,
  statistics: Statistics,
): Promise<void> {
  const untilMs = statistics.startMs;
  let beforeId: number | undefined;
  try {
    for (let counted = 0; counted < MAX_RECOUNTED; counted += PAGE) {
      const filter = { fromMs: untilMs - DAY_MS, untilMs, beforeId };
      const page = await store.find(filter, { limit: PAGE, skip: 0 });
      for (const query of page) statistics.recount(query, query);
      beforeId = page.at(-1)?.id;
      if (page.length < PAGE) return;
    }
  } catch (thrown) {
    env.log.warn(`the last day was not counted again: ${messageOf(thrown)}`);
  }
}
