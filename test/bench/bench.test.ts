import test from "ava";
import { takeTurns } from "#bench/harness.ts";
import type { Contestant } from "#bench/harness.ts";
import { renderReport } from "#bench/report/html.ts";
import type { BenchResult } from "#bench/run-bench.ts";
import { quantile, showNumber, summarize } from "#bench/summary.ts";

test("everyone takes a turn in every round, the order turns, the first round does not count", async (t) => {
  const order: string[] = [];
  const contestant = (name: string): Contestant => ({
    name,
    unit: "ms",
    better: "less",
    turn: () => order.push(name),
  });
  const measures = await takeTurns([contestant("a"), contestant("b"), contestant("c")], 2);
  t.is(order.join(""), "abcabcbca");
  t.deepEqual(
    measures.map((each) => each.samples),
    [
      [4, 9],
      [5, 7],
      [6, 8],
    ],
  );
});

test("medians, ratios and targets, also where a peer is missing", (t) => {
  const [own, peer, lonely, bounded] = summarize([
    {
      name: "own",
      unit: "ops/s",
      better: "more",
      samples: [100, 300, 200],
      against: "peer",
      target: { text: "≥ 2 ×", ratioAtLeast: 2 },
    },
    { name: "peer", unit: "ops/s", better: "more", samples: [90, 110], peer: true },
    {
      name: "lonely",
      unit: "ms",
      better: "less",
      samples: [1],
      against: "gone",
      target: { text: "≤ 1 ×", ratioAtMost: 1 },
    },
    { name: "bounded", unit: "ms", better: "less", samples: [5, 7, 6, 8], target: { text: "≤ 6 ms", atMost: 6 } },
  ]);
  t.like(own, { median: 200, ratio: 2, reached: true, min: 100, max: 300, spread: 0.5 });
  t.like(peer, { median: 100, ratio: undefined, reached: undefined });
  t.like(lonely, { ratio: undefined, reached: false });
  t.like(bounded, { median: 6.5, reached: false });
  t.true(Number.isNaN(quantile([], 0.5)));
  t.deepEqual([1234.5, 0.012345, 0, Number.NaN].map(showNumber), ["1,235", "0.0123", "0", "none"]);
});

test("the report stands alone, escapes what it shows, and takes its ink from the page", async (t) => {
  const measures = summarize([
    { name: "<b>own</b>", unit: "ms", better: "less", samples: [1, 2], target: { text: "≤ 3 ms", atMost: 3 } },
    { name: "peer", unit: "ms", better: "less", samples: [3], peer: true },
  ]);
  const result: BenchResult = {
    name: "x",
    title: "a & b",
    measuredAt: "2026-01-01",
    rounds: 2,
    quick: false,
    tookMs: 1000,
    measures,
    notes: ["n"],
  };
  const broken: BenchResult = { ...result, name: "y", measures: [], failure: "Error: <broke>" };
  const html = await renderReport({ cpu: "c", cores: 2, memoryGb: 4, kernel: "6", node: "v26", load: 0 }, [
    result,
    broken,
  ]);
  t.false(html.includes("<b>own"));
  t.regex(html, /<svg[^]*currentColor[^]*<\/svg>/);
  t.false(html.includes("#010203"));
  t.regex(html, /class="yes">reached/);
  t.true(html.includes("Error: &#60;broke&#62;"));
  t.notRegex(html, /<script|src=|url\(http/);
});
