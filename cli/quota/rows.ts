import { NOMAD_FLAGS } from "../api/flags.ts";
import type { Command } from "../command/command.ts";

const absent = (name: string, summary: string, path: string): Command => ({
  name,
  summary: `${summary} (not in this edition)`,
  operands: path.includes(":id") ? "NAME" : "",
  flags: NOMAD_FLAGS,
  load: async () => (await import("../api/pass-on.ts")).passOn("GET", path),
});

export const QUOTA_COMMANDS: readonly Command[] = [
  absent("quota list", "List quotas", "/v1/quotas"),
  absent("quota status", "Show a quota", "/v1/quota/:id"),
  absent("quota inspect", "Print a quota", "/v1/quota/:id"),
  absent("sentinel list", "List policies of Sentinel", "/v1/sentinel/policies"),
  absent("sentinel read", "Print a policy of Sentinel", "/v1/sentinel/policy/:id"),
  absent("recommendation list", "List recommendations", "/v1/recommendations"),
  absent("license get", "Show the license", "/v1/operator/license"),
];
