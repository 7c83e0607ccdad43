import type { Job, TaskGroup } from "#base/protocol/job.ts";
import type { Constraint } from "#base/protocol/policies.ts";
import type { Node } from "#base/protocol/node.ts";
import { resolveTarget } from "./target.ts";

/** An allocation of the job that stays: where it is and of which group. */
export interface Neighbour {
  readonly node: Node;
  readonly group: string;
}

interface Rule {
  readonly reason: string;
  readonly target: string;
  readonly limit: number;
  readonly wholeJob: boolean;
  readonly counts: Map<string, number>;
}

/**
 * `distinct_hosts` and `distinct_property`: how many allocations may share a node, or a value of an attribute. On the
 * job they count all its allocations, on a group that group's.
 * https://developer.hashicorp.com/nomad/docs/job-specification/constraint#distinct_hosts
 */
export class DistinctRules {
  readonly #rules: readonly Rule[];

  constructor(job: Job, group: TaskGroup) {
    const own = [...group.Constraints, ...group.Tasks.flatMap((task) => task.Constraints)];
    this.#rules = [
      ...job.Constraints.flatMap((each) => ruleOf(each, true)),
      ...own.flatMap((each) => ruleOf(each, false)),
    ];
  }

  get active(): boolean {
    return this.#rules.length > 0;
  }

  /** Counts an allocation. `own`: it is of the group being placed. */
  add(node: Node, own: boolean): void {
    for (const rule of this.#rules) {
      if (!own && !rule.wholeJob) continue;
      const value = resolveTarget(rule.target, node);
      if (value !== undefined) rule.counts.set(value, (rule.counts.get(value) ?? 0) + 1);
    }
  }

  /** The rule one more allocation on `node` would break, as it is counted among filtered constraints. */
  broken(node: Node): string | undefined {
    for (const rule of this.#rules) {
      const value = resolveTarget(rule.target, node);
      if (value === undefined || (rule.counts.get(value) ?? 0) >= rule.limit) return rule.reason;
    }
    return undefined;
  }
}

function ruleOf({ Operand, LTarget, RTarget }: Constraint, wholeJob: boolean): Rule[] {
  if (Operand === "distinct_hosts" && RTarget !== "false") {
    return [{ reason: "distinct_hosts", target: "${node.unique.id}", limit: 1, wholeJob, counts: new Map() }];
  }
  if (Operand !== "distinct_property") return [];
  const limit = RTarget === "" ? 1 : Math.max(1, Number.parseInt(RTarget, 10) || 1);
  return [{ reason: `distinct_property: ${LTarget}`, target: LTarget, limit, wholeJob, counts: new Map() }];
}
