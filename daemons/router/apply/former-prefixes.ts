import type { Lease } from "./leases.ts";
import type { Prefixes } from "./state-folder.ts";

/** Hosts keep an address they were told to give up for two hours at most (RFC 4862, 5.5.3 e). */
const FORGET_MS = 2 * 3_600_000;
/** Of one line; a provider that changes its mind more often than that is beyond help. */
const MOST_FORMER = 8;

/**
 * A prefix that was replaced or taken away has to be told to hosts as one to give up (RFC 9096, 3.5), even when the
 * change came with a power cut: so it is remembered. `leases` by the name of the line.
 */
export function nextPrefixes(before: Prefixes, leases: ReadonlyMap<string, Lease>, nowMs: number): Prefixes {
  return Object.fromEntries(
    [...leases].map(([name, { prefix }]) => {
      const { current = "", former = [] } = before[name] ?? {};
      const left = current === "" || current === prefix ? [] : [{ prefix: current, untilMs: nowMs + FORGET_MS }];
      const kept = former.filter((each) => each.untilMs > nowMs && each.prefix !== prefix && each.prefix !== current);
      return [name, { current: prefix, former: [...left, ...kept].slice(0, MOST_FORMER) }];
    }),
  );
}
