import { spawn } from "node:child_process";
import { styleText } from "node:util";

/** Everything that can be said about the sources without running them; side by side, because each is mostly single-threaded. */
const checks: readonly { name: string; argv: readonly string[] }[] = [
  { name: "types", argv: ["node_modules/typescript/bin/tsc", "-p", "."] },
  { name: "lint", argv: ["node_modules/oxlint/bin/oxlint", "--deny-warnings"] },
  { name: "format", argv: ["node_modules/oxfmt/bin/oxfmt", "--check"] },
  { name: "unused", argv: ["node_modules/knip/bin/knip.js", "--no-progress"] },
  { name: "tidy", argv: ["node_modules/ava/entrypoints/cli.js", "test/tidy.test.ts"] },
];

type Outcome = { name: string; code: number; output: string; seconds: number };

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !checks.some((check) => check.name === name));
if (unknown.length > 0) {
  console.error(
    `check: no such check '${unknown.join("', '")}'; there are ${checks.map((check) => check.name).join(", ")}`,
  );
  process.exit(2);
}
const chosen = checks.filter(({ name }) => wanted.length === 0 || wanted.includes(name));
const outcomes = await Promise.all(chosen.map(run));
for (const { code, output } of outcomes) {
  if (code !== 0) console.log(output.replaceAll(/^ *✔.*\n/gm, "").trimEnd());
}
for (const { name, code, seconds } of outcomes) {
  const verdict = code === 0 ? styleText("green", "ok  ") : styleText("red", "FAIL");
  console.log(`${verdict} ${name.padEnd(7)} ${seconds.toFixed(1)} s`);
}
process.exitCode = outcomes.every(({ code }) => code === 0) ? 0 : 1;

function run({ name, argv }: (typeof checks)[number]): Promise<Outcome> {
  const started = performance.now();
  const child = spawn(process.execPath, argv, {
    cwd: new URL("..", import.meta.url),
    stdio: ["ignore", "pipe", "pipe"],
  });
  const chunks: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => chunks.push(chunk));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => {
      const seconds = (performance.now() - started) / 1000;
      resolve({ name, code: code ?? 1, output: Buffer.concat(chunks).toString(), seconds });
    });
  });
}
