import type { AgentConfig } from "#base/language/agent-config/config.ts";

/** `client { artifact { … } }`: https://developer.hashicorp.com/nomad/docs/configuration/client#artifact-parameters */
export type ArtifactLimits = AgentConfig["client"]["artifact"];

/** Unpacking an archive, at most. */
export const UNPACK_TIMEOUT_MS = 30 * 60_000;

/** 0 is no limit; prlimit(1) wants a number. */
export function orUnlimited(bytes: number): number {
  return bytes === 0 ? Number.MAX_SAFE_INTEGER : bytes;
}
