import { DEFAULT_MEMORY_MB } from "#base/language/jobspec/defaults.ts";
import type { Resources } from "#base/protocol/resources.ts";

/**
 * MB that a task takes of its node: its own memory and the secrets folder it asked for, which lies in memory, too.
 * https://developer.hashicorp.com/nomad/docs/job-specification/resources#secrets
 */
export function taskMemory({ MemoryMB, SecretsMB }: Pick<Resources, "MemoryMB" | "SecretsMB">): number {
  return (MemoryMB ?? DEFAULT_MEMORY_MB) + (SecretsMB ?? 0);
}
