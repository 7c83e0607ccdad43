import type { AllocMetric } from "#base/protocol/alloc.ts";

/** Why a group could not be placed, a line each, in the words of the API's users. */
export function placementReasons(metric: AllocMetric): string[] {
  const lines: string[] = [];
  const nodes = (count: number): string => `${count} ${count === 1 ? "node" : "nodes"}`;
  if (metric.NodesEvaluated === 0) lines.push("No nodes were eligible for evaluation");
  for (const [datacenter, count] of Object.entries(metric.NodesAvailable)) {
    if (count === 0) lines.push(`No nodes are available in datacenter "${datacenter}"`);
  }
  for (const [name, count] of Object.entries(metric.ClassFiltered))
    lines.push(`Class "${name}": ${nodes(count)} excluded by filter`);
  for (const [name, count] of Object.entries(metric.ConstraintFiltered)) {
    lines.push(`Constraint "${name}": ${nodes(count)} excluded by filter`);
  }
  if (metric.NodesExhausted > 0) lines.push(`Resources exhausted on ${nodes(metric.NodesExhausted)}`);
  for (const [name, count] of Object.entries(metric.ClassExhausted))
    lines.push(`Class "${name}" exhausted on ${nodes(count)}`);
  for (const [name, count] of Object.entries(metric.DimensionExhausted)) {
    lines.push(`Dimension "${name}" exhausted on ${nodes(count)}`);
  }
  for (const dimension of metric.QuotaExhausted) lines.push(`Quota limit hit "${dimension}"`);
  return lines;
}

/** What would help: one sentence for a household, made from the most frequent reason. */
export function placementHint(metric: AllocMetric): string {
  const dimension = mostOf(metric.DimensionExhausted);
  if (dimension !== undefined) return exhaustionHint(dimension, metric);
  const constraint = mostOf(metric.ConstraintFiltered);
  if (constraint !== undefined) return constraintHint(constraint, metric);
  if (metric.NodesInPool === 0)
    return "no node is in the job's node pool: start an agent with a client there, or change node_pool";
  if (metric.NodesEvaluated === 0) {
    return 'no ready node is in the job\'s datacenters: check "lares node status", or change datacenters';
  }
  return 'no node has room for it: free some, or add a node ("lares node status" shows what is used)';
}

function exhaustionHint(dimension: string, metric: AllocMetric): string {
  const where = onNodes(metric.NodesEvaluated);
  const port = /^network: reserved port collision (.+)=(\d+)$/.exec(dimension);
  if (port !== null) {
    return `port ${port[1]} (${port[2]}) is already taken ${where}: add a node, or use a dynamic port (leave out "static")`;
  }
  if (dimension.startsWith("network:"))
    return `no dynamic port is free ${where}: widen its range of ports, or add a node`;
  const unit = { memory: "memory", cpu: "cpu", disk: "ephemeral_disk size", cores: "cores" };
  for (const [name, key] of Object.entries(unit)) {
    if (dimension === name)
      return `not enough ${name} is free ${where}: ask for less (${key}), stop something, or add a node`;
  }
  return `${dimension} is exhausted ${where}: ask for less, or add a node`;
}

function constraintHint(constraint: string, metric: AllocMetric): string {
  const where = onNodes(metric.NodesFiltered);
  if (constraint === "missing drivers") {
    return `the task's driver is missing ${where}: "lares doctor" says what to install, "lares node status -verbose ID" what is there`;
  }
  if (constraint === "unhealthy drivers")
    return `the task's driver is not healthy ${where}: "lares node status ID" says why`;
  if (constraint === "missing devices") return `the device asked for is missing ${where}`;
  if (constraint === "missing network")
    return `the group's network mode is not available ${where}: use host, or install what it needs ("lares doctor")`;
  return `the constraint ${constraint} does not hold ${where}: change it, or add a node for which it does`;
}

function onNodes(count: number): string {
  return count === 1 ? "on the only node" : `on all ${count} nodes`;
}

function mostOf(counts: Readonly<Record<string, number>>): string | undefined {
  return Object.entries(counts).toSorted(([, a], [, b]) => b - a)[0]?.[0];
}
