import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { globSync, rmSync } from "node:fs";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { dockerForTests } from "./test/docker.ts";
import { brokenNow, filesToRepeat, titlesOf, unstable } from "./test/repeat.ts";
import { readTap, type Tally, type TestResults } from "./test/tap.ts";

const { values, positionals: files } = parseArgs({
  allowPositionals: true,
  options: { coverage: { type: "boolean", default: false }, guests: { type: "boolean", default: false } },
});
const root = new URL("..", import.meta.url).pathname;
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
    const first = await runTests(files, docker.env);
    return files.length > 0 || values.guests ? first.tally : await repeatFailed(first, docker.env);
  } finally {
    await docker.stop();
  }
}

/**
 * Tests of time run two files at a time on machines that do other things: a file with a failure runs once more, alone. What fails twice has
 * failed; what passes then is named as unstable.
 */
async function repeatFailed(first: Run, env: Record<string, string>): Promise<Tally> {
  const { tally, results, isWhole } = first;
  const repeated =
    isWhole && tally.failed > 0 ? filesToRepeat(results, globSync("test/**/*.test.ts", { cwd: root })) : [];
  if (repeated.length === 0) return tally;
  const second = new Map<string, boolean>();
  for (const file of repeated) {
    console.log(`running once more, alone: ${file}`);
    const again = await runTests([file], env);
    if (!again.isWhole) return tally;
    // Of a single file ava names the titles only.
    for (const [title, passed] of again.results) second.set(`${titlesOf(file)}${title}`, passed);
  }
  const passedNow = unstable(results, second);
  const failedNow = brokenNow(results, second);
  for (const name of passedNow) console.log(`UNSTABLE ${name}: failed, and passed when its file ran alone`);
  const moved = passedNow.length - failedNow.length;
  return { passed: tally.passed + moved, failed: tally.failed - moved };
}

interface Run {
  readonly tally: Tally;
  readonly results: TestResults;
  /** It came to its end, and every failure is a test's. */
  readonly isWhole: boolean;
}

async function runTests(chosen: readonly string[], env: Record<string, string>): Promise<Run> {
  if (interrupted) return { tally: { passed: 0, failed: 0 }, results: new Map(), isWhole: false };
  if (process.getuid?.() !== 0)
    console.log("npm test takes root: what makes networks, mounts and containers is skipped, and counts as failed");
  const config = values.guests ? ["--config", "ava.guests.config.js"] : [];
  const ava = [`${root}/node_modules/ava/entrypoints/cli.js`, ...config, "--tap", ...chosen];
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
  const closed = new Promise<number>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve(code ?? 1));
  });
  for await (const line of createInterface({ input: child.stdout })) {
    const shown = tap.line(line);
    if (shown !== undefined) console.log(shown);
  }
  const code = await closed;
  const tally = tap.tally();
  // A file that says nothing for minutes makes ava's TAP reporter fail; run without it, ava names the test that hangs.
  if (!tap.complete() || (code !== 0 && tally.failed === 0)) {
    console.log(`FAIL the test runner ended with exit code ${code} before its end: see what \`npx ava\` says`);
    return { tally: { ...tally, failed: tally.failed + 1 }, results: tap.results(), isWhole: false };
  }
  return { tally, results: tap.results(), isWhole: true };
}
