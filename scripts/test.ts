import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { dockerForTests } from "./test/docker.ts";
import { readTap, type Tally } from "./test/tap.ts";
import { watchRunner } from "./test/watch.ts";

const { values, positionals: files } = parseArgs({
  allowPositionals: true,
  options: { coverage: { type: "boolean", default: false }, guests: { type: "boolean", default: false } },
});
const root = new URL("..", import.meta.url).pathname;
// The longest time that a test asks for is a quarter of an hour; the machines of `--guests` take half an hour.
const SILENCE_MS = (values.guests ? 35 : 17) * 60_000;
const WHOLE_MS = (values.guests ? 8 * 60 : 75) * 60_000;
const END_MS = 60_000;
const COVERAGE_DATA = `${root}coverage/data`;

// Ctrl-C ends the runner, and then we still take down what we started; a second one is not needed.
let running: ChildProcess | undefined;
let interrupted = false;
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    interrupted = true;
    running?.kill(signal);
  });
}

const checks = files.length > 0 || values.guests ? { passed: 0, failed: 0 } : runChecks();
const tests = await runTestsBesideDocker();
if (values.coverage) reportCoverage();
const passed = checks.passed + tests.passed;
const failed = checks.failed + tests.failed + (interrupted ? 1 : 0);
if (interrupted) console.log("FAIL interrupted");
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;

/** Types, lint, format and unused code count as one test each; the tidy rules are among the tests anyway. */
function runChecks(): Tally {
  const tally = { passed: 0, failed: 0 };
  for (const name of ["types", "lint", "format", "unused"]) {
    const { status, stdout, stderr } = spawnSync(process.execPath, [`${root}/scripts/check.ts`, name], {
      encoding: "utf8",
    });
    tally[status === 0 ? "passed" : "failed"]++;
    if (status !== 0) console.log(`FAIL check ${name}\n${stdout}${stderr}`);
  }
  return tally;
}

/** What the engine recorded in every process of the tests, as a page in `coverage/` and a summary here. */
function reportCoverage(): void {
  const report = ["report", `--temp-directory=${COVERAGE_DATA}`, "--reporter=html", "--reporter=text-summary"];
  const rooms = ["--exclude=test/**", "--exclude=scripts/**", "--exclude=bench/**"];
  spawnSync(process.execPath, [`${root}/node_modules/c8/bin/c8.js`, ...report, ...rooms], {
    cwd: root,
    stdio: "inherit",
  });
  rmSync(COVERAGE_DATA, { recursive: true, force: true });
}

async function runTestsBesideDocker(): Promise<Tally> {
  const docker = await dockerForTests();
  try {
    return await runTests(docker.env);
  } finally {
    await docker.stop();
  }
}

async function runTests(env: Record<string, string>): Promise<Tally> {
  if (interrupted) return { passed: 0, failed: 0 };
  if (process.getuid?.() !== 0)
    console.log("npm test takes root: what makes networks, mounts and containers is skipped, and counts as failed");
  const config = values.guests ? ["--config", "ava.guests.config.js"] : [];
  // ava's own limit for silence ends every file that runs, and its TAP reporter with them: ours takes its place.
  const ava = [`${root}/node_modules/ava/entrypoints/cli.js`, ...config, "--tap", "--timeout=24h", ...files];
  const child = spawn(process.execPath, ava, {
    cwd: root,
    env: {
      ...process.env,
      ...env,
      ...(values.coverage ? { NODE_V8_COVERAGE: COVERAGE_DATA, NODE_DISABLE_COMPILE_CACHE: "1" } : {}),
      FORCE_COLOR: "0",
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  running = child;
  const tap = readTap();
  const watch = watchRunner(child, { silenceMs: SILENCE_MS, wholeMs: WHOLE_MS, endMs: END_MS });
  const closed = new Promise<number>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve(code ?? 1));
  });
  for await (const line of createInterface({ input: child.stdout })) {
    watch.heard();
    const shown = tap.line(line);
    if (shown !== undefined) console.log(shown);
    if (tap.complete()) watch.over();
  }
  const code = await closed;
  watch.stop();
  const tally = tap.tally();
  const reason = watch.reason();
  if (reason !== undefined) {
    console.log(`FAIL ${reason}`);
    return { ...tally, failed: tally.failed + 1 };
  }
  if (!tap.complete() || (code !== 0 && tally.failed === 0)) {
    console.log(`FAIL the test runner ended with exit code ${code} before its end: see what \`npx ava\` says`);
    return { ...tally, failed: tally.failed + 1 };
  }
  return tally;
}
