import * as v from "valibot";
import { valueOf } from "../api/answer.ts";
import { withNomad } from "../api/session.ts";

/** Collects at once what the collector would collect in its time. */
export const gc = withNomad(async ({ nomad }) => {
  valueOf(await nomad.call({ method: "PUT", path: "/v1/system/gc", schema: v.unknown() }));
  return 0;
});

export const reconcileSummaries = withNomad(async ({ nomad }) => {
  valueOf(await nomad.call({ method: "PUT", path: "/v1/system/reconcile/summaries", schema: v.unknown() }));
  return 0;
});
