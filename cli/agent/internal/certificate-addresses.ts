import type { AgentConfig } from "#base/language/agent-config/config.ts";
import { isWildcard, type Addresses } from "../addresses.ts";

/** What users may write into a URL to reach this node. */
export function certificateAddresses({
  addresses,
  config,
}: {
  readonly addresses: Addresses;
  readonly config: AgentConfig;
}): string[] {
  const bound = [addresses.advertise, config.bindAddress, ...addresses.http.split(/\s+/)];
  return [...new Set(bound.filter((each) => !isWildcard(each) && /^[\d.]+$|:/.test(each)))];
}
