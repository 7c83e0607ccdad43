import type { Job } from "./job.ts";

/** Their content is a driver's, an autoscaler's or a proxy's: it goes out as it came in. */
const PASSED_ON = new Set(["Config", "Policy", "Connect", "Multiregion"]);

/** Fields of the API's jobs that always have the same value here: tokens are never kept. */
const CONSTANT = { ConsulToken: "", ConsulNamespace: "", VaultToken: "", VaultNamespace: "", NomadTokenID: "" };

/**
 * A job as the API's users know it (https://developer.hashicorp.com/nomad/api-docs/json-jobs): a list or map that holds
 * nothing is null, and the fields of tokens are there.
 */
export function jobToWire<J extends Job>(job: J): Readonly<Record<string, unknown>> {
  return { ...CONSTANT, ...withoutEmpty(job) };
}

function withoutEmpty(value: object): Readonly<Record<string, unknown>> {
  const out: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value)) out[key] = PASSED_ON.has(key) ? emptyToNull(item) : wireValue(item);
  return out;
}

function wireValue(value: unknown): unknown {
  const item = emptyToNull(value);
  if (typeof item !== "object" || item === null) return item;
  if (!Array.isArray(item)) return withoutEmpty(item);
  const items: readonly unknown[] = item;
  return items.map(wireValue);
}

function emptyToNull(value: unknown): unknown {
  return typeof value === "object" && value !== null && Object.keys(value).length === 0 ? null : value;
}
