import type { AgentConfig } from "#base/language/agent-config/config.ts";

/** Comma-separated names under the documented keys, and under those they had before. */
const KEYS = {
  allow: ["allowlist", "whitelist"],
  deny: ["denylist", "blacklist"],
} as const;

/**
 * Whether `client { options { "driver.denylist" = "docker,qemu" } }` leaves this name in. With an allow list only what it
 * names. https://developer.hashicorp.com/nomad/docs/configuration/client#options-parameters
 */
export function isAllowed(
  options: AgentConfig["client"]["options"],
  kind: "driver" | "fingerprint",
  name: string,
): boolean {
  const namesIn = (keys: readonly string[]): readonly string[] =>
    keys.flatMap((key) => (options[`${kind}.${key}`] ?? "").split(",")).flatMap((each) => each.trim() || []);
  const allowed = namesIn(KEYS.allow);
  return (allowed.length === 0 || allowed.includes(name)) && !namesIn(KEYS.deny).includes(name);
}
