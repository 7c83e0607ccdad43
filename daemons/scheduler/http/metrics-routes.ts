import * as v from "valibot";
import { HttpError } from "#base/http/http-error.ts";
import { queryText } from "#base/http/query.ts";
import { route, type Route } from "#base/http/route.ts";
import type { Gauge } from "../gauge.ts";
import { serverGauges } from "../server/server-gauges.ts";
import type { MetricsOptions } from "./metrics-options.ts";
import type { NomadHttpDeps } from "./nomad-deps.ts";

const DEFAULTS: MetricsOptions = { prometheus: true, prefixFilter: [], sources: [] };

/** https://developer.hashicorp.com/nomad/api-docs/metrics ; `format=prometheus` gives the text format 0.0.4 */
export function metricsRoutes({ server, agent }: NomadHttpDeps): Route[] {
  const { clock } = server.context.env;
  const options = agent.metrics ?? DEFAULTS;
  const measure = async (): Promise<readonly Gauge[]> => {
    const others = await Promise.all(options.sources.map((source) => source()));
    const all = [...(await serverGauges(server, agent.name)), ...others.flat()];
    return options.prefixFilter.length === 0 ? all : all.filter(({ Name }) => isWanted(Name, options.prefixFilter));
  };
  return [
    route({
      method: "GET",
      path: "/v1/metrics",
      summary: "Measurements of this agent",
      access: { kind: "public" },
      query: v.object({ format: queryText }),
      handle: async ({ query }) => {
        if (query.format === "prometheus") {
          if (!options.prometheus) {
            throw new HttpError(415, "Prometheus is not enabled: set telemetry { prometheus_metrics = true }");
          }
          const body = prometheusText(await measure());
          return { kind: "bytes", contentType: "text/plain; version=0.0.4; charset=utf-8", body };
        }
        if (query.format !== "") {
          throw new HttpError(
            400,
            `unknown metrics format ${JSON.stringify(query.format)}: expected prometheus or none`,
          );
        }
        const Timestamp = `${new Date(clock.nowMs()).toISOString().slice(0, 19).replace("T", " ")} +0000 UTC`;
        return { kind: "json", value: { Timestamp, Gauges: await measure(), Points: [], Counters: [], Samples: [] } };
      },
    }),
  ];
}

function isWanted(name: string, filter: readonly string[]): boolean {
  const fitting = filter.filter((each) => name.startsWith(each.slice(1)));
  const longest = fitting.reduce((best, each) => (each.length > best.length ? each : best), "+");
  return !longest.startsWith("-");
}

/** https://prometheus.io/docs/instrumenting/exposition_formats/ */
function prometheusText(gauges: readonly Gauge[]): string {
  const byName = Map.groupBy(gauges, ({ Name }) => Name.replaceAll(/[^a-zA-Z0-9_:]/g, "_"));
  const lines = [...byName].flatMap(([name, samples]) => [
    `# HELP ${name} ${name}`,
    `# TYPE ${name} gauge`,
    ...samples.map(({ Labels, Value }) => `${name}{${labelText(Labels)}} ${Value}`),
  ]);
  return `${lines.join("\n")}\n`;
}

function labelText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(
      ([name, value]) => `${name}="${value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")}"`,
    )
    .join(",");
}
