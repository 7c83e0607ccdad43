import type { ConsulClient } from "#base/client/consul-client.ts";
import * as v from "valibot";
import { IngressStatusSchema, STATUS_PREFIX, type IngressStatus } from "#ingress/control/status.ts";
import { foundOf } from "../api/answer.ts";
import { withConsul } from "../api/session.ts";
import { columns, properties } from "../print/columns.ts";
import { printed } from "../print/show.ts";

/** What all ingresses say of themselves; one whose words cannot be read is left out. */
export async function ingressStatuses(
  consul: ConsulClient,
  datacenter: string | undefined,
): Promise<readonly IngressStatus[]> {
  const pairs = foundOf(await consul.kv.list(STATUS_PREFIX, { datacenter })) ?? [];
  return pairs.flatMap(({ Value }) => {
    const read = v.safeParse(
      v.pipe(v.string(), v.parseJson(), IngressStatusSchema),
      Buffer.from(Value, "base64").toString("utf8"),
    );
    return read.success ? [read.output] : [];
  });
}

/** Each ingress, and every problem once. Exit code 1: there is a problem, or no ingress. */
export const status = withConsul(async ({ consul, output, flags, datacenter }) => {
  const found = await ingressStatuses(consul, datacenter);
  const isWell =
    found.length > 0 &&
    found.every(
      ({ failure, problems, catalogLostAt }) => failure === "" && catalogLostAt === "" && problems.length === 0,
    );
  if (await printed({ flags, output }, found)) return isWell ? 0 : 1;
  if (found.length === 0) output.line("No ingress runs (lares job run packs/ingress/ingress.nomad.hcl)");
  for (const one of found) {
    const { haproxy } = one;
    for (const line of properties([
      ["Ingress", one.name === "" ? one.node : `${one.name} on ${one.node}`],
      ["Said at", one.at],
      ["HAProxy", `${haproxy.version || "not asked yet"}, ${haproxy.workers} workers`],
      ["Changes", `${haproxy.reloads} reloads, ${haproxy.commands} commands, ${haproxy.refused} refused`],
      ["Routes", String(one.routeCount)],
      [
        "Catalog",
        one.catalogLostAt === "" ? "in reach" : `out of reach since ${one.catalogLostAt}; what was known is served`,
      ],
      ["Failure", one.failure === "" ? "none" : one.failure],
    ]))
      output.line(line);
    output.line("");
  }
  const problems = new Map(
    found.flatMap((one) => one.problems).map((problem) => [problem.service + problem.message, problem]),
  );
  for (const { service, message, hint } of problems.values())
    output.line(`${service === "" ? "" : `${service}: `}${message}${hint === undefined ? "" : `; ${hint}`}`);
  return isWell ? 0 : 1;
});

/** Routes of all ingresses, each once. */
export const routes = withConsul(async ({ consul, output, flags, operands, datacenter }) => {
  const [service] = operands;
  const found = await ingressStatuses(consul, datacenter);
  const all = new Map(found.flatMap((one) => one.routes).map((route) => [route.route, route]));
  const shown = [...all.values()].filter(({ services }) => service === undefined || services.includes(service));
  if (await printed({ flags, output }, shown)) return 0;
  const rows = shown.map((route) => [
    route.route,
    route.services.join(","),
    `${route.ready}/${route.instances}`,
    String(route.priority),
  ]);
  for (const line of columns(["Route", "Service", "Ready", "Priority"], rows)) output.line(line);
  return 0;
});
