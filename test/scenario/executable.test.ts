import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import * as v from "valibot";
import { createEnv } from "#base/platform/create-env.ts";
import { bundleExecutableMain, bundleModule, laresRecipe } from "#scripts/build/bundle.ts";
import { buildExecutable } from "#scripts/build/executable.ts";
import { emulate } from "#scripts/build/node-binary.ts";
import { writeOutput } from "#scripts/build/output.ts";
import { type Architecture, architectures, laresVersion, root } from "#scripts/build/place.ts";
import { sourceRevision } from "#scripts/build/revision.ts";
import { plugIn } from "../drivers/devices/pty.ts";
import { testAgent, until } from "./agent.ts";

/** What an executable may weigh. */
const MAX_BYTES = 130e6;

const AllocsSchema = v.array(v.object({ ID: v.string(), NodeID: v.string(), ClientStatus: v.string() }));
const NodeSchema = v.object({ Attributes: v.record(v.string(), v.string()) });
const SelfSchema = v.looseObject({ config: v.looseObject({}) });

/** What `npm run build` writes, made only when an input changed. */
async function executable(architecture: Architecture): Promise<string[]> {
  const path = `${root}/dist/lares-linux-${architecture}`;
  await buildExecutable(path, { architecture, program: await bundleExecutableMain(laresRecipe()), codeCache: true });
  return [...emulate(architecture), path];
}

async function bundle(): Promise<string[]> {
  const { code, map } = await bundleModule(laresRecipe());
  writeOutput(`${root}/dist/lares.mjs`, code, 0o755);
  writeOutput(`${root}/dist/lares.mjs.map`, map);
  return [process.execPath, `${root}/dist/lares.mjs`];
}

/** What a device answers on a serial port that the program opens. */
async function throughPort([program = "", ...before]: readonly string[]): Promise<string> {
  const env = createEnv({ logToStderr: false });
  const folder = mkdtempSync(join(tmpdir(), "lares-executable-port-"));
  const board = await plugIn(env, `${folder}/port`, (line, self) => void self.say(`you said ${line}\n`));
  const child = spawn(program, [...before, "serial", "console", "-e=none", "-for=60s", `${folder}/port`]);
  try {
    let said = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (data: Buffer) => (said += data.toString()));
    // Its input may be read before the port is open.
    await until("the port is open", () => said.includes("Connected") || child.exitCode !== null);
    child.stdin.write("hello\n");
    await until("the device answers", () => said.includes("you said") || child.exitCode !== null);
    return said;
  } finally {
    child.kill("SIGKILL");
    await board.unplug();
    rmSync(folder, { recursive: true, force: true });
    env.close();
  }
}

const programs: readonly [name: string, command: () => Promise<string[]>][] = [
  ["lares.mjs", bundle],
  ...architectures.map((each): [string, () => Promise<string[]>] => [`lares-linux-${each}`, () => executable(each)]),
];

// One after the other: the emulated agent needs a processor for itself.
for (const [name, command] of programs) {
  test.serial(`${name}: agent -dev runs a job, and its API answers`, async (t) => {
    t.timeout(180_000, "building and emulation");
    const argv = await command();
    const [program = "", ...before] = argv;
    t.regex(execFileSync(program, [...before, "version"], { encoding: "utf8" }), new RegExp(`v${laresVersion}\\b`));
    t.true(statSync(argv.at(-1) ?? "").size <= MAX_BYTES);
    t.regex(await throughPort(argv), /you said hello/, "its native binding for serial ports is found");
    // As a careful shell or unit starts it: what tasks of other users pass through is open to them all the same.
    const agent = await testAgent({ command: ["sh", "-ec", 'umask 077; exec "$@"', "sh", ...argv], flags: ["-dev"] });
    // Through a link named as Nomad's program, Nomad's shorthands are known.
    symlinkSync(argv.at(-1) ?? "", `${agent.dir}/nomad`);
    const link = [...before.slice(0, -1), ...(before.length > 0 ? [`${agent.dir}/nomad`] : [])];
    const shown = execFileSync(before.length > 0 ? program : `${agent.dir}/nomad`, [...link, "run", "-help"], {
      encoding: "utf8",
    });
    t.regex(shown, /Usage: lares job run/);
    // Stopped cleanly, `-dev` takes its tasks along, also when a check below fails.
    t.teardown(async () => {
      await agent.stop();
      await agent.remove();
    });
    t.regex(readFileSync(`/proc/${agent.pid()}/status`, "utf8"), /^Umask:\s+0022$/m);
    v.assert(SelfSchema, await agent.get("/v1/agent/self"));
    const file = `${agent.dir}/echo.nomad.hcl`;
    writeFileSync(
      file,
      `job "echo" {
  group "g" {
    task "t" {
      driver = "raw_exec"
      config {
        command = "/bin/sh"
        args    = ["-c", "echo from ${name}; exec sleep 600"]
      }
    }
  }
}
`,
    );
    const { code, stderr } = await agent.lares("job", "run", "-detach", file);
    t.is(code, 0, stderr);
    let alloc = "";
    let node = "";
    await until("the job runs", async () => {
      const [first] = v.parse(AllocsSchema, await agent.get("/v1/job/echo/allocations"));
      alloc = first?.ID ?? "";
      node = first?.NodeID ?? "";
      return first?.ClientStatus === "running";
    });
    const { Attributes } = v.parse(NodeSchema, await agent.get(`/v1/node/${node}`));
    t.is(Attributes["nomad.revision"] ?? "", sourceRevision(root));
    const output = `${agent.dir}/data/alloc/${alloc}/alloc/logs/t.stdout.0`;
    await until("its output is there", () => existsSync(output) && readFileSync(output, "utf8") === `from ${name}\n`);
    t.is((await agent.lares("job", "stop", "-purge", "echo")).code, 0);
    t.is(await agent.stop(), 0);
  });
}
