import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as v from "valibot";
import { docker, testAgent, until, type TestAgent } from "../agent.ts";

/** How many tasks of each driver, and how often something is killed. */
export interface SoakPlan {
  readonly rawExec: number;
  readonly exec: number;
  readonly docker: number;
  /** Tasks of `exec` in networks of their own. */
  readonly bridged: number;
  readonly rounds: number;
  /** The same seed kills the same. */
  readonly seed: number;
  /** Longest wait for the node to be as it should again. */
  readonly settleMs: number;
  readonly say: (line: string) => void;
}

export interface SoakResult {
  /** What was not as it should be, in words. Empty: all was. */
  readonly problems: readonly string[];
  readonly agentKills: number;
  readonly taskKills: number;
}

export const IMAGE = "lares-soak:1";
const AllocsSchema = v.array(
  v.object({ ID: v.string(), JobID: v.string(), ClientStatus: v.string(), DesiredStatus: v.string() }),
);
const JOBS = ["raw", "boxed", "contained", "bridged"] as const;

/**
 * Runs many small tasks on one agent and kills at random: tasks, several at once, and the agent itself, in the middle of
 * starts and stops too. After each round every allocation has exactly one process and nobody else has any; at the end
 * nothing is left.
 */
export async function soak(plan: SoakPlan): Promise<SoakResult> {
  const marker = `soak-${process.pid}-${plan.seed}`;
  const folder = mkdtempSync(join(tmpdir(), "lares-soak-"));
  writeFileSync(join(folder, "soak.hcl"), CONFIG);
  const agent = await testAgent({ flags: ["-config", join(folder, "soak.hcl")], logLevel: "warn" });
  const random = seeded(plan.seed);
  const problems: string[] = [];
  const counts = { agentKills: 0, taskKills: 0 };
  const wanted = { raw: plan.rawExec, boxed: plan.exec, contained: plan.docker, bridged: plan.bridged };
  const at: Soak = { agent, marker, plan, wanted };
  try {
    for (const job of JOBS) if (wanted[job] > 0) await register(at, job, wanted[job]);
    await settled(at, "the first start", problems);
    for (let round = 1; round <= plan.rounds && problems.length === 0; round++) {
      const what = await disturb(at, { random, counts });
      await settled(at, `round ${round}: ${what}`, problems);
      plan.say(`round ${round}/${plan.rounds}: ${what}; ${problems.length} problems`);
    }
    for (const job of JOBS) if (wanted[job] > 0) await agent.lares("job", "stop", "-purge", "-detach", job);
    problems.push(...(await leftovers(at)));
  } finally {
    await agent.remove();
    rmSync(folder, { recursive: true });
  }
  return { problems, ...counts };
}

interface Soak {
  readonly agent: TestAgent;
  readonly marker: string;
  readonly plan: SoakPlan;
  readonly wanted: Readonly<Record<(typeof JOBS)[number], number>>;
}

/** What an operator would do to a node that is to run a thousand tasks of nothing. */
const CONFIG = `
client {
  memory_total_mb   = 100000
  cpu_total_compute = 100000
  disk_total_mb     = 100000
  gc_max_allocs     = 10
  gc_interval       = "1s"
}
`;

async function register({ agent, marker }: Soak, job: (typeof JOBS)[number], count: number): Promise<void> {
  const driver = { raw: "raw_exec", boxed: "exec", contained: "docker", bridged: "exec" }[job];
  const config =
    job === "contained"
      ? { image: IMAGE, command: "/bin/sleep", args: ["100000"] }
      : { command: "/bin/sleep", args: ["100000"] };
  const Job = {
    ID: job,
    Name: job,
    Type: "service",
    Datacenters: ["*"],
    TaskGroups: [
      {
        Name: "g",
        Count: count,
        EphemeralDisk: { SizeMB: 20 },
        ...(job === "bridged" ? { Networks: [{ Mode: "bridge" }] } : {}),
        RestartPolicy: { Attempts: 10_000, Interval: 3600e9, Delay: 2e8, Mode: "delay" },
        Tasks: [
          {
            Name: "t",
            Driver: driver,
            Config: config,
            Env: { SOAK: marker },
            KillTimeout: 1e9,
            LogConfig: { MaxFiles: 1, MaxFileSizeMB: 1 },
            Resources: { CPU: 1, MemoryMB: 10 },
          },
        ],
      },
    ],
  };
  const answer = await fetch(`${agent.nomad}/v1/jobs`, { method: "PUT", body: JSON.stringify({ Job }) });
  if (!answer.ok) throw new Error(`job ${job}: ${await answer.text()}`);
}

/** Kills something, and says what. */
async function disturb(
  at: Soak,
  { random, counts }: { random: () => number; counts: { agentKills: number; taskKills: number } },
): Promise<string> {
  const { agent } = at;
  const killTasks = (): number => {
    const all = [...sleepers(at.marker).values()].flat();
    const chosen = all.filter(() => random() < 0.2);
    for (const pid of chosen) kill(pid);
    counts.taskKills += chosen.length;
    return chosen.length;
  };
  const killAgent = async (): Promise<void> => {
    counts.agentKills += 1;
    await agent.kill();
  };
  const kind = Math.floor(random() * 4);
  if (kind === 0) return `${killTasks()} tasks killed`;
  if (kind === 1) {
    await killAgent();
    await agent.start();
    return "the agent killed";
  }
  if (kind === 2) {
    // While their ends are being dealt with.
    const killed = killTasks();
    await killAgent();
    const more = killTasks();
    await agent.start();
    return `${killed} tasks killed, then the agent, then ${more} tasks`;
  }
  // In the middle of stops and starts.
  const all = await allocsOf(agent);
  const chosen = all.filter(() => random() < 0.1);
  await Promise.all(chosen.map(({ ID }) => fetch(`${agent.nomad}/v1/allocation/${ID}/stop`, { method: "PUT" })));
  await killAgent();
  await agent.start();
  return `${chosen.length} allocations stopped, and the agent killed meanwhile`;
}

/** Until each allocation that should run has its one process, and no other has any. */
async function settled({ agent, marker, plan, wanted }: Soak, when: string, problems: string[]): Promise<void> {
  const total = Object.values(wanted).reduce((sum, count) => sum + count, 0);
  let last = "";
  const isRight = async (): Promise<boolean> => {
    const running = (await allocsOf(agent)).filter((alloc) => alloc.ClientStatus === "running");
    const found = sleepers(marker);
    const twice = [...found].filter(([, pids]) => pids.length > 1);
    // Two of one allocation at the same time are a mistake at any moment, not only in the end.
    if (twice.length > 0) problems.push(`${when}: allocation ${twice[0]?.[0]} has ${twice[0]?.[1].length} processes`);
    const without = running.filter(({ ID }) => !found.has(ID)).length;
    last = `${running.length} of ${total} run, ${found.size} have a process, ${without} run without one`;
    return twice.length > 0 || (running.length === total && found.size === total && without === 0);
  };
  const isSettled = await until(when, isRight, plan.settleMs).then(
    () => true,
    () => false,
  );
  if (!isSettled) problems.push(`${when}: ${last}${await told(agent)}`);
}

/** What the node and the scheduler say of what does not run. */
async function told(agent: TestAgent): Promise<string> {
  const EventsSchema = v.array(v.object({ Type: v.string(), DisplayMessage: v.string() }));
  const AllocSchema = v.looseObject({
    TaskStates: v.nullish(v.record(v.string(), v.object({ State: v.string(), Events: EventsSchema }))),
  });
  const idle = (await allocsOf(agent)).filter((alloc) => alloc.ClientStatus !== "running").slice(0, 5);
  const lines = await Promise.all(
    idle.map(async ({ ID, ClientStatus }) => {
      const { TaskStates } = v.parse(AllocSchema, await agent.get(`/v1/allocation/${ID}`));
      const states = Object.values(TaskStates ?? {}).map(
        ({ State, Events }) => `${State}: ${Events.map((each) => `${each.Type} ${each.DisplayMessage}`).join(" | ")}`,
      );
      return `\n${ID} is ${ClientStatus}, ${states.join()}`;
    }),
  );
  const EvalsSchema = v.array(v.object({ Status: v.string(), TriggeredBy: v.string(), StatusDescription: v.string() }));
  const evals = v.parse(EvalsSchema, await agent.get("/v1/evaluations"));
  const open = evals.filter(({ Status }) => Status !== "complete" && Status !== "canceled");
  return `${lines.join("")}${open.map((each) => `\n${JSON.stringify(each)}`).join("")}`;
}

/** What is there of this soak after everything was stopped and collected. */
async function leftovers(at: Soak): Promise<string[]> {
  const { agent, marker, plan } = at;
  const dir = `${agent.dir}/data/alloc`;
  const found = (): string[] => [
    ...[...sleepers(marker).values()].flat().map((pid) => `process ${pid}`),
    ...(existsSync(dir) ? readdirSync(dir).map((name) => `folder ${name}`) : []),
    ...readFileSync("/proc/self/mountinfo", "utf8")
      .split("\n")
      .filter((line) => line.includes(`${agent.dir}/`))
      .map((line) => `mount ${line.split(" ")[4] ?? ""}`),
    ...cgroups().map((path) => `cgroup ${path}`),
    ...namesOfAllocs("/run/netns").map((name) => `network namespace ${name}`),
    ...rules().map((line) => `firewall rule ${line}`),
    ...(plan.docker === 0 ? [] : containers(marker).map((id) => `container ${id}`)),
  ];
  const ids = new Set((await allocsOf(agent)).map(({ ID }) => ID));
  const cgroups = (): string[] =>
    spawnSync("find", ["/sys/fs/cgroup", "-type", "d"], { encoding: "utf8", maxBuffer: 64 << 20 })
      .stdout.split("\n")
      .filter((path) => [...ids].some((id) => path.includes(id)));
  const ofAllocs = (lines: readonly string[]): string[] =>
    lines.filter((line) => [...ids].some((id) => line.includes(id)));
  const namesOfAllocs = (folder: string): string[] => (existsSync(folder) ? ofAllocs(readdirSync(folder)) : []);
  const rules = (): string[] =>
    [["nft", "list", "ruleset"], ["iptables-save"]].flatMap(([program = "", ...words]) =>
      ofAllocs((spawnSync(program, words, { encoding: "utf8", maxBuffer: 64 << 20 }).stdout ?? "").split("\n")),
    );
  await until("nothing is left", () => sleepers(marker).size === 0, plan.settleMs).catch(() => undefined);
  const isEmpty = async (): Promise<boolean> => {
    for (const path of ["system/gc", "client/gc"]) await fetch(`${agent.nomad}/v1/${path}`, { method: "PUT" });
    return found().length === 0;
  };
  await until("nothing is left", isEmpty, plan.settleMs).catch(() => undefined);
  return found().map((each) => `left behind: ${each}`);
}

function containers(marker: string): string[] {
  return docker("ps", "-aq", "--no-trunc")
    .split("\n")
    .filter((id) => id !== "" && docker("inspect", "-f", "{{.Config.Env}}", id).includes(marker));
}

async function allocsOf(agent: TestAgent): Promise<v.InferOutput<typeof AllocsSchema>> {
  const answer = await agent.get("/v1/allocations").catch(() => []);
  const read = v.safeParse(AllocsSchema, answer);
  return read.success ? read.output.filter(({ DesiredStatus }) => DesiredStatus === "run") : [];
}

/** The processes of this soak's tasks, by allocation: read from where no agent has a say. */
function sleepers(marker: string): Map<string, number[]> {
  const found = new Map<string, number[]>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      if (readFileSync(join("/proc", name, "comm"), "utf8") !== "sleep\n") continue;
      const environment = readFileSync(join("/proc", name, "environ"), "utf8").split("\0");
      if (!environment.includes(`SOAK=${marker}`)) continue;
      const id = environment.find((each) => each.startsWith("NOMAD_ALLOC_ID="))?.slice(15) ?? "";
      found.set(id, [...(found.get(id) ?? []), Number(name)]);
    } catch {
      // It ended while we looked.
    }
  }
  return found;
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended by itself.
  }
}

/** mulberry32: small, and the same everywhere. */
function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
