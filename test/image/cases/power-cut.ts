import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, truncateSync } from "node:fs";
import { basename, join } from "node:path";
import { openState } from "#cli/agent/open-state.ts";
import { GLOBAL } from "#base/protocol/keys.ts";
import * as tables from "#base/state/tables.ts";
import type { Case, Stage } from "../case.ts";
import { DiskPoints } from "../disk-points.ts";
import { type Machine, makeKey } from "../machine.ts";
import { copyOf, fileOfData, folderOfData, record, SIZE } from "../power-cut-disk.ts";
import { ownImages, replay } from "../replay.ts";
import { serve } from "../serve.ts";
import { seedText } from "../workbench.ts";
import { BUNDLES, RELEASE } from "../bundles.ts";

/** Files of the data partition, whose root is /var. */
const MARK = "/lib/lares-os/mark";
const KEPT = "kept";
/** Written while the agent's own state is recorded. */
const VALUES = 100;

export const powerCutCases: readonly Case[] = [
  { name: "power cut after each write of an update", run: duringUpdate },
  { name: "power cut after each write of a first start", run: duringFirstStart },
  { name: "power cut after each write of the agent's own state", run: duringWork },
];

async function duringUpdate(stage: Stage): Promise<void> {
  const { bench } = stage;
  const root = await bench.slot("next", RELEASE);
  const bundle = await BUNDLES.good(bench);
  const { key, line } = makeKey(bench.folder);
  const path = await bench.disk("live.img", { "lares.hcl": seedText(line) });
  truncateSync(path, SIZE);
  const before = join(bench.folder, "before.img");
  const { server, port } = await serve(bench.folder);
  const events = await record(stage, {
    path,
    machine: { key },
    work: async (machine, disk) => {
      await machine.start();
      await machine.settled("A");
      await machine.must(`echo ${KEPT} > /var/lib/lares-os/mark; sync`);
      execFileSync("cp", ["--sparse=always", path, before]);
      disk.isRecording = true;
      await machine.must(`lares os update http://10.0.2.2:${port}/${basename(bundle)}`, 900_000);
      await machine.restarted("systemctl reboot");
      await machine.settled("B");
      await machine.must("sync");
    },
  }).finally(() => server.close());
  const own = ownImages();
  const points = new DiskPoints(before, bench, { A: [own], B: [{ root, kernel: own.kernel }] });
  const data = (disk: string): void => assert.equal(fileOfData(disk, MARK), KEPT);
  const seen = await replay(stage, {
    events,
    points,
    data,
    whole: async (machine) => {
      await machine.whenSsh();
      await machine.until("it was judged", async () => (await machine.run("test -e /run/lares-os/judged")).code === 0);
      assert.equal((await machine.must("cat /var/lib/lares-os/mark")).trim(), KEPT);
    },
    key,
  });
  assert.ok(seen.A > 0 && seen.B > 0);
}

/** The disk as it was flashed, until the machine shows its page: the table, the data partition, the seed, the cluster. */
async function duringFirstStart(stage: Stage): Promise<void> {
  const { bench } = stage;
  const { key, line } = makeKey(bench.folder);
  const path = await bench.disk("live.img", { "lares.hcl": seedText(line, 'hostname = "kitchen"\r\n') });
  truncateSync(path, SIZE);
  const before = copyOf(path, "before");
  const up = /Lares \S+ on kitchen, slot A[\s\S]*healthy/;
  const events = await record(stage, {
    path,
    work: async (machine, disk) => {
      disk.isRecording = true;
      await machine.start();
      await machine.whenShown(up);
    },
  });
  const points = new DiskPoints(before, bench, { A: [ownImages()], B: [] });
  const whole = async (machine: Machine): Promise<void> => {
    await machine.whenShown(/Lares \S+ on kitchen, slot A/);
    await machine.whenApi();
  };
  await replay(stage, { events, points, data: () => {}, whole, key });
}

/** Values in turn, each written when the one before was answered; among them a job, whose task goes on running. */
async function duringWork(stage: Stage): Promise<void> {
  const { bench } = stage;
  const { key, line } = makeKey(bench.folder);
  const path = await bench.disk("live.img", { "lares.hcl": seedText(line) });
  truncateSync(path, SIZE);
  const before = join(bench.folder, "before.img");
  /** How many events had happened when the write was answered, of each value, and when the task ran. */
  const answered: number[] = [];
  let ran = Infinity;
  let token = "";
  const events = await record(stage, {
    path,
    machine: { key },
    work: async (machine, disk) => {
      await machine.start();
      await machine.settled("A");
      token = (await machine.must("cat /var/lib/lares/management-token; sync")).trim();
      execFileSync("cp", ["--sparse=always", path, before]);
      disk.isRecording = true;
      for (let number = 0; number < VALUES; number += 1) {
        const url = `http://127.0.0.1:${machine.catalogPort}/v1/kv/${valueName(number)}`;
        const said = await fetch(url, { method: "PUT", body: `value ${number}`, headers: { "X-Consul-Token": token } });
        assert.equal(await said.text(), "true");
        answered.push(disk.events.length);
        if (number !== VALUES / 4) continue;
        await machine.must(`cat >/run/work.nomad.hcl <<'END'\n${WORK}END\n`);
        await machine.must(`NOMAD_TOKEN=${token} lares job run -detach /run/work.nomad.hcl`);
      }
      await machine.until("the task runs", () => taskRuns(machine, token));
      ran = disk.events.length;
    },
  });
  let lookedUp = 0;
  const known = (happened: number): readonly number[] =>
    [...answered.keys()].filter((at) => (answered[at] ?? 0) <= happened);
  await replay(stage, {
    events,
    points: new DiskPoints(before, bench, { A: [ownImages()], B: [] }),
    data: async (disk, happened) => {
      const folder = mkdtempSync(join(bench.folder, "state-"));
      folderOfData(disk, "/lib/lares/state", folder);
      const state = await openState(join(folder, "state"), bench.env);
      const text = (number: number): string =>
        Buffer.from(state.view.table(tables.kv).get(GLOBAL, valueName(number))?.value.Value ?? "", "base64").toString();
      for (const number of known(happened)) {
        assert.equal(text(number), `value ${number}`);
        lookedUp += 1;
      }
      if (ran <= happened) assert.ok(state.view.table(tables.jobs).get("default", "work"), "the job is known");
      await state.close();
      rmSync(folder, { recursive: true });
    },
    whole: async (machine, happened) => {
      await machine.whenApi();
      const url = `http://127.0.0.1:${machine.catalogPort}/v1/kv/power-cut/?recurse`;
      await machine.until("the values are there", async () => {
        const said = await fetch(url, { headers: { "X-Consul-Token": token } }).catch(() => undefined);
        const rows = said?.ok === true ? ((await said.json()) as readonly { Key: string; Value: string }[]) : [];
        const texts = new Map(rows.map(({ Key, Value }) => [Key, Buffer.from(Value, "base64").toString()]));
        return known(happened).every((number) => texts.get(valueName(number)) === `value ${number}`);
      });
      if (ran <= happened) await machine.until("the task runs again", () => taskRuns(machine, token));
    },
    key,
  });
  assert.ok(lookedUp > 0);
  stage.say(`${VALUES} values were written, and looked up ${lookedUp} times`);
}

function valueName(number: number): string {
  return `power-cut/${number}`;
}

async function taskRuns({ apiPort }: Machine, token: string): Promise<boolean> {
  const url = `http://127.0.0.1:${apiPort}/v1/job/work/allocations`;
  const said = await fetch(url, { headers: { "X-Nomad-Token": token } }).catch(() => undefined);
  if (said?.ok !== true) return false;
  return ((await said.json()) as readonly { ClientStatus: string }[]).some((alloc) => alloc.ClientStatus === "running");
}

const WORK = `job "work" {
  group "work" {
    task "work" {
      driver = "exec"
      config {
        command = "/bin/busybox"
        args    = ["sleep", "100000"]
      }
      resources {
        cpu    = 20
        memory = 16
      }
    }
  }
}
`;
