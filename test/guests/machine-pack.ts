import { deepEqual, equal, match } from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import * as v from "valibot";
import { sourceRoot } from "#base/platform/embedded/files.ts";
import { testAgent, until, type TestAgent } from "../scenario/agent.ts";
import { bootDisk } from "./boot-disk.ts";

const PACK = join(sourceRoot(), "packs/vm/vm.nomad.hcl");
const MAIN = join(sourceRoot(), "cli/main.ts");
/** No other's machine is taken for one of ours. */
const NAME = `lvm${process.pid}`;
/** Kept on its second disk over its restarts; its agent's call ends it, and nothing but that. */
const SCRIPT = `printf '#!/bin/sh\\necho told to end >/dev/ttyS0; sync; poweroff -f\\n' >/sbin/shutdown
echo "on its disk: $(head -n 1 /dev/vdb | tr -cd 'a-z')"
echo kept | dd of=/dev/vdb conv=notrunc 2>/dev/null; sync
agent
udhcpc -i eth0 -n -q -s /usr/share/udhcpc/default.script; httpd -p 80 -h /mnt/seed
echo waiting
while read line; do echo "heard $line"; done`;

const AllocsSchema = v.array(v.object({ ID: v.string(), ClientStatus: v.string(), DesiredStatus: v.string() }));
const PortsSchema = v.object({
  AllocatedResources: v.object({
    Shared: v.object({ Ports: v.array(v.object({ Label: v.string(), Value: v.number() })) }),
  }),
});

/** The pack `vm`, its machine booted from a disk by its BIOS, through an agent that dies now and then. */
export async function tryMachinePack(held: (what: string) => void): Promise<void> {
  const { folder, image } = bootDisk();
  const before = digest(image);
  const own = mkdtempSync(join(tmpdir(), "lares-vm-"));
  const volume = join(own, "machines");
  mkdirSync(volume);
  const config = join(own, "machines.hcl");
  writeFileSync(
    config,
    `plugin "qemu" {\n  config { image_paths = ["${folder}"] }\n}\nclient {\n  host_volume "machines" { path = "${volume}" }\n}\n`,
  );
  const agent = await testAgent({ flags: ["-config", config], docker: "unix:///nonexistent", logLevel: "info" });
  try {
    await machine(agent, image, held);
    await crashes(agent, image, held);
    equal(digest(image), before);
    held("vm: the image is as it was");
  } catch (thrown) {
    throw new Error(`${String(thrown)}\n${agent.log().slice(-4000)}`, { cause: thrown });
  } finally {
    for (const pid of processes("")) process.kill(pid, "SIGKILL");
    await agent.remove();
    rmSync(own, { recursive: true, force: true });
  }
}

async function machine(agent: TestAgent, image: string, held: (what: string) => void): Promise<void> {
  await run(agent, `${NAME}-one`, { image_path: image, user_data: SCRIPT, data_volume: "machines", data_size: "16M" });
  const alloc = await running(agent, `${NAME}-one`);
  const said = async (): Promise<string> => (await agent.lares("alloc", "logs", alloc)).stdout;
  await until("it has booted", async () => /waiting\n/.test(await said()), 120_000);
  match(await said(), /^on its disk: \nbound /);
  held("vm: boots from its disk by BIOS, its seed is read, and its console is in the logs");

  const { AllocatedResources } = v.parse(PortsSchema, await agent.get(`/v1/allocation/${alloc}`));
  const port = AllocatedResources.Shared.Ports.find(({ Label }) => Label === "http")?.Value ?? 0;
  const page = await (await fetch(`http://127.0.0.1:${port}/meta-data`)).text();
  equal(page, `instance-id: ${alloc}\nlocal-hostname: ${NAME}-one-machine-0\n`);
  held("vm: a port of the node leads to its port 80");

  const within = await agent.lares("alloc", "exec", "-i=false", alloc, "sh", "-c", "echo from within; exit 5");
  deepEqual([within.code, within.stdout], [5, "from within\n"]);
  held("vm: alloc exec runs commands in it, by its agent");
  equal(typed(agent, alloc, "one\n"), "heard one\n");
  held("vm: alloc exec console sits down at its serial port");

  const pids = processes(`${NAME}-one`);
  equal(pids.length, 1);
  await agent.kill();
  await agent.start();
  await until("it is found again", async () =>
    (await agent.lares("alloc", "status", alloc)).stdout.includes("running"),
  );
  await until("its console answers", () => typed(agent, alloc, "two\n").includes("heard two\n"));
  deepEqual(processes(`${NAME}-one`), pids);
  held("vm: runs on while its agent dies and comes back, and is the same");

  equal((await agent.lares("alloc", "restart", alloc)).code, 0);
  await until("it has booted again", async () => (await said()).split("waiting\n").length === 3, 120_000);
  match(await said(), /told to end\non its disk: kept\n/);
  held("vm: told to end by its agent, and what it wrote on its volume is there after its restart");

  equal((await agent.lares("job", "stop", "-purge", `${NAME}-one`)).code, 0);
  await until("it has ended", () => processes(`${NAME}-one`).length === 0);
  await until("its end is in its log", async () => (await said()).endsWith("told to end\n"));
  held("vm: a job that is stopped shuts it down in order");
}

/** From before the first process to a booted guest. */
const CRASH_MS = [0, 150, 400, 900, 2000];

async function crashes(agent: TestAgent, image: string, held: (what: string) => void): Promise<void> {
  for (const [index, afterMs] of CRASH_MS.entries()) {
    const name = `${NAME}-crash-${index}`;
    await run(agent, name, { image_path: image, user_data: SCRIPT });
    await wait(afterMs);
    await agent.kill();
    await agent.start();
    const alloc = await running(agent, name);
    await until(
      `it has booted (${afterMs} ms)`,
      async () => /waiting\n/.test((await agent.lares("alloc", "logs", alloc)).stdout),
      120_000,
    );
    equal(processes(name).length, 1, `${afterMs} ms`);
    // Its guest is asked to end by nobody here: the power is cut.
    equal((await agent.lares("job", "stop", "-purge", name)).code, 0);
    await until("nothing of it is left", () => processes(name).length === 0, 120_000);
    await until("its folder of sockets is gone", () => runFolders(agent, alloc).length === 0);
  }
  held(`vm: one machine, never two and never none, whenever the agent dies (${CRASH_MS.length} moments of its start)`);
}

async function run(agent: TestAgent, name: string, variables: Readonly<Record<string, string>>): Promise<void> {
  const given = { name, cpu: "200", memory: "192", disk_size: "128M", ...variables };
  const words = Object.entries(given).flatMap(([key, value]) => ["-var", `${key}=${value}`]);
  const { code, stdout, stderr } = await agent.lares("job", "run", "-detach", ...words, PACK);
  equal(code, 0, `${stdout}${stderr}`);
}

async function running(agent: TestAgent, job: string): Promise<string> {
  let id = "";
  await until(
    `${job} runs`,
    async () => {
      const allocs = v.safeParse(AllocsSchema, await agent.get(`/v1/job/${job}/allocations`));
      const wanted = (allocs.success ? allocs.output : []).filter(({ DesiredStatus }) => DesiredStatus === "run");
      id = wanted.find(({ ClientStatus }) => ClientStatus === "running")?.ID ?? "";
      return id !== "" && wanted.length === 1;
    },
    120_000,
  );
  return id;
}

/** What its serial console answers to a line. */
function typed(agent: TestAgent, alloc: string, input: string): string {
  const words = ["--disable-warning=ExperimentalWarning", MAIN, "alloc", "exec", "-t=false", alloc, "console"];
  const env = { ...process.env, NOMAD_ADDR: agent.nomad };
  return execFileSync(process.execPath, words, { input, encoding: "utf8", env });
}

/** QEMUs of a job's machine; of all of them. */
function processes(job: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const [program = "", ...args] = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
        const name = args[args.indexOf("-name") + 1] ?? "";
        return program.includes("qemu-system-") && name.startsWith(job === "" ? `${NAME}-` : `${job}.`);
      } catch {
        // It has ended meanwhile.
        return false;
      }
    })
    .map(Number);
}

function runFolders(agent: TestAgent, alloc: string): string[] {
  try {
    return readdirSync(join(agent.dir, "data/alloc", alloc, ".qemu")).filter((name) => name.startsWith(alloc));
  } catch {
    return [];
  }
}

function digest(path: string): string {
  return createHash("sha256").update(readFileSync(path)).digest("hex");
}
