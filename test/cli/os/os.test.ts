import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { createEnv } from "#base/platform/create-env.ts";
import { writeMembership } from "#cli/agent/internal/membership.ts";
import { onEveryConsole } from "#cli/os/consoles.ts";
import { missingTasks, ranSteadily, readTasks } from "#cli/os/tasks.ts";
import { requireUsable } from "#cli/os/offer.ts";
import { resumeBecoming } from "#cli/os/unfinished.ts";
import { testAgent, until } from "#test/scenario/agent.ts";

test("the power failed while a machine became a member", async (t) => {
  const root = mkdtempSync(join(tmpdir(), "lares-becoming-"));
  const env = createEnv({ logLevel: "error" });
  const at = { data: join(root, "lares"), config: join(root, "etc") };
  try {
    mkdirSync(at.config);
    t.false(await resumeBecoming(env.disk, at), "nothing was begun");
    mkdirSync(join(at.data, "state"), { recursive: true });
    t.false(await resumeBecoming(env.disk, at), "it was looking for others");
    t.deepEqual(readdirSync(root).toSorted(), ["etc", "lares"]);
    writeFileSync(join(at.data, "state/log"), "half a cluster");
    writeFileSync(join(at.config, "lares.hcl"), "");
    t.false(await resumeBecoming(env.disk, at), "it founds anew");
    t.deepEqual([readdirSync(at.data), readdirSync(at.config)], [[], []]);
    t.is(readFileSync(join(root, "lares.unfinished/state/log"), "utf8"), "half a cluster", "nothing is lost");
    const empty = { certificate: "", key: "", authorities: "", trust: "", servers: [], internal: "" };
    await writeMembership(env.disk, at.data, {
      ...empty,
      clusterId: "c",
      region: "global",
      role: "server",
      nodeId: "n",
    });
    mkdirSync(join(at.data, "state"));
    writeFileSync(join(at.data, "state/log"), "a cluster");
    writeFileSync(join(at.config, "lares.hcl"), "server { enabled = true }\n");
    t.true(await resumeBecoming(env.disk, at), "only the note was missing");
    t.is(readFileSync(join(at.data, "state/log"), "utf8"), "a cluster");
  } finally {
    env.close();
    rmSync(root, { recursive: true });
  }
});

test("what a machine says of itself is shown on every console, once on each", (t) => {
  const root = mkdtempSync(join(tmpdir(), "lares-consoles-"));
  try {
    mkdirSync(join(root, "sys/class/tty/console"), { recursive: true });
    mkdirSync(join(root, "dev"));
    writeFileSync(join(root, "sys/class/tty/console/active"), "tty0 ttyS1 ttyS0\n");
    const said: string[] = [];
    const output = {
      terminal: false,
      line: (text: string) => void said.push(text),
      write: () => undefined,
      error: (text: string) => void said.push(`error: ${text}`),
      writeError: () => undefined,
    };
    const everywhere = onEveryConsole(output, root);
    everywhere.line("healthy");
    everywhere.error("too hot");
    t.deepEqual(said, ["healthy", "error: too hot"]);
    for (const name of ["tty0", "ttyS1"]) t.is(readFileSync(join(root, "dev", name), "utf8"), "healthy\r\ntoo hot\r\n");
    t.throws(() => readFileSync(join(root, "dev/ttyS0")), { code: "ENOENT" }, "the console itself has it already");
    rmSync(join(root, "dev"), { recursive: true });
    everywhere.line("still here");
    onEveryConsole(output, join(root, "nowhere")).line("and here");
    t.deepEqual(said.slice(2), ["still here", "and here"]);
  } finally {
    rmSync(root, { recursive: true });
  }
});

test("an update that is older than what runs is refused, but where it is wanted", (t) => {
  const taken = (version: string, than: string, older = false): void => requireUsable({ version, than, older });
  for (const [version, than] of [
    ["0.1.0", "0.1.0"],
    ["0.1.0.1", "0.1.0"],
    ["0.1.0.10", "0.1.0.9"],
    ["0.1.1", "0.1.0.10"],
  ] as const) {
    taken(version, than);
    if (version === than) continue;
    t.throws(() => taken(than, version), { message: `the update is version ${than}, older than ${version} that runs` });
    taken(than, version, true);
  }
});

interface Wanted {
  readonly name: string;
  readonly type?: "service" | "batch";
  readonly attempts: number;
  readonly script: string;
}

function jobText({ name, type = "service", attempts, script }: Wanted): string {
  return `job "${name}" {
  type = "${type}"
  group "all" {
    restart {
      attempts = ${attempts}
      delay    = "1s"
      mode     = "fail"
    }
    reschedule {
      attempts  = 0
      unlimited = false
    }
    task "work" {
      driver = "raw_exec"
      config {
        command = "/bin/sh"
        args    = ["-c", "${script}"]
      }
    }
  }
}
`;
}

test("what ran before an update runs after it, or the update is turned down", async (t) => {
  const agent = await testAgent();
  const env = createEnv({ logLevel: "error" });
  t.teardown(async () => {
    env.close();
    await agent.remove();
  });
  const path = join(agent.dir, "data/client/state.jsonl");
  const patience = { path, steadyMs: 1500, timeoutMs: 60_000 };
  writeFileSync(join(agent.dir, "there"), "");
  const jobs: readonly Wanted[] = [
    { name: "needy", attempts: 2, script: `test -e ${agent.dir}/there && exec sleep 100000` },
    { name: "spent", attempts: 1, script: "exec sleep 100000" },
    { name: "moved", attempts: 1, script: "exec sleep 100000" },
    { name: "batch", type: "batch", attempts: 1, script: "exec sleep 100000" },
    { name: "failing", attempts: 0, script: "exit 1" },
  ];
  for (const job of jobs) {
    const file = join(agent.dir, `${job.name}.nomad.hcl`);
    writeFileSync(file, jobText(job));
    const { code, stderr } = await agent.lares("job", "run", "-detach", file);
    t.is(code, 0, stderr);
  }
  const phases = async (): Promise<string[]> =>
    [...(await readTasks(env.disk, path)).values()].flatMap(({ current, tasks }) =>
      Object.values(tasks).map(({ phase }) => `${current.job.ID} ${phase.kind}`),
    );
  const all = ["batch running", "failing dead", "moved running", "needy running", "spent running"];
  await until("all were begun", async () => (await phases()).toSorted().join() === all.join());
  const known = await readTasks(env.disk, path);
  t.deepEqual(ranSteadily(known, env.clock.nowMs()), [], "what just began may be what fails again and again");
  const ran = ranSteadily(known, env.clock.nowMs() + 61_000);
  t.deepEqual(ran.map(({ name }) => name).toSorted(), ["moved.all[0]", "needy.all[0]", "spent.all[0]"]);

  // As when the machine is started: the agent finds notes of what is no more.
  const powerOff = async (): Promise<void> => {
    const tasks = [...(await readTasks(env.disk, path)).values()].flatMap((each) => Object.values(each.tasks));
    await agent.kill();
    for (const { phase } of tasks)
      if (phase.kind === "running") process.kill(-Number(phase.handle.state["pid"]), "SIGKILL");
  };
  t.is((await agent.lares("job", "stop", "-detach", "moved")).code, 0);
  await until("it was stopped", async () => (await phases()).includes("moved dead"));
  await powerOff();
  t.deepEqual(
    (await missingTasks(env, ran, { ...patience, timeoutMs: 0 })).toSorted(),
    ["needy", "spent"].map((job) => `${job}.all[0] ran before: task work does not run: Task started by client`),
    "nothing is taken for running that no agent has taken up",
  );
  await agent.start();
  t.deepEqual(await missingTasks(env, ran, patience), []);

  const again = ranSteadily(await readTasks(env.disk, path), env.clock.nowMs() + 61_000);
  t.deepEqual(again.map(({ name }) => name).toSorted(), ["needy.all[0]", "spent.all[0]"]);
  await powerOff();
  rmSync(join(agent.dir, "there"));
  await agent.start();
  t.deepEqual(
    await missingTasks(env, again, patience),
    ["needy.all[0] ran before: task work failed: Exit Code: 1"],
    "the other's own policy allows it no further start",
  );
});
