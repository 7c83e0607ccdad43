import { createConsulClient } from "#base/client/consul-client.ts";
import type { ApiResult } from "#base/client/api-caller.ts";
import { valueOf } from "../api/answer.ts";
import { commandFor } from "./find-anything.ts";
import { consulTarget, withNomad, type NomadSession } from "../api/session.ts";
import { columns, properties } from "../print/columns.ts";
import { printed } from "../print/show.ts";

/**
 * How the cluster is, in one look: its APIs, nodes, jobs and services. With an operand: what it names.
 * Exit code 0 when every API answers and every node is ready, else 1.
 */
export const status = withNomad(async (session) => {
  const [typed] = session.operands;
  if (typed !== undefined) return (await commandFor(session, typed))(session);
  const facts = await gather(session);
  const isWell = facts.problems.length === 0;
  if (!(await printed(session, { ...facts, healthy: isWell })))
    for (const line of lines(facts)) session.output.line(line);
  return isWell ? 0 : 1;
});

type Facts = Awaited<ReturnType<typeof gather>>;

async function gather(session: NomadSession) {
  const { nomad, env, namespace } = session;
  const consul = createConsulClient(consulTarget(session, env));
  const leader = valueOf(await nomad.status.leader());
  const [nodes, jobs, services] = await Promise.all([
    nomad.nodes.list(),
    nomad.jobs.list({ namespace: namespace ?? "*" }),
    consul.catalog.services(),
  ]);
  const problems = [...problemOf("nodes", nodes), ...problemOf("jobs", jobs), ...problemOf("services", services)];
  const nodeList = nodes.ok ? nodes.value.value : [];
  if (leader === "") problems.push("the cluster has no leader");
  for (const node of nodeList) if (node.Status !== "ready") problems.push(`node ${node.Name} is ${node.Status}`);
  const jobList = jobs.ok ? jobs.value.value : [];
  return {
    leader,
    nodes: nodeList.map(({ ID, Name, Status, SchedulingEligibility }) => ({ ID, Name, Status, SchedulingEligibility })),
    jobs: jobList.map(({ ID, Status, Stop, JobSummary }) => ({ ID, Status, Stop, Groups: JobSummary?.Summary ?? {} })),
    services: services.ok ? Object.keys(services.value.value).toSorted() : [],
    problems,
  };
}

function problemOf(what: string, result: ApiResult<unknown>): string[] {
  return result.ok ? [] : [`cannot list ${what}: ${result.error.message}`];
}

function lines({ leader, nodes, jobs, services, problems }: Facts): string[] {
  const live = jobs.filter(({ Stop, Status }) => !Stop && Status !== "dead");
  const rows = live.map(({ ID, Status, Groups }) => {
    const groups = Object.values(Groups);
    const running = groups.reduce((sum, { Running }) => sum + Running, 0);
    const queued = groups.reduce((sum, { Queued }) => sum + Queued, 0);
    return [ID, Status, String(running), String(queued)];
  });
  return [
    ...properties([
      ["Leader", leader === "" ? "<none>" : leader],
      ["Nodes", `${nodes.filter(({ Status }) => Status === "ready").length} of ${nodes.length} ready`],
      ["Services", services.length === 0 ? "<none>" : services.join(", ")],
    ]),
    "",
    ...(rows.length === 0 ? ["No running jobs"] : columns(["Job", "Status", "Running", "Queued"], rows)),
    ...(problems.length === 0 ? [] : ["", "Problems", ...problems.map((problem) => `  * ${problem}`)]),
  ];
}
