import { spawn } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as v from "valibot";
import { until, type TestAgent } from "../agent.ts";

export const main = new URL("../../../cli/main.ts", import.meta.url).pathname;
export const work = mkdtempSync(join(tmpdir(), "lares-faults-"));
export const IMAGE = `lares-faults-${process.pid}:1`;

export const AllocsSchema = v.array(
  v.object({
    ID: v.string(),
    JobVersion: v.number(),
    ClientStatus: v.string(),
    DesiredStatus: v.string(),
    TaskStates: v.nullish(
      v.record(
        v.string(),
        v.object({
          State: v.string(),
          Restarts: v.number(),
          Events: v.array(v.object({ DisplayMessage: v.string() })),
        }),
      ),
      () => ({}),
    ),
  }),
);
export type Alloc = v.InferOutput<typeof AllocsSchema>[number];

export async function allocs(of: TestAgent, job: string): Promise<Alloc[]> {
  return v.parse(AllocsSchema, await of.get(`/v1/job/${job}/allocations`));
}
export const running = async (of: TestAgent, job: string): Promise<Alloc[]> =>
  (await allocs(of, job)).filter((each) => each.ClientStatus === "running" && each.DesiredStatus === "run");
export const messages = async (of: TestAgent, job: string): Promise<string> =>
  (await allocs(of, job))
    .flatMap(({ TaskStates }) => Object.values(TaskStates).flatMap(({ Events }) => Events))
    .map(({ DisplayMessage }) => DisplayMessage)
    .join("\n");

export function file(name: string, text: string): string {
  const path = join(work, name);
  writeFileSync(path, text);
  return path;
}

export interface JobText {
  readonly driver?: "raw_exec" | "docker";
  readonly config: string;
  /** Inside the group. */
  readonly group?: string;
  /** Inside the task. */
  readonly task?: string;
  readonly memory?: number;
}

/** One task; a failure is tried again after a second, for long. */
export function jobText(
  name: string,
  { driver = "raw_exec", config, group = "", task = "", memory = 16 }: JobText,
): string {
  return `job "${name}" {
  group "g" {
    restart {
      attempts = 50
      interval = "5m"
      delay    = "1s"
      mode     = "fail"
    }
    ${group}
    task "t" {
      driver = "${driver}"
      config {
        ${config}
      }
      ${task}
      resources {
        cpu    = 10
        memory = ${memory}
      }
    }
  }
}
`;
}

export const SHELL = (script: string): string =>
  `command = "/bin/sh"\n        args = ["-c", ${JSON.stringify(script)}]`;
export const CONTAINER = (script: string): string =>
  `image = "${IMAGE}"\n        command = "/bin/sh"\n        args = ["-c", ${JSON.stringify(script)}]`;

export async function run(of: TestAgent, name: string, text: JobText): Promise<void> {
  const ran = await of.lares("job", "run", "-detach", file(`${name}.nomad.hcl`, jobText(name, text)));
  if (ran.code !== 0) throw new Error(`job run ${name}: ${ran.stderr}${ran.stdout}`);
}

export const purge = async (of: TestAgent, job: string): Promise<void> => {
  await of.lares("job", "stop", "-purge", job);
  await until(`${job} has ended`, async () => (await running(of, job)).length === 0);
};

/** An agent that is expected to refuse to start. */
export async function refusal(config: string, ...flags: string[]): Promise<{ code: number; said: string }> {
  const path = file(`refused-${Math.random().toString(36).slice(2)}.hcl`, config);
  const child = spawn(
    process.execPath,
    ["--disable-warning=ExperimentalWarning", main, "agent", ...flags, "-config", path],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data: Buffer) => (said += data.toString()));
  const killer = setTimeout(() => child.kill("SIGKILL"), 60_000);
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  clearTimeout(killer);
  return { code: code ?? 128, said };
}

export async function occupy(port: number): Promise<Server> {
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return server;
}
export const release = (server: Server): Promise<unknown> => new Promise((resolve) => server.close(resolve));
