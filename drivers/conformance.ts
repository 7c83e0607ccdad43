import { AssertionError } from "#base/env/assert.ts";
import { textOf } from "#base/env/bytes.ts";
import { sleep } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import type { Driver, TaskExit, TaskHandle, TaskStart } from "./driver.ts";

/** A driver to hold to the contract, with tasks of its own kind that behave as named. */
export interface DriverSubject {
  readonly env: Env;
  /** A driver as a restarted agent would make it. */
  readonly fresh: () => Driver;
  readonly tasks: {
    /** Runs until it is told to stop, then ends at once. */
    readonly forever: Readonly<Record<string, unknown>>;
    /** Ends by itself soon, with code 7. */
    readonly fails: Readonly<Record<string, unknown>>;
    /** Prints `out` and `err` on a line each, and ends with code 0. */
    readonly prints: Readonly<Record<string, unknown>>;
    /** Prints a line when it is ready, and has to be killed. */
    readonly stubborn: Readonly<Record<string, unknown>>;
    /** Cannot be started, and never will. */
    readonly impossible: Readonly<Record<string, unknown>>;
    /** Has a key that is spelled wrong: this one for that one. */
    readonly misspelled: { readonly config: Readonly<Record<string, unknown>>; readonly meant: string };
  };
  /** A task of this configuration with folders made; a new id each time. */
  readonly prepare: (config: Readonly<Record<string, unknown>>) => Promise<TaskStart>;
}

export interface DriverCase {
  readonly name: string;
  readonly run: (subject: DriverSubject) => Promise<void>;
}

/** What every driver must do; each case on a subject of its own. */
export const conformance: readonly DriverCase[] = [
  { name: "is detected, healthy, and lists itself", run: fingerprints },
  { name: "names the key that was meant", run: validates },
  { name: "tells how a task ended, also when asked again", run: tellsExit },
  { name: "puts output at the end of the task's files", run: writesOutput },
  { name: "stops a task by its signal, and a second time in vain", run: stops },
  { name: "kills what does not stop in time", run: kills },
  { name: "lets go of a wait without touching the task", run: abandons },
  { name: "finds a running task again from its stored handle", run: recovers },
  { name: "learns an end that came while nobody looked", run: recoversEnded },
  { name: "says why a start failed, for good", run: refuses },
  { name: "signals and measures a running task", run: observes },
  { name: "runs a command beside the task", run: executes },
  { name: "sweeps away what nobody knows, and only that", run: sweeps },
];

const SWEEP_ROUNDS = 100;
const SWEEP_PAUSE_MS = 20;
const never = new AbortController().signal;

async function fingerprints({ fresh }: DriverSubject): Promise<void> {
  const driver = fresh();
  const info = await driver.fingerprint();
  same([info.Detected, info.Healthy], [true, true]);
  same(info.Attributes[`driver.${driver.name}`], "1");
}

async function validates({ fresh, tasks }: DriverSubject): Promise<void> {
  const driver = fresh();
  for (const config of [tasks.forever, tasks.fails, tasks.prints, tasks.stubborn]) same(driver.validate(config), []);
  const text = driver
    .validate(tasks.misspelled.config)
    .map(({ message, hint }) => `${message} ${hint ?? ""}`)
    .join("\n");
  expect(text.includes(`did you mean ${tasks.misspelled.meant}?`), `no hint at ${tasks.misspelled.meant} in: ${text}`);
  return Promise.resolve();
}

async function tellsExit(subject: DriverSubject): Promise<void> {
  const driver = subject.fresh();
  const handle = await started(driver, await subject.prepare(subject.tasks.fails));
  const exit = await driver.wait(handle, never);
  same(codeOf(exit), 7);
  same(codeOf(await driver.wait(handle, never)), 7);
  await driver.destroy(handle);
  await driver.destroy(handle);
}

async function writesOutput(subject: DriverSubject): Promise<void> {
  const driver = subject.fresh();
  const { disk } = subject.env;
  const task = await subject.prepare(subject.tasks.prints);
  await disk.replace(task.paths.stdoutPath, "before\n");
  const handle = await started(driver, task);
  same(codeOf(await driver.wait(handle, never)), 0);
  same(textOf((await disk.read(task.paths.stdoutPath)) ?? new Uint8Array()), "before\nout\n");
  same(textOf((await disk.read(task.paths.stderrPath)) ?? new Uint8Array()), "err\n");
  await driver.destroy(handle);
}

async function stops(subject: DriverSubject): Promise<void> {
  const driver = subject.fresh();
  const handle = await started(driver, await subject.prepare(subject.tasks.forever));
  const exit = driver.wait(handle, never);
  await driver.stop(handle, { killSignal: "SIGTERM", killTimeoutMs: 20_000 });
  same((await exit).kind, "exited");
  await driver.stop(handle, { killSignal: "SIGTERM", killTimeoutMs: 20_000 });
  await driver.destroy(handle);
}

async function kills(subject: DriverSubject): Promise<void> {
  const driver = subject.fresh();
  const task = await subject.prepare(subject.tasks.stubborn);
  const handle = await started(driver, task);
  const exit = driver.wait(handle, never);
  const { disk, clock } = subject.env;
  while (((await disk.stat(task.paths.stdoutPath))?.size ?? 0) === 0) await sleep(clock, SWEEP_PAUSE_MS);
  await driver.stop(handle, { killSignal: "SIGTERM", killTimeoutMs: 100 });
  const end = await exit;
  same(end.kind === "exited" ? end.signal : end, 9);
  await driver.destroy(handle);
}

async function abandons(subject: DriverSubject): Promise<void> {
  const driver = subject.fresh();
  const handle = await started(driver, await subject.prepare(subject.tasks.forever));
  const abort = new AbortController();
  const wait = driver.wait(handle, abort.signal);
  abort.abort();
  same((await wait).kind, "aborted");
  expect((await driver.recover(handle)).ok, "the task is gone");
  await end(driver, handle);
}

async function recovers(subject: DriverSubject): Promise<void> {
  const first = subject.fresh();
  const handle = stored(await started(first, await subject.prepare(subject.tasks.forever)));
  await first.close?.();
  const second = subject.fresh();
  const found = await second.recover(handle);
  expect(found.ok, "not found again");
  const exit = second.wait(handle, never);
  await second.stop(handle, { killSignal: "SIGTERM", killTimeoutMs: 20_000 });
  same((await exit).kind, "exited");
  await second.destroy(handle);
}

async function recoversEnded(subject: DriverSubject): Promise<void> {
  const first = subject.fresh();
  const handle = stored(await started(first, await subject.prepare(subject.tasks.fails)));
  await first.wait(handle, never);
  await first.close?.();
  const second = subject.fresh();
  expect((await second.recover(handle)).ok, "not found again");
  same(codeOf(await second.wait(handle, never)), 7);
  await second.destroy(handle);
}

async function refuses(subject: DriverSubject): Promise<void> {
  const driver = subject.fresh();
  const result = await driver.start(await subject.prepare(subject.tasks.impossible));
  expect(
    !result.ok && !result.error.recoverable && result.error.message !== "",
    `expected a final failure, got ${JSON.stringify(result)}`,
  );
}

async function observes(subject: DriverSubject): Promise<void> {
  const driver = subject.fresh();
  const handle = await started(driver, await subject.prepare(subject.tasks.forever));
  expect(
    !(await driver.signal(handle, "SIGNONSENSE")).ok || driver.name === "mock_driver",
    "took a signal that does not exist",
  );
  expect((await driver.signal(handle, "SIGWINCH")).ok, "refused a harmless signal");
  const stats = await driver.stats(handle);
  expect(
    stats.ok && stats.value.memoryRssBytes >= 0 && stats.value.timestampNs > 0,
    `no statistics: ${JSON.stringify(stats)}`,
  );
  await end(driver, handle);
}

async function executes(subject: DriverSubject): Promise<void> {
  const driver = subject.fresh();
  const handle = await started(driver, await subject.prepare(subject.tasks.forever));
  const parts: string[] = [];
  const session = await driver.exec(handle, {
    command: ["/bin/sh", "-c", "read word; echo got $word; exit 3"],
    tty: false,
    signal: never,
    onOutput: (_, data) => void parts.push(textOf(data)),
  });
  if (driver.capabilities.exec) {
    expect(session.ok, `no command was run: ${JSON.stringify(session)}`);
    if (session.ok) {
      await session.value.write(new TextEncoder().encode("ping\n"));
      session.value.endInput();
      same((await session.value.exited).code, 3);
      same(parts.join(""), "got ping\n");
    }
  } else expect(!session.ok, "ran a command it says it cannot run");
  await end(driver, handle);
}

async function sweeps(subject: DriverSubject): Promise<void> {
  const driver = subject.fresh();
  if (driver.sweep === undefined) return;
  const known = await started(driver, await subject.prepare(subject.tasks.forever));
  const task = await subject.prepare(subject.tasks.forever);
  const stray = await started(driver, task);
  const exit = driver.wait(stray, never);
  const allocsRoot = task.paths.allocDir.split("/").slice(0, -2).join("/");
  await driver.sweep({ allocsRoot: `${allocsRoot}-of-another-agent`, keep: new Set() });
  let gone = false;
  void exit.then(() => (gone = true));
  // A task that has just started may not be where it can be found yet.
  for (let round = 0; !gone && round < SWEEP_ROUNDS; round++) {
    await driver.sweep({ allocsRoot, keep: new Set([known.taskId]) });
    await sleep(subject.env.clock, SWEEP_PAUSE_MS);
  }
  expect(gone, "the stray task lives on");
  expect((await driver.recover(known)).ok, "a known task was swept away");
  await driver.destroy(stray);
  await end(driver, known);
}

async function started(driver: Driver, task: TaskStart): Promise<TaskHandle> {
  const result = await driver.start(task);
  if (!result.ok) throw new AssertionError(`did not start: ${result.error.message}`);
  return result.value;
}

async function end(driver: Driver, handle: TaskHandle): Promise<void> {
  await driver.stop(handle, { killSignal: "SIGTERM", killTimeoutMs: 20_000 });
  await driver.destroy(handle);
}

/** As it comes back from disk: JSON must lose nothing of it. */
function stored(handle: TaskHandle): TaskHandle {
  same(JSON.parse(JSON.stringify(handle)), handle);
  return structuredClone(handle);
}

function codeOf(exit: TaskExit): number | string {
  return exit.kind === "exited" ? exit.code : exit.kind;
}

function same(actual: unknown, expected: unknown): void {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)];
  expect(a === b, `expected ${b}, got ${a}`);
}

function expect(condition: boolean, message: string): void {
  if (!condition) throw new AssertionError(message);
}
