export interface TextGauge {
  readonly Name: string;
  readonly Value: number;
  readonly Labels: Readonly<Record<string, string>>;
}

/** Content type of {@link gaugeText}. */
export const GAUGE_TEXT = "text/plain; version=0.0.4; charset=utf-8";

/** The text format 0.0.4. https://prometheus.io/docs/instrumenting/exposition_formats/ */
export function gaugeText(gauges: readonly TextGauge[]): string {
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
