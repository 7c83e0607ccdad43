import { parse, View } from "vega";
import { compile } from "vega-lite";
import type { TopLevelSpec } from "vega-lite";
import type { Summary } from "../summary.ts";

/** Stands for the page's own text colour; no figure is drawn in it otherwise. */
const INK = "#010203";
const OWN = "#3b82d6";
const PEER = "#c9782f";

/** Medians as bars, every sample as a dot, for measures of one unit. Its text takes the colour of the page it stands in. */
export async function plotMeasures(measures: readonly Summary[]): Promise<string> {
  const unit = measures[0]?.unit ?? "";
  const order = measures.map((each) => each.name);
  const medians = measures.map(({ name, median, peer }) => ({
    name,
    value: median,
    who: peer === true ? "peer" : "Lares",
  }));
  const samples = measures.flatMap(({ name, samples: values }) => values.map((value) => ({ name, value })));
  const y = { field: "name", type: "nominal", sort: order, title: null, axis: { labelLimit: 360 } } as const;
  const x = { field: "value", type: "quantitative", title: unit, scale: { zero: true } } as const;
  const color = {
    field: "who",
    type: "nominal" as const,
    scale: { domain: ["Lares", "peer"], range: [OWN, PEER] },
    legend: null,
  };
  const spec: TopLevelSpec = {
    width: 480,
    height: { step: 26 },
    background: "transparent",
    layer: [
      {
        data: { values: medians },
        mark: { type: "bar", height: 14 },
        encoding: { y, x, color },
      },
      {
        data: { values: samples },
        mark: { type: "point", filled: true, size: 22, color: INK, opacity: 0.75 },
        encoding: { y, x },
      },
    ],
    config: CONFIG,
  };
  return drawn(spec);
}

/** Medians as a line from least to most, every sample as a dot: how a figure grows. */
export async function plotCurve(measures: readonly Summary[]): Promise<string> {
  const points = measures.flatMap(({ curve, median }) =>
    curve === undefined ? [] : [{ at: curve.at, value: median }],
  );
  const samples = measures.flatMap(({ curve, samples: values }) =>
    curve === undefined ? [] : values.map((value) => ({ at: curve.at, value })),
  );
  const [first] = measures;
  const x = { field: "at", type: "quantitative", title: first?.curve?.axis ?? "", scale: { zero: true } } as const;
  const y = { field: "value", type: "quantitative", title: first?.unit ?? "", scale: { zero: true } } as const;
  return drawn({
    title: { text: first?.curve?.of ?? "", color: INK, fontWeight: "normal" },
    width: 480,
    height: 220,
    background: "transparent",
    layer: [
      { data: { values: points }, mark: { type: "line", color: OWN, point: { color: OWN } }, encoding: { x, y } },
      {
        data: { values: samples },
        mark: { type: "point", filled: true, size: 14, color: INK, opacity: 0.5 },
        encoding: { x, y },
      },
    ],
    config: CONFIG,
  });
}

const CONFIG = {
  view: { stroke: null },
  axis: { labelColor: INK, titleColor: INK, tickColor: INK, domainColor: INK, gridColor: INK, gridOpacity: 0.15 },
  font: "system-ui, sans-serif",
};

async function drawn(spec: TopLevelSpec): Promise<string> {
  const svg = await new View(parse(compile(spec).spec), { renderer: "none" }).toSVG();
  return svg.replaceAll(INK, "currentColor");
}
