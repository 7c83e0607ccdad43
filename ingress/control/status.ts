import * as v from "valibot";

const ProblemSchema = v.object({
  service: v.string(),
  code: v.string(),
  message: v.string(),
  hint: v.optional(v.string()),
});

/** What one ingress says of itself, as it lies in the cluster's key-value store. */
export const IngressStatusSchema = v.object({
  node: v.string(),
  /** Which of those on its node. */
  name: v.optional(v.string(), ""),
  /** When this was written, ISO 8601. */
  at: v.string(),
  haproxy: v.object({
    version: v.string(),
    workers: v.number(),
    reloads: v.number(),
    commands: v.number(),
    refused: v.number(),
  }),
  /** Why the newest configuration is not in force; empty: it is. */
  failure: v.string(),
  /** Since when the catalog cannot be reached, ISO 8601; empty: it can. */
  catalogLostAt: v.string(),
  /** Where metrics and statistics are; empty: nowhere. */
  admin: v.string(),
  routes: v.array(
    v.object({
      route: v.string(),
      services: v.array(v.string()),
      backend: v.string(),
      priority: v.number(),
      ready: v.number(),
      instances: v.number(),
    }),
  ),
  /** Routes there are in all; more than a thousand are not listed. */
  routeCount: v.number(),
  problems: v.array(ProblemSchema),
});

export type IngressStatus = v.InferOutput<typeof IngressStatusSchema>;

export const STATUS_PREFIX = "lares/ingress/status/";
export const MAX_LISTED = 1000;
