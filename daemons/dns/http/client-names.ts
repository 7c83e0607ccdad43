import type { ApiDeps } from "./api-deps.ts";

/** What a client is called: by its lease, or not at all. */
export function nameOf({ dns }: Pick<ApiDeps, "dns">, address: string): string {
  return dns.neighbours.namesOf(address)[0] ?? "";
}
