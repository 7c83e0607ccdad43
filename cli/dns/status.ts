import * as v from "valibot";
import { UsageError } from "../command/command.ts";
import { columns, properties } from "../print/columns.ts";
import { live } from "../print/live.ts";
import { show } from "../print/show.ts";
import { span } from "../print/time.ts";
import { withDns } from "./dns-session.ts";

const SummarySchema = v.looseObject({
  queries: v.looseObject({
    total: v.number(),
    blocked: v.number(),
    percent_blocked: v.number(),
    cached: v.number(),
    forwarded: v.number(),
    frequency: v.number(),
  }),
  clients: v.looseObject({ active: v.number() }),
  gravity: v.looseObject({ domains_being_blocked: v.number() }),
});
const BlockingSchema = v.looseObject({ blocking: v.string(), timer: v.nullable(v.number()) });
const UpstreamsSchema = v.looseObject({
  upstreams: v.array(
    v.looseObject({
      ip: v.string(),
      port: v.number(),
      count: v.number(),
      statistics: v.looseObject({ response: v.number() }),
    }),
  ),
});
const MessagesSchema = v.looseObject({ messages: v.array(v.looseObject({ plain: v.string() })) });

export const status = live(
  withDns(async ({ api, flags, output, operands }) => {
    if (operands.length > 0) throw new UsageError("nothing may follow");
    const summary = await api.call("/api/stats/summary", { schema: SummarySchema });
    const blocking = await api.call("/api/dns/blocking", { schema: BlockingSchema });
    const { upstreams } = await api.call("/api/stats/upstreams", { schema: UpstreamsSchema });
    const { messages } = await api.call("/api/info/messages", { schema: MessagesSchema });
    const { queries, clients, gravity } = summary;
    const left = blocking.timer === null ? "" : ` for ${span(Math.ceil(blocking.timer))} more`;
    const lines = (): string[] => [
      ...properties([
        ["Blocking", `${blocking.blocking}${left}`],
        ["Blocked names", String(gravity.domains_being_blocked)],
        ["Queries (24 h)", `${queries.total}, ${queries.frequency.toFixed(1)} a second now`],
        ["Blocked", `${queries.blocked} (${queries.percent_blocked.toFixed(1)} %)`],
        ["Answered here", String(queries.cached)],
        ["Forwarded", String(queries.forwarded)],
        ["Clients", String(clients.active)],
      ]),
      "",
      ...columns(
        ["Answered by", "Queries", "Mean time"],
        upstreams.map(({ ip, port, count, statistics: { response } }) => [
          port > 0 && port !== 53 ? `${ip}:${port}` : ip,
          String(count),
          response === 0 ? "-" : `${(response * 1000).toFixed(1)} ms`,
        ]),
      ),
      ...messages.map(({ plain }) => `Problem: ${plain}`),
    ];
    return show({ flags, output }, { ...summary, ...blocking, upstreams, messages }, lines);
  }),
);

const DomainsSchema = v.looseObject({ domains: v.array(v.looseObject({ domain: v.string(), count: v.number() })) });
const ClientsSchema = v.looseObject({
  clients: v.array(v.looseObject({ ip: v.string(), name: v.string(), count: v.number() })),
});

export const top = live(
  withDns(async ({ api, flags, output }) => {
    const query = `?blocked=${flags.on("blocked")}&count=${countOf(flags.value("n"), 10)}`;
    const { domains } = await api.call(`/api/stats/top_domains${query}`, { schema: DomainsSchema });
    const { clients } = await api.call(`/api/stats/top_clients${query}`, { schema: ClientsSchema });
    return show({ flags, output }, { domains, clients }, () => [
      ...columns(
        ["Name", "Queries"],
        domains.map(({ domain, count }) => [domain, String(count)]),
      ),
      "",
      ...columns(
        ["Client", "Name", "Queries"],
        clients.map(({ ip, name, count }) => [ip, name || "-", String(count)]),
      ),
    ]);
  }),
);

export function countOf(text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  if (!/^\d{1,5}$/.test(text)) throw new UsageError(`-n=${text}: expected a number`);
  return Number(text);
}
