import * as v from "valibot";
import { nowNs } from "#base/env/clock.ts";
import { jsonBody } from "#base/http/body.ts";
import { HttpError } from "#base/http/http-error.ts";
import { queryText } from "#base/http/query.ts";
import { route } from "#base/http/route.ts";
import type { Route } from "#base/http/route.ts";
import { flag, text } from "#base/protocol/schema.ts";
import type { TaskStats } from "#drivers/driver.ts";
import { keysOf } from "../devices/device-inventory.ts";
import { groupOf } from "../alloc/group-tasks.ts";
import { allocLifecycle, readJob, refuse, runnerOf, ofAlloc } from "./client-deps.ts";
import type { ClientHttpDeps } from "./client-deps.ts";
import { deviceStats } from "./device-stats.ts";

const RestartSchema = v.object({ TaskName: text, AllTasks: flag });
const SignalSchema = v.object({ Task: text, TaskName: text, Signal: text });

/** https://developer.hashicorp.com/nomad/api-docs/client#read-allocation-statistics , …/allocations#restart-allocation , …#signal-allocation */
export function clientAllocRoutes(deps: ClientHttpDeps): Route[] {
  return [
    route({
      method: "GET",
      path: "/v1/client/allocation/:alloc/stats",
      summary: "Measures the tasks of an allocation",
      access: ofAlloc(deps, readJob),
      query: v.object({ task: queryText }),
      handle: async ({ params, query }) => ({ kind: "json", value: await statsOf(deps, params.alloc, query.task) }),
    }),
    ...endRoutes(deps),
    route({
      method: ["PUT", "POST"],
      path: "/v1/client/allocation/:alloc/restart",
      summary: "Restarts the running tasks of an allocation, one of them, or with AllTasks those that have ended, too",
      access: ofAlloc(deps, allocLifecycle),
      body: jsonBody(RestartSchema, { whenEmpty: {} }),
      handle({ params, body }) {
        if (body.AllTasks && body.TaskName !== "")
          throw new HttpError(400, "AllTasks and TaskName are given: expected one of them");
        const runner = runnerOf(deps, params.alloc);
        const done = body.AllTasks
          ? runner.restartAll("User requested all tasks to restart")
          : runner.restart(body.TaskName, "User requested task to restart", "person");
        if (!done.ok) throw refuse(done.error);
        return { kind: "json", value: {} };
      },
    }),
    route({
      method: ["PUT", "POST"],
      path: "/v1/client/allocation/:alloc/signal",
      summary: "Sends a signal to the tasks of an allocation, or one of them",
      access: ofAlloc(deps, allocLifecycle),
      body: jsonBody(SignalSchema),
      async handle({ params, body }) {
        if (body.Signal === "") throw new HttpError(400, "Signal is missing: give a name such as SIGHUP");
        const name = body.Task === "" ? body.TaskName : body.Task;
        const done = await runnerOf(deps, params.alloc).signal(name, body.Signal);
        if (!done.ok) throw refuse(done.error);
        return { kind: "json", value: {} };
      },
    }),
  ];
}

function endRoutes(deps: ClientHttpDeps): Route[] {
  return [
    route({
      method: ["PUT", "POST", "GET"],
      path: "/v1/client/allocation/:alloc/gc",
      summary: "Removes the folder of an allocation that has ended",
      access: ofAlloc(deps, allocLifecycle),
      async handle({ params }) {
        const runner = runnerOf(deps, params.alloc);
        if (!runner.isTerminal()) throw new HttpError(400, "the allocation has not ended: its folder is in use");
        await deps.client.removeFolder(runner);
        return { kind: "json", value: {} };
      },
    }),
    route({
      method: ["GET", "PUT", "POST"],
      path: "/v1/client/allocation/:alloc/pause",
      summary: "Not available: answers 501",
      access: ofAlloc(deps, readJob),
      handle() {
        throw new HttpError(501, "Nomad Enterprise only endpoint");
      },
    }),
  ];
}

const MEASURED = { memory: ["RSS", "Usage"], cpu: ["Percent", "Total Ticks"] };

async function statsOf({ client, env, ...rest }: ClientHttpDeps, allocId: string, only: string): Promise<object> {
  const runner = runnerOf({ client, env, ...rest }, allocId);
  const measured = new Map<string, Measured>();
  for (const task of groupOf(runner.current)?.Tasks ?? []) {
    const phase = runner.tasks.get(task.Name)?.record().phase;
    if (phase?.kind !== "running" || (only !== "" && only !== task.Name)) continue;
    const stats = await client.driver(task.Driver)?.stats(phase.handle);
    const reserved = runner.current.alloc.AllocatedResources.Tasks[task.Name]?.Devices ?? [];
    const devices = reserved.length === 0 ? [] : await client.devices.measure(new Set(keysOf(reserved)));
    if (stats?.ok === true) measured.set(task.Name, { ...stats.value, devices: deviceStats(env, devices) });
  }
  const all = [...measured.values()];
  const sum = (pick: (stats: TaskStats) => number): number => all.reduce((total, stats) => total + pick(stats), 0);
  return {
    ResourceUsage: usageOf({
      memoryRssBytes: sum((stats) => stats.memoryRssBytes),
      memoryUsageBytes: sum((stats) => stats.memoryUsageBytes),
      cpuPercent: sum((stats) => stats.cpuPercent),
      cpuTotalTicks: sum((stats) => stats.cpuTotalTicks),
      devices: all.flatMap(({ devices }) => devices),
    }),
    Tasks: Object.fromEntries(
      [...measured].map(([name, stats]) => [
        name,
        // Clients expect a map by process there; what is measured is the task as a whole.
        { ResourceUsage: usageOf(stats), Timestamp: stats.timestampNs, Pids: null },
      ]),
    ),
    Timestamp: nowNs(env.clock),
  };
}

interface Measured extends TaskStats {
  readonly devices: readonly object[];
}

function usageOf(stats: Omit<Measured, "timestampNs" | "pids">): object {
  return {
    MemoryStats: {
      RSS: stats.memoryRssBytes,
      Usage: stats.memoryUsageBytes,
      Cache: 0,
      Swap: 0,
      MaxUsage: 0,
      KernelUsage: 0,
      KernelMaxUsage: 0,
      Measured: MEASURED.memory,
    },
    CpuStats: {
      Percent: stats.cpuPercent,
      TotalTicks: stats.cpuTotalTicks,
      SystemMode: 0,
      UserMode: 0,
      ThrottledPeriods: 0,
      ThrottledTime: 0,
      Measured: MEASURED.cpu,
    },
    DeviceStats: stats.devices,
  };
}
