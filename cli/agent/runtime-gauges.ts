import { getHeapStatistics } from "node:v8";
import type { GaugeSource } from "#daemons/scheduler/gauge.ts";

/** The process itself, under the names dashboards of Nomad look for. */
export function runtimeGauges(host: string): GaugeSource {
  const Labels = { host };
  return () => {
    const { heapUsed, rss, external } = process.memoryUsage();
    const values = {
      alloc_bytes: heapUsed,
      sys_bytes: rss,
      heap_bytes: getHeapStatistics().total_heap_size,
      external_bytes: external,
      num_goroutines: process.getActiveResourcesInfo().length,
      uptime_seconds: Math.round(process.uptime()),
      cpu_seconds: (process.cpuUsage().user + process.cpuUsage().system) / 1e6,
    };
    const gauges = Object.entries(values).map(([name, Value]) => ({ Name: `nomad.runtime.${name}`, Value, Labels }));
    return Promise.resolve(gauges);
  };
}
