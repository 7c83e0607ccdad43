import type { AllocAnswer, NodeAnswer, NodeStub } from "#base/client/nomad-answers.ts";
import { foundOf, valueOf } from "../api/answer.ts";
import { withNomad } from "../api/session.ts";
import { columns, properties } from "../print/columns.ts";
import { printJson } from "../print/json.ts";
import { ago, shortId } from "../print/time.ts";
import { findNode } from "./find-node.ts";

/** All nodes, or everything about one. */
export const status = withNomad(async (session) => {
  const { nomad, output, flags, operands, env } = session;
  const [operand] = operands;
  if (operand === undefined) {
    const nodes = valueOf(await nomad.nodes.list());
    if (flags.on("json")) printJson(output, nodes);
    else if (nodes.length === 0) output.line("No nodes registered");
    else for (const line of nodeLines(nodes)) output.line(line);
    return 0;
  }
  const { ID } = await findNode(session, operand);
  const node = valueOf(await nomad.nodes.read(ID));
  const allocs = foundOf(await nomad.nodes.allocations(ID)) ?? [];
  if (flags.on("json")) printJson(output, { ...node, Allocations: allocs });
  else
    for (const line of detailLines({ node, allocs }, { verbose: flags.on("verbose"), nowMs: env.clock.nowMs() }))
      output.line(line);
  return 0;
});

function nodeLines(nodes: readonly NodeStub[]): string[] {
  const heading = ["ID", "Node Pool", "DC", "Name", "Class", "Drain", "Eligibility", "Status"];
  const rows = nodes.map((node) => [
    shortId(node.ID),
    node.NodePool,
    node.Datacenter,
    node.Name,
    node.NodeClass || "<none>",
    String(node.Drain),
    node.SchedulingEligibility,
    node.Status,
  ]);
  return columns(heading, rows);
}

interface NodeFacts {
  readonly node: NodeAnswer;
  readonly allocs: readonly AllocAnswer[];
}

function detailLines(
  facts: NodeFacts,
  { verbose, nowMs }: { readonly verbose: boolean; readonly nowMs: number },
): string[] {
  const { node, allocs } = facts;
  const drivers = Object.entries(node.Drivers).filter(([, driver]) => driver.Detected);
  const sick = drivers.filter(([, driver]) => !driver.Healthy);
  return [
    ...properties([
      ["ID", node.ID],
      ["Name", node.Name],
      ["Node Pool", node.NodePool],
      ["Class", node.NodeClass || "<none>"],
      ["DC", node.Datacenter],
      ["Drain", String(node.Drain)],
      ["Eligibility", node.SchedulingEligibility],
      ["Status", node.StatusDescription === "" ? node.Status : `${node.Status} (${node.StatusDescription})`],
      [
        "Drivers",
        drivers.map(([name, driver]) => (driver.Healthy ? name : `${name} (unhealthy)`)).join(",") || "<none>",
      ],
      ["Address", node.HTTPAddr || "<none>"],
    ]),
    ...sick.map(([name, driver]) => `  ${name}: ${driver.HealthDescription}`),
    ...resourceLines(facts),
    ...allocLines(allocs, nowMs),
    ...(verbose ? ["", "Attributes", ...properties(Object.entries(node.Attributes).toSorted(byName))] : []),
    ...(verbose && Object.keys(node.Meta).length > 0
      ? ["", "Meta", ...properties(Object.entries(node.Meta).toSorted(byName))]
      : []),
  ];
}

function byName([a]: readonly [string, string], [b]: readonly [string, string]): number {
  return a < b ? -1 : 1;
}

/** What live allocations were given, of what the node has to give. */
function resourceLines({ node, allocs }: NodeFacts): string[] {
  const live = allocs.filter(
    ({ DesiredStatus, ClientStatus }) =>
      DesiredStatus === "run" && !["complete", "failed", "lost"].includes(ClientStatus),
  );
  const tasks = live.flatMap(({ AllocatedResources }) => Object.values(AllocatedResources.Tasks));
  const sum = (amounts: readonly number[]): number => amounts.reduce((total, amount) => total + amount, 0);
  const { NodeResources: has, ReservedResources: kept } = node;
  const row = [
    `${sum(tasks.map(({ Cpu }) => Cpu.CpuShares))}/${has.Cpu.CpuShares - kept.Cpu.CpuShares} MHz`,
    `${sum(tasks.map(({ Memory }) => Memory.MemoryMB))}/${has.Memory.MemoryMB - kept.Memory.MemoryMB} MiB`,
    `${sum(live.map(({ AllocatedResources }) => AllocatedResources.Shared.DiskMB))}/${has.Disk.DiskMB - kept.Disk.DiskMB} MiB`,
  ];
  return ["", "Allocated Resources", ...columns(["CPU", "Memory", "Disk"], [row])];
}

function allocLines(allocs: readonly AllocAnswer[], nowMs: number): string[] {
  if (allocs.length === 0) return ["", "Allocations", "No allocations placed"];
  const rows = allocs.map((alloc) => [
    shortId(alloc.ID),
    alloc.JobID,
    alloc.TaskGroup,
    String(alloc.JobVersion),
    alloc.DesiredStatus,
    alloc.ClientStatus,
    ago(alloc.CreateTime, nowMs),
    ago(alloc.ModifyTime, nowMs),
  ]);
  const heading = ["ID", "Job", "Task Group", "Version", "Desired", "Status", "Created", "Modified"];
  return ["", "Allocations", ...columns(heading, rows)];
}
