import { sleep } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import { CodedError, messageOf } from "#base/env/errors.ts";
import { withConsul } from "../api/session.ts";
import { columns } from "../print/columns.ts";
import { isForPrograms, printed } from "../print/show.ts";
import { ingressStatuses } from "./ingress.ts";
import { readBackends, type BackendCounts } from "./statistics.ts";

const INTERVAL_S = 2;
const TIMEOUT_MS = 5000;

/** Requests, errors and times per route, over all ingresses, between one look and the next. */
export const top = withConsul(async ({ env, consul, output, flags, datacenter }) => {
  const statuses = await ingressStatuses(consul, datacenter);
  const places = statuses.flatMap(({ admin }) => (admin === "" ? [] : [admin]));
  if (places.length === 0)
    throw new CodedError(
      "ingress_no_statistics",
      "no ingress says where its statistics are; its group needs a port labelled admin",
    );
  const routes = new Map(statuses.flatMap((one) => one.routes).map(({ backend, route }) => [backend, route]));
  const seconds = Math.max(0.2, Number(flags.value("interval") ?? INTERVAL_S) || INTERVAL_S);
  const isLive = output.terminal && !isForPrograms({ flags });
  const count = Number(flags.value("count") ?? (isLive ? Infinity : 1)) || 1;
  let before = await look(env, places);
  for (let round = 0; round < count; round++) {
    await sleep(env.clock, seconds * 1000);
    const now = await look(env, places);
    const rows = [...now].map(([backend, counts]) => ({
      route: routes.get(backend) ?? backend,
      ...between(before.get(backend), counts, seconds),
    }));
    const sorted = rows.toSorted((a, b) => b.requestsPerSecond - a.requestsPerSecond || (a.route < b.route ? -1 : 1));
    before = now;
    if (await printed({ flags, output }, sorted)) continue;
    if (isLive) output.write("\u001b[2J\u001b[H");
    const heading = ["Route", "Requests/s", "4xx/s", "5xx/s", "Response", "Now", "Ready"];
    const cells = sorted.map((row) => [
      row.route,
      row.requestsPerSecond.toFixed(1),
      row.clientErrorsPerSecond.toFixed(1),
      row.serverErrorsPerSecond.toFixed(1),
      `${row.responseMs} ms`,
      String(row.open),
      String(row.ready),
    ]);
    for (const line of columns(heading, cells)) output.line(line);
  }
  return 0;
});

/** The counts of all ingresses together; one that does not answer is left out. */
async function look(env: Env, places: readonly string[]): Promise<ReadonlyMap<string, BackendCounts>> {
  const sum = new Map<string, BackendCounts>();
  for (const place of places) {
    try {
      const response = await env.http.request({ url: `http://${place}/stats;csv`, timeoutMs: TIMEOUT_MS });
      for (const [name, counts] of readBackends(await response.text())) {
        const known = sum.get(name);
        sum.set(name, known === undefined ? counts : added(known, counts));
      }
    } catch (error) {
      env.log.warn(`the statistics at ${place} cannot be had`, { error: messageOf(error) });
    }
  }
  return sum;
}

function added(a: BackendCounts, b: BackendCounts): BackendCounts {
  return {
    requests: a.requests + b.requests,
    clientErrors: a.clientErrors + b.clientErrors,
    serverErrors: a.serverErrors + b.serverErrors,
    responseMs: Math.max(a.responseMs, b.responseMs),
    open: a.open + b.open,
    ready: Math.max(a.ready, b.ready),
  };
}

function between(before: BackendCounts | undefined, now: BackendCounts, seconds: number) {
  // A new worker counts from nothing.
  const rate = (was: number | undefined, is: number): number =>
    (is - (was === undefined || was > is ? 0 : was)) / seconds;
  return {
    requestsPerSecond: rate(before?.requests, now.requests),
    clientErrorsPerSecond: rate(before?.clientErrors, now.clientErrors),
    serverErrorsPerSecond: rate(before?.serverErrors, now.serverErrors),
    responseMs: now.responseMs,
    open: now.open,
    ready: now.ready,
  };
}
