import type { AllocAnswer } from "#base/client/nomad-answers.ts";
import { valueOf } from "../api/answer.ts";
import { withNomad } from "../api/session.ts";
import { columns, properties } from "../print/columns.ts";
import { isForPrograms, printed, show } from "../print/show.ts";
import { ago, localTime, shortId } from "../print/time.ts";
import { findAlloc } from "./find-alloc.ts";
import { metricLines } from "./metric.ts";
import { usageOf, type TaskUsage } from "./stats.ts";

/** All allocations, or everything about one. */
export const status = withNomad(async (session) => {
  const { nomad, output, flags, operands, namespace, env } = session;
  if (operands.length === 0) {
    const allocs = valueOf(await nomad.allocs.list({ namespace }));
    const rows = allocs.map((alloc) => [
      shortId(alloc.ID),
      alloc.JobID,
      alloc.TaskGroup,
      alloc.NodeName,
      alloc.DesiredStatus,
      alloc.ClientStatus,
      ago(alloc.CreateTime, env.clock.nowMs()),
    ]);
    const heading = ["ID", "Job", "Task Group", "Node", "Desired", "Status", "Created"];
    if (!(await printed({ flags, output }, allocs)))
      if (allocs.length === 0) output.line("No allocations placed");
      else for (const line of columns(heading, rows)) output.line(line);
    return 0;
  }
  const alloc = await findAlloc(session, operands[0]);
  const isLive = alloc.ClientStatus === "running" && !isForPrograms(session) && !flags.on("short");
  const options = {
    short: flags.on("short"),
    verbose: flags.on("verbose"),
    usage: isLive ? await usageOf(session, alloc.ID) : new Map<string, TaskUsage>(),
    nowMs: env.clock.nowMs(),
  };
  return show(session, alloc, () => allocLines(alloc, options));
});

interface Shown {
  readonly short: boolean;
  readonly verbose: boolean;
  readonly usage: ReadonlyMap<string, TaskUsage>;
  readonly nowMs: number;
}

function allocLines(alloc: AllocAnswer, shown: Shown): string[] {
  const id = (text: string): string => (shown.verbose ? text : shortId(text));
  return [
    ...properties(allocProperties(alloc, shown, id)),
    ...(shown.short ? shortLines(alloc) : longLines(alloc, shown)),
    ...(shown.verbose ? metricLines(alloc.Metrics) : []),
  ];
}

function allocProperties(
  alloc: AllocAnswer,
  { nowMs }: Shown,
  id: (text: string) => string,
): (readonly [string, string])[] {
  const healthy = alloc.DeploymentStatus?.Healthy;
  const health = healthy === true ? "healthy" : healthy === false ? "unhealthy" : "unset";
  const optional = (name: string, other: string): (readonly [string, string])[] =>
    other === "" ? [] : [[name, id(other)]];
  return [
    ["ID", alloc.ID],
    ["Eval ID", id(alloc.EvalID)],
    ["Name", alloc.Name],
    ["Node ID", id(alloc.NodeID)],
    ["Node Name", alloc.NodeName],
    ["Job ID", alloc.JobID],
    ["Job Version", String(alloc.JobVersion)],
    ["Client Status", alloc.ClientStatus],
    ["Client Description", alloc.ClientDescription || "<none>"],
    ["Desired Status", alloc.DesiredStatus],
    ["Desired Description", alloc.DesiredDescription || "<none>"],
    ["Created", ago(alloc.CreateTime, nowMs)],
    ["Modified", ago(alloc.ModifyTime, nowMs)],
    ...(alloc.DeploymentID === ""
      ? []
      : [["Deployment ID", id(alloc.DeploymentID)] as const, ["Deployment Health", health] as const]),
    ...(alloc.Canary ? [["Canary", "true"] as const] : []),
    ...optional("Replacement Alloc ID", alloc.NextAllocation),
    ...optional("Previous Alloc ID", alloc.PreviousAllocation),
    ...optional("Preempted by Alloc ID", alloc.PreemptedByAllocation),
  ];
}

function shortLines(alloc: AllocAnswer): string[] {
  const rows = Object.entries(alloc.TaskStates).map(([name, { State, Events }]) => {
    const last = Events.at(-1);
    return [name, State, last?.Type ?? "", last === undefined ? "" : localTime(last.Time)];
  });
  return ["", "Tasks", ...columns(["Name", "State", "Last Event", "Time"], rows)];
}

function longLines(alloc: AllocAnswer, { usage }: Shown): string[] {
  return [
    ...addressLines(alloc),
    ...Object.entries(alloc.TaskStates).flatMap(([name, state]) =>
      taskLines(name, { state, alloc, used: usage.get(name) }),
    ),
  ];
}

function addressLines({ AllocatedResources, Job, TaskGroup }: AllocAnswer): string[] {
  const ports = AllocatedResources.Shared.Ports;
  if (ports.length === 0) return [];
  const group = Job?.TaskGroups.find(({ Name }) => Name === TaskGroup);
  const dynamic = new Set(group?.Networks.flatMap((network) => network.DynamicPorts.map(({ Label }) => Label)));
  const rows = ports.map(({ Label, HostIP, Value, To }) => [
    `*${Label}`,
    dynamic.has(Label) ? "yes" : "no",
    `${HostIP}:${Value}${To > 0 && To !== Value ? ` -> ${To}` : ""}`,
  ]);
  return ["", "Allocation Addresses:", ...columns(["Label", "Dynamic", "Address"], rows)];
}

function taskLines(
  name: string,
  given: {
    readonly state: AllocAnswer["TaskStates"][string];
    readonly alloc: AllocAnswer;
    readonly used: TaskUsage | undefined;
  },
): string[] {
  const { state, alloc, used } = given;
  const granted = alloc.AllocatedResources.Tasks[name];
  const resources =
    granted === undefined
      ? []
      : [
          "Task Resources:",
          ...columns(
            ["CPU", "Memory", "Disk"],
            [
              [
                `${used === undefined ? "" : `${used.cpuMhz}/`}${granted.Cpu.CpuShares} MHz`,
                `${used === undefined ? "" : `${used.memory}/`}${granted.Memory.MemoryMB} MiB`,
                `${alloc.AllocatedResources.Shared.DiskMB} MiB`,
              ],
            ],
          ),
          "",
        ];
  const events = state.Events.toReversed().map((event) => [
    localTime(event.Time),
    event.Type,
    event.DisplayMessage || event.Message || "<none>",
  ]);
  return [
    "",
    `Task "${name}" is "${state.State}"${state.Failed ? " (failed)" : ""}`,
    ...resources,
    "Task Events:",
    ...properties([
      ["Started At", timeOr(state.StartedAt, "N/A")],
      ["Finished At", timeOr(state.FinishedAt, "N/A")],
      ["Total Restarts", String(state.Restarts)],
      ["Last Restart", timeOr(state.LastRestart, "N/A")],
    ]),
    "",
    "Recent Events:",
    ...columns(["Time", "Type", "Description"], events),
  ];
}

/** A time of the API, whose zero is year 1. */
function timeOr(text: string, missing: string): string {
  const ms = Date.parse(text);
  return ms > 0 ? localTime(ms * 1e6) : missing;
}
