import type { BenchResult } from "../run-bench.ts";
import { showNumber } from "../summary.ts";
import type { Summary } from "../summary.ts";
import type { Machine } from "./machine.ts";
import { plotCurve, plotMeasures } from "./plot.ts";

/** One page that stands alone: no scripts, no fonts, nothing fetched. */
export async function renderReport(machine: Machine, results: readonly BenchResult[]): Promise<string> {
  const sections: string[] = [];
  for (const result of results) sections.push(await renderBench(result));
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Lares: measurements</title>
<style>${STYLE}</style></head><body>
<h1>Lares: measurements</h1>
<p>${escape(`${machine.cpu}, ${machine.cores} cores, ${machine.memoryGb} GB; Linux ${machine.kernel}, Node ${machine.node}; load ${machine.load} when this was written.`)}
Every contestant took its turn in every round. <span class="own">Blue</span> is Lares, <span class="peer">orange</span> a peer, a dot one round.</p>
<h2>Targets</h2>
${renderTargets(results)}
${sections.join("\n")}
</body></html>
`;
}

function renderTargets(results: readonly BenchResult[]): string {
  const rows = results.flatMap((result) =>
    result.measures
      .filter((each) => each.target !== undefined)
      .map(
        (each) =>
          `<tr><td>${escape(each.name)}</td><td>${escape(each.target?.text ?? "")}</td><td class="n">${showNumber(each.median)} ${each.unit}</td><td class="n">${ratioOf(each)}</td><td class="${each.reached === true ? "yes" : "no"}">${each.reached === true ? "reached" : "not reached"}</td></tr>`,
      ),
  );
  if (rows.length === 0) return "<p>None was measured yet.</p>";
  return `<table><tr><th>what</th><th>must reach</th><th>median</th><th>ratio</th><th></th></tr>${rows.join("\n")}</table>`;
}

async function renderBench(result: BenchResult): Promise<string> {
  const plots: string[] = [];
  for (const unit of new Set(result.measures.map((each) => each.unit))) {
    plots.push(await plotMeasures(result.measures.filter((each) => each.unit === unit)));
  }
  const curves = Map.groupBy(result.measures, ({ curve }) => curve?.of);
  for (const [of, measures] of curves) if (of !== undefined) plots.push(await plotCurve(measures));
  const rows = result.measures.map(
    (each) =>
      `<tr><td>${escape(each.name)}</td><td class="n">${showNumber(each.median)} ${each.unit}</td><td class="n">${showNumber(each.min)} … ${showNumber(each.max)}</td><td class="n">${Math.round(each.spread * 100)} %</td><td class="n">${ratioOf(each)}</td></tr>`,
  );
  const failure = result.failure === undefined ? "" : `<pre class="no">${escape(result.failure)}</pre>`;
  return `<section><h2>${escape(result.name)}: ${escape(result.title)}</h2>
<p>${result.rounds} rounds, ${Math.round(result.tookMs / 1000)} s, ${escape(result.measuredAt)}${result.quick ? ", quick" : ""}</p>${failure}
${plots.join("\n")}
<table><tr><th>what</th><th>median</th><th>least … most</th><th>spread</th><th>ratio</th></tr>${rows.join("\n")}</table>
${result.notes.map((note) => `<p class="note">${escape(note)}</p>`).join("\n")}</section>`;
}

function ratioOf(measure: Summary): string {
  return measure.ratio === undefined ? "" : `${showNumber(measure.ratio)} × ${escape(measure.against ?? "")}`;
}

function escape(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.codePointAt(0)};`);
}

const STYLE = `
:root { color-scheme: light dark; --own: #3b82d6; --peer: #c9782f; --line: #8886; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: CanvasText; background: Canvas; }
table { border-collapse: collapse; margin: .8rem 0; } td, th { padding: .2rem .8rem .2rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; } .own { color: var(--own); } .peer { color: var(--peer); }
.yes { color: #2c9a50; } .no { color: #d0463b; font-weight: 600; } .note { opacity: .8; } svg { display: block; max-width: 100%; height: auto; } pre { white-space: pre-wrap; }
`;
