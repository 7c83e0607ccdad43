import * as v from "valibot";
import { NodeStubSchema, type AllocAnswer, type NodeAnswer } from "#base/client/nomad-answers.ts";
import { answerOf, foundOf, valueOf } from "../api/answer.ts";
import { withNomad, type NomadSession } from "../api/session.ts";
import { columns, properties } from "../print/columns.ts";
import { isForPrograms, show } from "../print/show.ts";
import { ago, localTime, shortId } from "../print/time.ts";
import { findNode } from "./find-node.ts";
import { nodeRows } from "./node-rows.ts";
import { selfId } from "./self.ts";
import { statsLines } from "./stats.ts";

/** All nodes, or everything about one; `-self` is the node that is asked. */
export const status = withNomad(async (session) => {
  const { nomad, flags, operands, env } = session;
  const [operand] = operands;
  if (operand === undefined && !flags.on("self")) return listNodes(session);
  const id = operand === undefined ? await selfId(session) : (await findNode(session, operand)).ID;
  const node = valueOf(await nomad.nodes.read(id));
  const allocs = foundOf(await nomad.nodes.allocations(id)) ?? [];
  const options = { verbose: flags.on("verbose"), short: flags.on("short"), nowMs: env.clock.nowMs() };
  const stats = flags.on("stats") && !isForPrograms(session) ? await statsLines(session, id) : [];
  return show(session, { ...node, Allocations: allocs }, () => [...detailLines({ node, allocs }, options), ...stats]);
});

async function listNodes(session: NomadSession): Promise<number> {
  const { nomad, flags } = session;
  const answer = answerOf(
    await nomad.call({
      path: "/v1/nodes",
      query: {
        os: flags.on("os"),
        filter: flags.value("filter"),
        per_page: flags.value("per-page"),
        next_token: flags.value("page-token"),
      },
      schema: v.array(NodeStubSchema),
    }),
  );
  const nodes = answer.value;
  if (flags.on("quiet")) return show(session, nodes, () => nodes.map(({ ID }) => ID));
  return show(session, nodes, () => [
    ...(nodes.length === 0 ? ["No nodes registered"] : nodeRows(nodes, flags.on("verbose"))),
    ...(answer.nextToken === "" ? [] : ["", `Next page: -page-token=${answer.nextToken}`]),
  ]);
}

interface NodeFacts {
  readonly node: NodeAnswer;
  readonly allocs: readonly AllocAnswer[];
}

function detailLines(
  facts: NodeFacts,
  { verbose, short, nowMs }: { readonly verbose: boolean; readonly short: boolean; readonly nowMs: number },
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
    ...(short ? [] : eventLines(node)),
    ...(short ? [] : resourceLines(facts)),
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

function eventLines({ Events: events }: NodeAnswer): string[] {
  if (events.length === 0) return [];
  const rows = events
    .toReversed()
    .map((event) => [localTime(Date.parse(event.Timestamp) * 1e6), event.Subsystem, event.Message]);
  return ["", "Node Events", ...columns(["Time", "Subsystem", "Message"], rows)];
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
