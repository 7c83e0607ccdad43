import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { copyFileSync, rmSync, truncateSync } from "node:fs";
import { basename, join } from "node:path";
import type { Case, Stage } from "../case.ts";
import { DiskPoints, type SlotImages } from "../disk-points.ts";
import { Machine, makeKey } from "../machine.ts";
import type { DiskEvent } from "../nbd.ts";
import { copyOf, fileOfData, record, SIZE, startsAs } from "../power-cut-disk.ts";
import { serve } from "../serve.ts";
import { built, seedText } from "../workbench.ts";
import { BUNDLES, RELEASE } from "../bundles.ts";

/**
 * All points are looked at from outside. Of the others, so many: data partitions that are looked through, starts until the
 * first stage has told slot and data, starts until the machine has judged itself, and writes of a batch that are lost.
 */
const LOOKS = Number(process.env["LOOKS"] ?? 60);
const STARTS = Number(process.env["STARTS"] ?? 40);
const WHOLE = Number(process.env["WHOLE"] ?? 3);
const LOST = Number(process.env["LOST"] ?? 3);
/** Files of the data partition, whose root is /var. */
const MARK = "/lib/lares-os/mark";
const KEPT = "kept";

export const powerCutCases: readonly Case[] = [
  { name: "power cut after each write of an update", run: duringUpdate },
  { name: "power cut after each write of a first start", run: duringFirstStart },
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

interface Replay {
  readonly events: readonly DiskEvent[];
  readonly points: DiskPoints;
  /** Throws where data is not as it has to be. */
  readonly data: (disk: string) => void;
  /** Waits until a machine that started there is as it has to be. */
  readonly whole: (machine: Machine) => Promise<void>;
  readonly key: string;
}

interface Seen {
  A: number;
  B: number;
}

/** Makes the disk as it was after each event, and looks at it. */
async function replay(stage: Stage, { events, points, data, whole, key }: Replay): Promise<Seen> {
  const writes = events.filter(({ kind }) => kind === "write").length;
  stage.say(`${writes} writes in ${events.length - writes + 1} batches`);
  const decisive = [...events.keys()].filter((at) => points.decides(events[at] ?? { kind: "flush" }));
  const looks = new Set(spread(events.length, LOOKS));
  const starts = new Set([...some(decisive, STARTS / 2), ...spread(events.length, STARTS / 2)]);
  const wholes = new Set(spread(events.length, WHOLE));
  const seen = { A: 0, B: 0, lost: 0, looks: 0, starts: 0, whole: 0 };
  const choose = pseudoRandom(7);
  for (const [at, event] of events.entries()) {
    if (at === 0 || events[at - 1]?.kind === "flush")
      for (const subset of subsets(batchAt(events, at), choose))
        await points.attempt(subset, async () => {
          await points.check();
          seen.lost += 1;
        });
    points.apply(event);
    const slot = await points.check();
    seen[slot] += 1;
    if (looks.has(at)) {
      data(points.path);
      seen.looks += 1;
    }
    if (starts.has(at)) {
      const disk = copyOf(points.path, "point");
      assert.equal(await startsAs(stage, disk), slot, `after event ${at}`);
      data(disk);
      rmSync(disk);
      seen.starts += 1;
    }
    if (wholes.has(at)) {
      await startsWhole(stage, { disk: copyOf(points.path, "point"), at, key, whole });
      seen.whole += 1;
    }
    if (at % 500 === 499) stage.say(`${at + 1} of ${events.length}: ${JSON.stringify(seen)}`);
  }
  points.close();
  stage.say(
    `${events.length} points start: ${seen.A} of slot A, ${seen.B} of slot B; ${seen.lost} more with lost writes; ` +
      `${seen.looks} data partitions looked through, ${seen.starts} started to the data, ${seen.whole} to the end`,
  );
  return seen;
}

function ownImages(): SlotImages {
  return { root: join(built(), "root.img"), kernel: join(built(), "kernel.img") };
}

/** So many of `length` places, evenly. */
function spread(length: number, count: number): readonly number[] {
  return Array.from({ length: Math.floor(count) }, (_, at) => Math.floor((length * (at + 0.5)) / count));
}

function some(places: readonly number[], count: number): readonly number[] {
  return places.length <= count ? places : spread(places.length, count).flatMap((at) => places[at] ?? []);
}

/** The writes from here to the next flush: a cut among them leaves any of them. */
function batchAt(events: readonly DiskEvent[], from: number): readonly DiskEvent[] {
  const end = events.findIndex(({ kind }, at) => at >= from && kind === "flush");
  return events.slice(from, end === -1 ? undefined : end);
}

function subsets(batch: readonly DiskEvent[], choose: () => number): readonly (readonly DiskEvent[])[] {
  return batch.length < 2 ? [] : Array.from({ length: LOST }, () => batch.filter(() => choose() < 0.5));
}

/** https://en.wikipedia.org/wiki/Linear_congruential_generator, so that a run can be repeated. */
function pseudoRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return state / 2 ** 32;
  };
}

interface Start {
  readonly disk: string;
  readonly at: number;
  readonly key: string;
  readonly whole: (machine: Machine) => Promise<void>;
}

async function startsWhole({ bench, say }: Stage, { disk, at, key, whole }: Start): Promise<void> {
  const machine = new Machine({ folder: bench.folder, name: "point", disk, format: "raw", key });
  await machine.start();
  try {
    await whole(machine);
    say(`cut after event ${at}: up after ${machine.sinceStart().toFixed(0)} s`);
  } finally {
    await machine.cut();
    copyFileSync(machine.console, join(bench.folder, `point-${at}.console`));
    rmSync(disk);
  }
}
