import type { Job, TaskGroup } from "#base/protocol/job.ts";
import { isUnique } from "./node-class.ts";
import { nodeRule } from "./node-rule.ts";
import type { NodeEntry } from "./node-table.ts";

/**
 * −1 … 1: the weights of the affinities a node meets over the sum of all weights' sizes; 0 when there are none.
 * Asked once per class of nodes unless a target is unique.
 * https://developer.hashicorp.com/nomad/docs/job-specification/affinity
 */
export function affinityScorer(job: Job, group: TaskGroup): (entry: NodeEntry) => number {
  const affinities = [...job.Affinities, ...group.Affinities, ...group.Tasks.flatMap((task) => task.Affinities)];
  if (affinities.length === 0) return () => 0;
  const total = affinities.reduce((sum, { Weight }) => sum + Math.abs(Weight), 0);
  const perNode = affinities.some((each) => isUnique(each.LTarget + each.RTarget));
  const rules = affinities.map((each) => ({ weight: each.Weight, holds: nodeRule(each) }));
  const known = new Map<string, number>();
  return ({ id, node, computedClass }) => {
    if (node === undefined || total === 0) return 0;
    const key = perNode ? id : computedClass;
    let score = known.get(key);
    if (score === undefined) {
      score = rules.reduce((sum, { weight, holds }) => sum + (holds(node) ? weight : 0), 0) / total;
      known.set(key, score);
    }
    return score;
  };
}
