import { createHash } from "node:crypto";
import type { CheckStatus, TaskCheck } from "#base/protocol/catalog.ts";
import type { Service } from "#base/protocol/service.ts";
import { route, type Route } from "#base/http/route.ts";
import { groupOf } from "../alloc/group-tasks.ts";
import { serviceId } from "../alloc/service-definitions.ts";
import type { AllocRunner } from "../alloc/alloc-runner.ts";
import { readJob, runnerOf, type ClientHttpDeps, ofAlloc } from "./client-deps.ts";

const STATUS: Readonly<Record<CheckStatus, string>> = { passing: "success", warning: "failure", critical: "failure" };

/** https://developer.hashicorp.com/nomad/api-docs/allocations#allocation-checks */
export function checkRoutes(deps: ClientHttpDeps): Route[] {
  return (["/v1/allocation/:alloc/checks", "/v1/client/allocation/:alloc/checks"] as const).map((path) =>
    route({
      method: "GET",
      path,
      summary: "How the health checks of an allocation's services stand",
      access: ofAlloc(deps, readJob),
      handle({ params }) {
        const runner = runnerOf(deps, params.alloc);
        const checks = deps.client.checksOf(params.alloc).map((check) => checkAnswer(runner, check));
        return { kind: "json", value: Object.fromEntries(checks.map((check) => [check.ID, check])) };
      },
    }),
  );
}

function checkAnswer({ current }: AllocRunner, check: TaskCheck) {
  const owner = ownerOf(current, check.ServiceID);
  const [, index = "0"] = /:check-(\d+)$/.exec(check.CheckID) ?? [];
  const readiness = owner?.service.Checks[Number(index)]?.OnUpdate === "ignore";
  return {
    ID: createHash("sha256").update(check.CheckID).digest("hex").slice(0, 32),
    Mode: readiness ? "readiness" : "healthiness",
    Status: check.settledMs === 0 ? "pending" : STATUS[check.Status],
    Output: check.Output,
    Timestamp: Math.floor(check.settledMs / 1000),
    Group: current.alloc.Name,
    Task: owner?.task ?? "",
    Service: check.ServiceName,
    Check: check.Name,
  };
}

function ownerOf(current: AllocRunner["current"], id: string): { service: Service; task: string } | undefined {
  const group = groupOf(current);
  const owned = [
    ...(group?.Services ?? []).map((service) => ({ service, task: "" })),
    ...(group?.Tasks ?? []).flatMap((task) => task.Services.map((service) => ({ service, task: task.Name }))),
  ];
  return owned.find(({ service, task }) => serviceId(current.alloc, task, service) === id);
}
