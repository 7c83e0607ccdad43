import { decide, readActive } from "#daemons/router/apply/reconcile.ts";
import { composeReport, confirmUntil, ReportSchema, type Report } from "#daemons/router/serve/report.ts";
import { NODES, pairJson } from "#daemons/router/share/keys.ts";
import { foundOf } from "../api/answer.ts";
import { columns } from "../print/columns.ts";
import { live } from "../print/live.ts";
import { show } from "../print/show.ts";
import { routerCluster, type RouterCluster } from "./cluster.ts";
import { valueOrThrow, withMachine, type RouterInvocation } from "./machine.ts";

/** What is in force, and how it fares: here, where this machine is the router, else on the cluster's. Exit code 1: something is not as it should be. */
export const status = live(
  withMachine(async (invocation) => {
    const { env, output, flags } = invocation;
    const isHere = (await invocation.machine.state.readActive()) !== undefined;
    const cluster = isHere ? undefined : await routerCluster(invocation, env);
    const reports = cluster === undefined ? [["", await reportHere(invocation)] as const] : await reportsOf(cluster);
    const lines = (): readonly string[] =>
      reports.flatMap(([node, report]) => [
        ...(node === "" ? [] : [`Router on ${node}`, ""]),
        ...reportLines(report, env.clock.nowMs()),
      ]);
    await show({ flags, output }, cluster === undefined ? reports[0]?.[1] : Object.fromEntries(reports), lines);
    return reports.every(([, { differs, problems }]) => differs.length + problems.length === 0) ? 0 : 1;
  }),
);

async function reportHere({ machine }: RouterInvocation): Promise<Report> {
  const config = valueOrThrow(await readActive(machine.state));
  const outcome = valueOrThrow(await decide(machine, config));
  return composeReport(outcome, await machine.state.readStatus(), await confirmUntil(machine));
}

async function reportsOf({ consul }: RouterCluster): Promise<readonly (readonly [string, Report])[]> {
  const pairs = foundOf(await consul.kv.list(NODES)) ?? [];
  return pairs.flatMap((pair) => {
    const report = pairJson(pair, ReportSchema);
    return report === undefined ? [] : [[pair.Key.slice(NODES.length), report] as const];
  });
}

function reportLines(report: Report, nowMs: number): readonly string[] {
  const table = (heading: readonly string[], rows: readonly (readonly string[])[]): readonly string[] =>
    rows.length === 0 ? [] : [...columns(heading, rows), ""];
  const list = (items: readonly string[]): string => items.join(" ") || "-";
  const { lines, networks, forwards, confirmUntilMs } = report;
  const seconds = confirmUntilMs === null ? 0 : Math.max(0, Math.round((confirmUntilMs - nowMs) / 1000));
  return [
    ...(lines.length + networks.length === 0 ? ["The router has no configuration. See: lares router apply"] : []),
    ...table(
      ["Line", "Interface", "Type", "State", "Addresses", "Gateway", "Prefix"],
      lines.map((each) => [
        each.name,
        each.device,
        each.type,
        each.state,
        list(each.addresses),
        each.gateway || "-",
        each.prefix || "-",
      ]),
    ),
    ...table(
      ["Network", "Interface", "Zone", "Addresses"],
      networks.map((each) => [each.name, each.device, each.zone, list(each.addresses)]),
    ),
    ...table(
      ["Forward", "Ports", "To", "Targets"],
      forwards.map((each) => [each.name, list(each.ports), each.to, each.targets.join(" ") || "closed"]),
    ),
    ...table(["Program", "State"], Object.entries(report.programs)),
    ...report.differs.map((each) => `differs from the plan: ${each}`),
    ...report.problems.map((each) => `problem: ${each}`),
    ...(confirmUntilMs === null ? [] : [`A change waits for confirmation, ${seconds} seconds more.`]),
  ];
}
