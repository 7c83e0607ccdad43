import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Bench } from "./harness.ts";
import { runBench } from "./run-bench.ts";
import type { BenchResult } from "./run-bench.ts";
import { describeMachine } from "./report/machine.ts";
import { printResult } from "./report/terminal.ts";
import { renderReport } from "./report/html.ts";

/** `npm run bench [name…] [-- --quick] [--rounds N] [--kills N]`. Exits 1 when a bench failed to run; a missed target is a finding, not a failure. */
const root = new URL("..", import.meta.url).pathname;
const out = join(root, "dist/bench");
const resultsPath = join(out, "results.json");

const args = process.argv.slice(2);
const quick = args.includes("--quick");
const rounds = numberOf("--rounds", quick ? 3 : 7);
const kills = numberOf("--kills", quick ? 3 : 10);
const names = args.filter((arg, at) => !arg.startsWith("--") && !["--rounds", "--kills"].includes(args[at - 1] ?? ""));

const known = readdirSync(join(root, "bench"))
  .filter((file) => file.endsWith(".bench.ts"))
  .map((file) => file.slice(0, -".bench.ts".length))
  .sort();
const unknown = names.find((name) => !known.includes(name));
if (unknown !== undefined) fail(`no bench is called '${unknown}'; there are: ${known.join(", ")}`);

const results = new Map(readResults().map((result) => [result.name, result]));
let failed = false;
for (const name of names.length > 0 ? names : known) {
  const { bench } = (await import(join(root, `bench/${name}.bench.ts`))) as { bench: Bench };
  const result = await runBench(bench, { rounds, kills, quick });
  printResult(result);
  failed ||= result.failure !== undefined;
  results.set(name, result);
  mkdirSync(out, { recursive: true });
  const kept = [...results.values()]
    .filter((each) => known.includes(each.name))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  writeFileSync(resultsPath, `${JSON.stringify({ machine: describeMachine(), results: kept }, undefined, 2)}\n`);
  writeFileSync(join(out, "report.html"), await renderReport(describeMachine(), kept));
}
console.log(`\nwritten: dist/bench/results.json, dist/bench/report.html`);
process.exit(failed ? 1 : 0);

function readResults(): readonly BenchResult[] {
  try {
    return (JSON.parse(readFileSync(resultsPath, "utf8")) as { results: BenchResult[] }).results;
  } catch {
    return [];
  }
}

function numberOf(flag: string, usual: number): number {
  const at = args.indexOf(flag);
  const number = at >= 0 ? Number(args[at + 1]) : usual;
  if (!Number.isInteger(number) || number < 1) fail(`${flag} takes a positive whole number, not '${args[at + 1]}'`);
  return number;
}

function fail(message: string): never {
  console.error(message);
  process.exit(2);
}
