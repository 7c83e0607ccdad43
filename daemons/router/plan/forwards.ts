import { fail, type Failure } from "#base/env/errors.ts";
import type { Forward, RouterConfig } from "../config/model.ts";
import { serviceKey, type RouterFacts, type ServiceInstance } from "./facts.ts";

/** A forward with the places it leads to now. */
export interface ResolvedForward {
  readonly forward: Forward;
  /** Port 0: the one that was asked for. */
  readonly targets4: readonly ServiceInstance[];
  readonly targets6: readonly ServiceInstance[];
}

/** Instances of one service that share the load; more than these are left out. */
const MOST_TARGETS = 64;

/** Follows forwards to where their services run now. One whose service runs nowhere stays closed, and is noted. */
export function planForwards(
  { forwards }: RouterConfig,
  facts: RouterFacts,
): { readonly forwards: readonly ResolvedForward[]; readonly notes: readonly Failure[] } {
  const notes: Failure[] = [];
  const resolved = forwards.map((forward) => {
    const targets = targetsOf(forward, facts);
    if (targets.length === 0)
      notes.push(
        fail(
          "no_instance",
          `forward "${forward.name}" is closed: no healthy instance of the service "${forward.service}" is known`,
          "see: lares service info, or the catalog",
        ).error,
      );
    return {
      forward,
      targets4: targets.filter(({ address }) => !address.includes(":")).slice(0, MOST_TARGETS),
      targets6: targets.filter(({ address }) => address.includes(":")).slice(0, MOST_TARGETS),
    };
  });
  return { forwards: resolved, notes };
}

function targetsOf(forward: Forward, facts: RouterFacts): readonly ServiceInstance[] {
  if (forward.to !== "") return [{ address: forward.to, port: forward.toPort }];
  const instances = facts.services[serviceKey(forward)] ?? [];
  return forward.toPort === 0 ? instances : instances.map(({ address }) => ({ address, port: forward.toPort }));
}
