import { execFile, spawn } from "node:child_process";
import type { ChildProcess, SpawnOptions } from "node:child_process";
import { once } from "node:events";
import { existsSync, statSync } from "node:fs";
import http from "node:http";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Bench, BenchContext, Contestant, Measure } from "./harness.ts";
import { measureOf } from "./harness.ts";
import { writeAgentConfig } from "./start/agent-config.ts";
import { readUsage } from "./start/usage.ts";

const root = new URL("..", import.meta.url).pathname;
const EXECUTABLE = join(root, "dist", `lares-linux-${process.arch}`);
const BARE_SERVER = `require("node:http").createServer((q, r) => r.end("ok")).listen(Number(process.argv[1]), "127.0.0.1")`;
/** After this long everything that belongs to starting is over. */
const SETTLE_MS = 20_000;
const IDLE_MS = 60_000;
const START_DEADLINE_MS = 30_000;

export const bench: Bench = {
  name: "start",
  title: "Start-up, and what an idle agent costs",
  async run(context) {
    if (!existsSync(EXECUTABLE)) {
      context.say("building the executable");
      await promisify(execFile)(join(root, "scripts/node"), [join(root, "scripts/build.ts"), process.arch], {
        cwd: root,
      });
    }
    const programs = await contestants(context);
    const starts = await context.takeTurns(
      programs.map((program): Contestant => ({ ...program.start, turn: () => startOnce(program) })),
    );
    const idle: Measure[] = [];
    for (const program of programs) idle.push(...(await idleOf(program, context)));
    const size = measureOf(
      { name: "size of the executable", unit: "MB", better: "less", target: { text: "≤ 130 MB", atMost: 130 } },
      statSync(EXECUTABLE).size / 1e6,
    );
    return {
      measures: [...starts, ...idle, size, ...(context.quick ? [] : await compressed())],
      notes: [
        "Start: from spawning the process until GET /v1/agent/health (bare server: GET /) answers 200, files in the page cache.",
        `Idle: ${seconds(context, SETTLE_MS)} s after the start, over ${seconds(context, IDLE_MS)} s. Memory is Anonymous and Rss of smaps_rollup; CPU is user and system time; writes are write_bytes of /proc/PID/io, children included where the system adds them.`,
      ],
    };
  },
};

interface Program {
  readonly name: string;
  readonly start: Omit<Contestant, "turn">;
  readonly ours: boolean;
  /** Whether the targets are meant for it. */
  readonly judged: boolean;
  readonly port: number;
  readonly path: string;
  launch(): ChildProcess;
}

async function contestants(context: BenchContext): Promise<readonly Program[]> {
  const folder = await context.tempDir();
  const bare = await writeAgentConfig(join(folder, "bare"));
  const built = await writeAgentConfig(join(folder, "built"));
  const source = await writeAgentConfig(join(folder, "source"));
  const common = { unit: "ms", better: "less", against: "bare node:http server: start" } as const;
  const quiet: SpawnOptions = { stdio: ["ignore", "ignore", "pipe"] };
  return [
    {
      name: "bare node:http server",
      start: { name: common.against, unit: "ms", better: "less", peer: true },
      ours: false,
      judged: false,
      port: bare.httpPort,
      path: "/",
      launch: () => spawn(process.execPath, ["-e", BARE_SERVER, String(bare.httpPort)], quiet),
    },
    {
      name: "agent -dev, executable",
      start: { ...common, name: "agent -dev, executable: start", target: { text: "≤ 0.5 s", atMost: 500 } },
      ours: true,
      judged: true,
      port: built.httpPort,
      path: "/v1/agent/health",
      launch: () => spawn(EXECUTABLE, ["agent", "-dev", `-config=${built.path}`], quiet),
    },
    {
      name: "agent -dev, from source",
      start: { ...common, name: "agent -dev, from source: start" },
      ours: true,
      judged: false,
      port: source.httpPort,
      path: "/v1/agent/health",
      launch: () =>
        spawn(process.execPath, [join(root, "cli/main.ts"), "agent", "-dev", `-config=${source.path}`], quiet),
    },
  ];
}

async function startOnce(program: Program): Promise<number> {
  const { child, tookMs } = await start(program);
  await stop(child);
  return tookMs;
}

async function start(program: Program): Promise<{ readonly child: ChildProcess; readonly tookMs: number }> {
  const began = performance.now();
  const child = program.launch();
  let said = "";
  child.stderr?.on("data", (data: Buffer) => (said = `${said}${data.toString()}`.slice(-2000)));
  while (performance.now() - began < START_DEADLINE_MS) {
    if (child.exitCode !== null) throw new Error(`${program.name} ended by itself: ${said}`);
    if (await answers(program)) return { child, tookMs: performance.now() - began };
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  await stop(child);
  throw new Error(`${program.name} did not answer within ${START_DEADLINE_MS} ms: ${said}`);
}

function answers({ port, path }: Program): Promise<boolean> {
  return new Promise((resolve) => {
    const call = http.get({ host: "127.0.0.1", port, path, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    call.on("error", () => resolve(false));
  });
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  await ended;
}

async function idleOf(program: Program, context: BenchContext): Promise<readonly Measure[]> {
  const { child } = await start(program);
  context.defer(() => stop(child));
  context.say(`${program.name} idles for ${seconds(context, SETTLE_MS + IDLE_MS)} s`);
  await new Promise((resolve) => setTimeout(resolve, seconds(context, SETTLE_MS) * 1000));
  const before = readUsage(child.pid!);
  const idleMs = seconds(context, IDLE_MS) * 1000;
  await new Promise((resolve) => setTimeout(resolve, idleMs));
  const after = readUsage(child.pid!);
  await stop(child);
  const figures = [
    {
      what: "anonymous memory",
      unit: "MB",
      value: after.anonymousBytes / 1e6,
      target: { text: "≤ 45 MB", atMost: 45 },
    },
    { what: "resident memory", unit: "MB", value: after.residentBytes / 1e6 },
    {
      what: "idle CPU",
      unit: "%",
      value: ((after.cpuMs - before.cpuMs) / idleMs) * 100,
      target: { text: "≤ 0.5 % of a core", atMost: 0.5 },
    },
    {
      what: "disk writes while idle",
      unit: "bytes",
      value: after.writtenBytes - before.writtenBytes,
      target: { text: "none", atMost: 0 },
    },
  ] as const;
  return figures.map((figure) =>
    measureOf(
      {
        name: `${program.name}: ${figure.what}`,
        unit: figure.unit,
        better: "less",
        ...(program.ours ? {} : { peer: true }),
        ...(program.judged && "target" in figure ? { target: figure.target } : {}),
      },
      figure.value,
    ),
  );
}

function seconds(context: BenchContext, ms: number): number {
  return ms / 1000 / (context.quick ? 10 : 1);
}

async function compressed(): Promise<readonly Measure[]> {
  try {
    const { stdout } = await promisify(execFile)("sh", ["-c", 'xz -6 -c "$1" | wc -c', "sh", EXECUTABLE], {
      maxBuffer: 1000,
    });
    const target = { text: "≤ 36 MB", atMost: 36 };
    return [
      measureOf({ name: "size of the executable, xz -6", unit: "MB", better: "less", target }, Number(stdout) / 1e6),
    ];
  } catch {
    return [];
  }
}
