import * as v from "valibot";
import { GAUGE_TEXT, gaugeText } from "#base/http/gauge-text.ts";
import { HttpError } from "#base/http/http-error.ts";
import { queryText } from "#base/http/query.ts";
import { route, type Route } from "#base/http/route.ts";
import type { Gauge, GaugeSource } from "../gauge.ts";
import type { MetricsOptions } from "./metrics-options.ts";
import type { Clock } from "#base/env/clock.ts";
import type { AgentFacts } from "./nomad-deps.ts";

const DEFAULTS: MetricsOptions = { prometheus: true, prefixFilter: [], sources: [] };

export interface MetricsDeps {
  readonly clock: Clock;
  readonly agent: AgentFacts;
  /** What comes first: of the servers' side, where there is one. */
  readonly gauges: GaugeSource;
}

/** https://developer.hashicorp.com/nomad/api-docs/metrics ; `format=prometheus` gives the text format 0.0.4 */
export function metricsRoutes({ clock, gauges, agent }: MetricsDeps): Route[] {
  const options = agent.metrics ?? DEFAULTS;
  const measure = async (): Promise<readonly Gauge[]> => {
    const others = await Promise.all(options.sources.map((source) => source()));
    const all = [...(await gauges()), ...others.flat()];
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
          const body = gaugeText(await measure());
          return { kind: "bytes", contentType: GAUGE_TEXT, body };
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
