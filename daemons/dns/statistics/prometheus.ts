import { typeName } from "../packet/type-name.ts";
import { QUERY_STATUS, REPLY_KIND } from "../query-record.ts";
import { LATENCY_BOUNDS, type Statistics } from "./statistics.ts";

/** Types with a line of their own; a flood of odd ones makes no more lines than this. */
const MAX_TYPES = 40;

/** What is known beside counts. */
export interface Gauges {
  readonly blockedNames: number;
  readonly isBlocking: boolean;
  readonly cachedReplies: number;
  readonly unwrittenQueries: number;
}

/** The text format of Prometheus, version 0.0.4. No names and no clients are in it. */
export function prometheusText(statistics: Statistics, gauges: Gauges): string {
  const { ever } = statistics;
  const lines: string[] = [];
  const metric = (name: string, kind: string, help: string): void => {
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${kind}`);
  };
  metric("lares_dns_queries_total", "counter", "Answered questions by how they were answered.");
  for (const [name, at] of Object.entries(QUERY_STATUS))
    lines.push(`lares_dns_queries_total{status="${snake(name)}"} ${ever.statuses[at] ?? 0}`);
  metric("lares_dns_replies_total", "counter", "Answered questions by what the answer held.");
  for (const [name, at] of Object.entries(REPLY_KIND))
    lines.push(`lares_dns_replies_total{reply="${name}"} ${ever.replies[at] ?? 0}`);
  metric("lares_dns_query_types_total", "counter", "Answered questions by type.");
  for (const [type, count] of [...ever.types].sort(([, a], [, b]) => b - a).slice(0, MAX_TYPES))
    lines.push(`lares_dns_query_types_total{type="${typeName(type)}"} ${count}`);
  metric("lares_dns_upstream_answers_total", "counter", "Answers of other servers.");
  for (const [upstream, { count }] of ever.upstreams)
    lines.push(`lares_dns_upstream_answers_total{upstream="${label(upstream)}"} ${count}`);
  addLatency(statistics, lines, metric);
  const gauge = (name: string, help: string, value: number): void => {
    metric(name, "gauge", help);
    lines.push(`${name} ${value}`);
  };
  gauge("lares_dns_blocked_names", "Names the lists block.", gauges.blockedNames);
  gauge("lares_dns_blocking_enabled", "1 while blocking is on.", gauges.isBlocking ? 1 : 0);
  gauge("lares_dns_cached_replies", "Replies in the cache.", gauges.cachedReplies);
  metric("lares_dns_log_dropped_total", "counter", "Queries the long-term log did not keep up with.");
  lines.push(`lares_dns_log_dropped_total ${gauges.unwrittenQueries}`);
  return `${lines.join("\n")}\n`;
}

function addLatency(
  { ever, latency }: Statistics,
  lines: string[],
  metric: (name: string, kind: string, help: string) => void,
): void {
  metric("lares_dns_upstream_seconds", "histogram", "Time until another server answered.");
  let sum = 0;
  for (const [at, bound] of LATENCY_BOUNDS.entries()) {
    sum += latency[at] ?? 0;
    lines.push(`lares_dns_upstream_seconds_bucket{le="${bound}"} ${sum}`);
  }
  const count = sum + (latency[LATENCY_BOUNDS.length] ?? 0);
  const seconds = [...ever.upstreams.values()].reduce((all, { sumMs }) => all + sumMs / 1000, 0);
  lines.push(
    `lares_dns_upstream_seconds_bucket{le="+Inf"} ${count}`,
    `lares_dns_upstream_seconds_sum ${seconds}`,
    `lares_dns_upstream_seconds_count ${count}`,
  );
}

function snake(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function label(text: string): string {
  return text.replaceAll(/[\\"\n]/g, (found) => (found === "\n" ? String.raw`\n` : `\\${found}`));
}
