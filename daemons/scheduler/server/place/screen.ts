import { matchGlob } from "#base/language/glob.ts";
import type { Constraint } from "#base/protocol/policies.ts";
import type { Job, TaskGroup } from "#base/protocol/job.ts";
import type { Node } from "#base/protocol/node.ts";
import { askOf, type Ask } from "./ask.ts";
import { hasDevices } from "./devices.ts";
import { countIn, type MetricDraft } from "./metric.ts";
import { isUnique } from "./node-class.ts";
import { nodeRule } from "./node-rule.ts";
import { hasOwnVolumes, hasVolumes, MISSING_VOLUMES } from "./volumes.ts";
import type { NodeTable } from "./node-table.ts";

/** These compare placements with each other, not nodes with values; the placer sees to them. */
export const DISTINCT_OPERANDS: readonly string[] = ["distinct_hosts", "distinct_property"];

export interface Screening {
  readonly table: NodeTable;
  readonly job: Job;
  readonly group: TaskGroup;
  readonly ask: Ask;
}

/**
 * The slots of all nodes this group may ever run on, whatever is in use there; why the others may not is counted in
 * `metric`. What only depends on a node's class is asked once per class.
 */
export function screen({ table, job, group, ask }: Screening, metric: MetricDraft): number[] {
  const constraints = constraintsOf(job, group);
  const shared = constraints.filter((each) => !isUnique(each.LTarget + each.RTarget)).map(ruleOf);
  const unique = constraints.filter((each) => isUnique(each.LTarget + each.RTarget)).map(ruleOf);
  const inDatacenter = matchDatacenters(job.Datacenters);
  const verdicts = new Map<string, string>();
  const slots: number[] = [];
  for (let slot = 0; slot < table.end; slot++) {
    const entry = table.at(slot);
    const node = entry?.node;
    if (entry === undefined || node === undefined || !inPool(job, node)) continue;
    metric.NodesInPool += 1;
    if (table.usable[slot] !== 1 || !inDatacenter(node.Datacenter)) continue;
    countIn(metric.NodesAvailable, node.Datacenter);
    metric.NodesEvaluated += 1;
    let verdict = verdicts.get(entry.computedClass);
    if (verdict === undefined) {
      verdict = whyNot(node, ask) ?? firstBroken(shared, node) ?? "";
      verdicts.set(entry.computedClass, verdict);
    }
    const reason = verdict === "" ? firstBroken(unique, node) : verdict;
    if (reason === undefined) {
      slots.push(slot);
      continue;
    }
    metric.NodesFiltered += 1;
    countIn(metric.ConstraintFiltered, reason);
    if (node.NodeClass !== "") countIn(metric.ClassFiltered, node.NodeClass);
  }
  return slots;
}

/** Why the group may not run on this node, whatever is in use there; empty: it may. The same questions as {@link screen}. */
export function barriers(node: Node, job: Job, group: TaskGroup): string[] {
  const pool = job.NodePool === "" ? "default" : job.NodePool;
  const own = whyNot(node, askOf(job, group));
  return [
    ...(inPool(job, node) ? [] : [`node pool: the job wants ${pool}, the node is in ${node.NodePool}`]),
    ...(matchDatacenters(job.Datacenters)(node.Datacenter)
      ? []
      : [`datacenter: the job wants ${job.Datacenters.join(", ")}, the node is in ${node.Datacenter}`]),
    ...(own === undefined ? [] : [own]),
    ...constraintsOf(job, group)
      .map(ruleOf)
      .filter(({ holds }) => !holds(node))
      .map(({ text }) => `constraint: ${text}`),
  ];
}

export interface Standing {
  readonly job: Job;
  readonly group: TaskGroup;
  /** Which one of its group it is. */
  readonly index: number;
}

/** Whether an allocation of the group that runs on this node may go on there, by everything but what is in use. */
export function mayRunOn(node: Node, { job, group, index }: Standing): boolean {
  if (!inPool(job, node) || !matchDatacenters(job.Datacenters)(node.Datacenter)) return false;
  const ask = askOf(job, group);
  return (
    whyNot(node, ask) === undefined &&
    hasOwnVolumes(node, ask.volumes, { index, claims: new Map() }) &&
    firstBroken(constraintsOf(job, group).map(ruleOf), node) === undefined
  );
}

/** How people read a constraint: `${attr.kernel.name} = linux`. */
export function constraintText({ LTarget, Operand, RTarget }: Constraint): string {
  return [LTarget, Operand, RTarget].filter((part) => part !== "").join(" ");
}

export function constraintsOf(job: Job, group: TaskGroup): Constraint[] {
  return [...job.Constraints, ...group.Constraints, ...group.Tasks.flatMap((task) => task.Constraints)].filter(
    ({ Operand }) => !DISTINCT_OPERANDS.includes(Operand),
  );
}

/** Names with `*` as in `dc*`; an empty list is every datacenter. */
export function matchDatacenters(patterns: readonly string[]): (datacenter: string) => boolean {
  if (patterns.length === 0 || patterns.includes("*")) return () => true;
  const answers = new Map<string, boolean>();
  return (datacenter) => {
    let answer = answers.get(datacenter);
    if (answer === undefined) {
      answer = patterns.some((pattern) => matchGlob(pattern, datacenter));
      answers.set(datacenter, answer);
    }
    return answer;
  };
}

function inPool(job: Job, node: Node): boolean {
  const pool = job.NodePool === "" ? "default" : job.NodePool;
  return pool === "all" || pool === node.NodePool;
}

function whyNot(node: Node, ask: Ask): string | undefined {
  for (const driver of ask.drivers) {
    const info = node.Drivers[driver];
    if (info === undefined || !info.Detected) return "missing drivers";
    if (!info.Healthy) return "unhealthy drivers";
  }
  if (ask.devices.length > 0 && !hasDevices(node, ask.devices)) return "missing devices";
  if (!hasVolumes(node, ask.volumes)) return MISSING_VOLUMES;
  if (!hasNetworkMode(node, ask.networkMode)) return "missing network";
  return missingHostNetwork(node, ask);
}

function hasNetworkMode(node: Node, mode: string): boolean {
  if (mode === "" || mode === "host" || mode === "none") return true;
  const { Networks, NodeNetworks } = node.NodeResources;
  return [...Networks, ...NodeNetworks].some((network) => network.Mode === mode);
}

function missingHostNetwork(node: Node, ask: Ask): string | undefined {
  for (const { label, hostNetwork } of [...ask.staticPorts, ...ask.dynamicPorts]) {
    if (hostNetwork === "default") continue;
    const known = node.NodeResources.NodeNetworks.some((each) =>
      each.Addresses.some((address) => address.Alias === hostNetwork),
    );
    if (!known) return `missing host network "${hostNetwork}" for port "${label}"`;
  }
  return undefined;
}

/** A constraint ready to be asked of many nodes. */
interface Rule {
  readonly text: string;
  readonly holds: (node: Node) => boolean;
}

function ruleOf(constraint: Constraint): Rule {
  return { text: constraintText(constraint), holds: nodeRule(constraint) };
}

function firstBroken(rules: readonly Rule[], node: Node): string | undefined {
  return rules.find(({ holds }) => !holds(node))?.text;
}
