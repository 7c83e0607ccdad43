import type { AllocAnswer } from "#base/client/nomad-answers.ts";
import { valueOf } from "../api/answer.ts";
import { withNomad } from "../api/session.ts";
import { columns, properties } from "../print/columns.ts";
import { printJson } from "../print/json.ts";
import { ago, localTime, shortId } from "../print/time.ts";
import { findAlloc } from "./find-alloc.ts";

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
    if (flags.on("json")) printJson(output, allocs);
    else if (allocs.length === 0) output.line("No allocations placed");
    else for (const line of columns(heading, rows)) output.line(line);
    return 0;
  }
  const alloc = await findAlloc(session, operands[0]);
  if (flags.on("json")) printJson(output, alloc);
  else for (const line of allocLines(alloc, env.clock.nowMs())) output.line(line);
  return 0;
});

function allocLines(alloc: AllocAnswer, nowMs: number): string[] {
  const healthy = alloc.DeploymentStatus?.Healthy;
  const health = healthy === true ? "healthy" : healthy === false ? "unhealthy" : "unset";
  return [
    ...properties([
      ["ID", alloc.ID],
      ["Eval ID", shortId(alloc.EvalID)],
      ["Name", alloc.Name],
      ["Node ID", shortId(alloc.NodeID)],
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
        : [["Deployment ID", shortId(alloc.DeploymentID)] as const, ["Deployment Health", health] as const]),
    ]),
    ...addressLines(alloc),
    ...Object.entries(alloc.TaskStates).flatMap(([name, state]) => taskLines(name, { state, alloc })),
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
  { state, alloc }: { readonly state: AllocAnswer["TaskStates"][string]; readonly alloc: AllocAnswer },
): string[] {
  const given = alloc.AllocatedResources.Tasks[name];
  const resources =
    given === undefined
      ? []
      : [
          "Task Resources:",
          ...columns(
            ["CPU", "Memory", "Disk"],
            [
              [
                `${given.Cpu.CpuShares} MHz`,
                `${given.Memory.MemoryMB} MiB`,
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
