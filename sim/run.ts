import { parseArgs } from "node:util";
import { runSeed } from "./run-seed.ts";
import { scenarios } from "./scenarios/registry.ts";

/** `node sim/run.ts --seed N [--count M] [--scenario NAME] [--verbose]`: replays a seed, or M of them from N on. */
const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    count: { type: "string", default: "1" },
    scenario: { type: "string" },
    verbose: { type: "boolean", default: false },
  },
});
const first = Number(values.seed);
const count = Number(values.count);
const chosen = scenarios.filter((each) => values.scenario === undefined || each.name === values.scenario);
if (!Number.isSafeInteger(first) || !Number.isSafeInteger(count) || first < 0 || count < 1 || chosen.length === 0) {
  const names = scenarios.map((each) => each.name).join(", ");
  process.stderr.write(`--seed and --count take whole numbers; scenarios are: ${names}\n`);
  process.exit(2);
}
let failed = 0;
for (let seed = first; seed < first + count; seed++) {
  for (const scenario of chosen) {
    const result = await runSeed(scenario, {
      seed,
      turn: () => new Promise((resolve) => setImmediate(resolve)),
      ...(values.verbose ? { onLine: (line: string) => void process.stdout.write(`${line}\n`) } : {}),
    });
    const { events, worldMs, hash } = result;
    process.stdout.write(
      `${scenario.name} seed ${seed}: ${result.failure === undefined ? "ok" : "FAILED"}, ${events} events in ${(worldMs / 1000).toFixed(1)} s of its time, trace ${hash.slice(0, 16)}\n`,
    );
    if (result.failure === undefined) continue;
    failed += 1;
    if (!values.verbose) process.stdout.write(`${result.lines.slice(-40).join("\n")}\n`);
    process.stdout.write(
      `${result.failure}\nreplay: node sim/run.ts --seed ${seed} --scenario ${scenario.name} --verbose\n`,
    );
  }
}
process.exit(failed > 0 ? 1 : 0);
