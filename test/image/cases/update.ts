import assert from "node:assert/strict";
import { existsSync, statSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { addToChannel } from "#os-image/firmware/node/channel.ts";
import { BUNDLES } from "../bundles.ts";
import { shows, type Case, type Stage } from "../case.ts";
import type { Machine } from "../machine.ts";
import { serve } from "../serve.ts";
import { built } from "../workbench.ts";

export const updateCases: readonly Case[] = [
  { name: "updates that are refused", run: refusals },
  { name: "update, data kept, and rollback", run: goodUpdate },
  { name: "update after update, and back", run: twoUpdates },
  { name: "update to another flavour", run: toDocker, needs: needsDocker },
  bad("update without an agent", "noAgent", /the agent's program does not run/),
  bad("update whose agent hangs", "dumbAgent", /the agent does not answer/),
  bad("update whose agent is lonely", "lonelyAgent", /does not reach its cluster, as it did before/),
  bad("update without a network", "noNetwork", /there is no network, as there was before/),
  bad("update with a unit that fails", "failedUnit", /failed: broken\.service/),
  bad("update whose start is never over", "noVerdict", /the start was not over after 15 minutes/),
  bad("update whose kernel is none", "noKernel", /its kernel or its system does not start/),
  bad("update whose kernel dies", "panic", /its kernel or its system does not start/),
  { name: "update with which a task does not run", run: lostTask },
  { name: "reset of data, reset of everything", run: resets },
];

/** The machine in slot A, and a server that hands it updates. */
async function withUpdates(
  { bench, shared }: Stage,
  work: (machine: Machine, urlOf: (file: string) => string, sent: () => number) => Promise<void>,
): Promise<void> {
  const { server, port, sent } = await serve(bench.folder);
  try {
    await shared.use((machine) => work(machine, (file) => `http://10.0.2.2:${port}/${basename(file)}`, sent));
  } finally {
    server.close();
  }
}

async function refusals(stage: Stage): Promise<void> {
  const { bench, say } = stage;
  const rows: readonly (readonly [file: string, why: RegExp])[] = [
    [await BUNDLES.stranger(bench), /signed by whoever made this machine's firmware/],
    [await BUNDLES.otherBoard(bench), /the update is for lares-rpi, this machine is lares-amd64/],
    [await BUNDLES.otherFlavour(bench), /of the flavour full, and minimal is wanted here/],
    [await BUNDLES.older(bench), /older than/],
    [await BUNDLES.short(bench), /not (taken|installed)/],
  ];
  await withUpdates(stage, async (machine, urlOf) => {
    for (const [file, why] of rows) {
      const { code, stderr } = await machine.run(`lares os update ${urlOf(file)}`, 600_000);
      assert.notEqual(code, 0, file);
      shows(stderr, why, basename(file));
      say(`${basename(file)} refused: ${stderr.trim().split("\n")[0] ?? ""}`);
    }
    assert.match(await machine.osStatus(), /"next": "A"/);
  });
}

async function goodUpdate(stage: Stage): Promise<void> {
  const good = await BUNDLES.good(stage.bench);
  await withUpdates(stage, async (machine, urlOf, sent) => {
    const began = performance.now();
    await machine.must(`lares os update ${urlOf(good)}`, 900_000);
    const [loaded, whole] = [sent(), statSync(good).size].map((bytes) => (bytes / 1e6).toFixed(1));
    stage.say(`written in ${((performance.now() - began) / 1000).toFixed(0)} s; ${loaded} of ${whole} MB loaded`);
    const restarting = performance.now();
    const since = (): string => ((performance.now() - restarting) / 1000).toFixed(0);
    await machine.run("systemctl --no-block reboot");
    await machine.until("the old slot serves no longer", async () => !(await machine.answers("/v1/agent/health")));
    await machine.whenApi();
    stage.say(`serves ${since()} s after the restart began`);
    await machine.settled("B");
    stage.say(`is confirmed ${since()} s after it`);
    shows(await machine.osStatus(), /"version": "9\.9\.9"[\s\S]*"state": "confirmed"/, "the status");
    assert.equal((await machine.must("cat /var/lib/lares-os/mark")).trim(), "kept");
    await machine.restarted("lares os rollback -reboot");
    await machine.settled("A");
    stage.say("rolled back to slot A");
  });
}

/** By a channel. The first slot is written, too: then neither holds what was flashed. */
async function twoUpdates(stage: Stage): Promise<void> {
  const bundles = [await BUNDLES.good(stage.bench), await BUNDLES.goodAgain(stage.bench)] as const;
  const channel = join(stage.bench.folder, "stable.json");
  await withUpdates(stage, async (machine, urlOf, sent) => {
    for (const [bundle, slot, release] of [
      [bundles[0], "B", "9.9.9"],
      [bundles[1], "A", "9.9.10"],
    ] as const) {
      writeFileSync(channel, addToChannel(undefined, "lares-amd64", { version: release, bundle: basename(bundle) }));
      const [began, before] = [performance.now(), sent()];
      await machine.must(`lares os update ${urlOf(channel)}`, 900_000);
      const took = ((performance.now() - began) / 1000).toFixed(0);
      stage.say(`slot ${slot} written in ${took} s; ${((sent() - before) / 1e6).toFixed(1)} MB loaded`);
      await machine.restarted("systemctl reboot");
      await machine.settled(slot);
    }
    shows(await machine.osStatus(), /"version": "9\.9\.9\.1"[\s\S]*"state": "confirmed"/, "the status");
    await machine.restarted("lares os rollback -reboot");
    await machine.settled("B");
    shows(await machine.osStatus(), /"version": "9\.9\.9"/, "the status");
    assert.equal((await machine.must("cat /var/lib/lares-os/mark")).trim(), "kept");
    stage.say("two updates, and one back");
  });
  // It runs what is newer than the updates of other cases.
  await stage.shared.discard();
}

function needsDocker(): string | undefined {
  return existsSync(join(built("amd64", "docker"), "root.img"))
    ? undefined
    : "npm run image -- -flavour docker -only raw";
}

/** By a channel that has both. */
async function toDocker(stage: Stage): Promise<void> {
  const [good, docker] = [await BUNDLES.good(stage.bench), await BUNDLES.docker(stage.bench)];
  const least = addToChannel(undefined, "lares-amd64", { version: "9.9.9", bundle: basename(good) });
  const both = addToChannel(least, "lares-amd64-docker", { version: "9.9.9", bundle: basename(docker) });
  const channel = join(stage.bench.folder, "flavours.json");
  writeFileSync(channel, both);
  await withUpdates(stage, async (machine, urlOf) => {
    const { code, stderr } = await machine.run(`lares os update ${urlOf(docker)}`, 600_000);
    assert.notEqual(code, 0);
    shows(stderr, /of the flavour docker, and minimal is wanted here/, "without a word");
    await machine.must(`lares os update -flavour=docker ${urlOf(channel)}`, 900_000);
    await machine.restarted("systemctl reboot");
    await machine.settled("B");
    shows(await machine.osStatus(), /"variant": "docker"[\s\S]*"state": "confirmed"/, "the status");
    await machine.until("Docker's engine answers", async () => {
      const { stdout } = await machine.run("curl -sf --unix-socket /run/docker.sock http://docker/_ping");
      return stdout === "OK";
    });
    assert.equal((await machine.must("cat /var/lib/lares-os/mark")).trim(), "kept");
    stage.say("the machine has Docker's engine, and its data");
    await machine.restarted("lares os rollback -reboot");
    await machine.settled("A");
    shows(await machine.osStatus(), /"variant": "minimal"/, "the status");
    stage.say("and is without it again");
  });
}

/** Two services ran; in the new version one of them misses something. */
async function lostTask(stage: Stage): Promise<void> {
  const file = await BUNDLES.noTask(stage.bench);
  await withUpdates(stage, async (machine, urlOf) => {
    const lares = (line: string): Promise<string> =>
      machine.must(`NOMAD_TOKEN=$(cat /var/lib/lares/management-token) lares ${line}`, 300_000);
    await machine.must(`cat >/run/two.nomad.hcl <<'END'\n${TWO_SERVICES}END\n`);
    await lares("job run -detach /run/two.nomad.hcl");
    const bothRun = async (): Promise<boolean> =>
      (await lares("job allocs -json two")).match(/"ClientStatus": *"running"/g)?.length === 2;
    await machine.until("both services run", bothRun);
    // What runs for less may be failing again and again: it does not count.
    await machine.must("sleep 61", 120_000);
    await machine.must(`lares os update ${urlOf(file)}`, 900_000);
    await machine.restarted("systemctl reboot");
    await machine.until("the old slot is back", async () => (await machine.slot()) === "A");
    await machine.settled("A");
    const status = await machine.osStatus();
    shows(status, /two\.needy\[0\] ran before: task work /, "the status");
    assert.doesNotMatch(status, /two\.plain/);
    await machine.until("both services run again", bothRun);
    await lares("job stop -purge -detach two");
    stage.say("back on slot A by itself, the task is named, and runs again");
  });
}

const TWO_SERVICES = `job "two" {
${service("plain", "")}${service("needy", "test ! -e /usr/lib/no-tasks && ")}}
`;

/** Its policy has one attempt for the start of the machine, and one more. */
function service(name: string, needs: string): string {
  return `  group "${name}" {
    restart {
      attempts = 2
      delay    = "2s"
      mode     = "fail"
    }
    task "work" {
      driver = "exec"
      config {
        command = "/bin/busybox"
        args    = ["sh", "-c", "${needs}exec busybox sleep 100000"]
      }
      resources {
        cpu    = 20
        memory = 16
      }
    }
  }
`;
}

/** Whatever is wrong with an update, the old slot is back by itself, and says why. */
function bad(name: string, bundle: keyof typeof BUNDLES, reason: RegExp): Case {
  return {
    name,
    run: async (stage) => {
      const file = await BUNDLES[bundle](stage.bench);
      await withUpdates(stage, async (machine, urlOf) => {
        await machine.must(`lares os update ${urlOf(file)}`, 900_000);
        stage.say("written");
        await machine.restarted("systemctl reboot");
        await machine.until("the old slot is back", async () => (await machine.slot()) === "A");
        await machine.settled("A");
        shows(await machine.osStatus(), reason, "the status");
        assert.equal((await machine.must("cat /var/lib/lares-os/mark")).trim(), "kept");
        stage.say("back on slot A by itself, reason kept");
      });
    },
  };
}

/** The last of the shared machine: afterwards nobody gets in. */
async function resets({ shared, say }: Stage): Promise<void> {
  await shared.use(async (machine) => {
    const kept = await machine.must("cat /var/lib/lares-os/machine-id");
    const founded = (): number => (machine.transcript().match(/first server of cluster/g) ?? []).length;
    const first = founded();
    // By the API, as of another machine.
    const token = "NOMAD_TOKEN=$(cat /var/lib/lares/management-token)";
    await machine.restarted(`${token} lares os reset -data -node=$(hostname) -yes`);
    await machine.settled("A");
    assert.ok(founded() > first, "it founded a cluster of its own anew");
    await machine.whenApi();
    assert.equal(await machine.must("cat /var/lib/lares-os/machine-id"), kept);
    assert.equal((await machine.must("cat /var/lib/lares-os/mark")).trim(), "kept");
    say("data forgotten, settings kept");
    await machine.must("lares os reset -yes");
    const before = founded();
    await machine.run("systemctl reboot");
    await machine.until("it founds a cluster anew", () => founded() > before);
    assert.notEqual((await machine.run("true", 20_000)).code, 0, "the key is forgotten");
    say("everything forgotten");
  });
  await shared.discard();
}
