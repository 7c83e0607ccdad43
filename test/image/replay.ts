import assert from "node:assert/strict";
import { copyFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Stage } from "./case.ts";
import type { DiskPoints, SlotImages } from "./disk-points.ts";
import { Machine } from "./machine.ts";
import type { DiskEvent } from "./nbd.ts";
import { copyOf, startsAs } from "./power-cut-disk.ts";
import { built } from "./workbench.ts";

/**
 * All points are looked at from outside. Of the others, so many: data partitions that are looked through, starts until the
 * first stage has told slot and data, starts until the machine has judged itself, and writes of a batch that are lost.
 */
const LOOKS = Number(process.env["LOOKS"] ?? 60);
const STARTS = Number(process.env["STARTS"] ?? 40);
const WHOLE = Number(process.env["WHOLE"] ?? 3);
const LOST = Number(process.env["LOST"] ?? 3);

export interface Replay {
  readonly events: readonly DiskEvent[];
  readonly points: DiskPoints;
  /** Throws where data is not as it has to be when so many events have reached the disk. */
  readonly data: (disk: string, happened: number) => void | Promise<void>;
  /** Waits until a machine that started there is as it has to be. */
  readonly whole: (machine: Machine, happened: number) => Promise<void>;
  readonly key: string;
}

export interface Seen {
  A: number;
  B: number;
}

/** Makes the disk as it was after each event, and looks at it. */
export async function replay(stage: Stage, { events, points, data, whole, key }: Replay): Promise<Seen> {
  const writes = events.filter(({ kind }) => kind === "write").length;
  stage.say(`${writes} writes in ${events.length - writes + 1} batches`);
  const decisive = [...events.keys()].filter((at) => points.decides(events[at] ?? { kind: "flush" }));
  const looks = new Set(spread(events.length, LOOKS));
  const starts = new Set([...some(decisive, STARTS / 2), ...spread(events.length, STARTS / 2)]);
  const wholes = new Set(spread(events.length, WHOLE));
  const partly = new Set(some(batches(events), LOOKS / (4 * LOST)));
  const seen = { A: 0, B: 0, lost: 0, looks: 0, starts: 0, whole: 0 };
  const choose = pseudoRandom(7);
  for (const [at, event] of events.entries()) {
    if (beginsBatch(events, at))
      for (const subset of subsets(batchAt(events, at), choose))
        await points.attempt(subset, async () => {
          await points.check();
          seen.lost += 1;
          if (!partly.has(at)) return;
          await data(points.path, at);
          seen.looks += 1;
        });
    points.apply(event);
    const slot = await points.check();
    seen[slot] += 1;
    if (looks.has(at)) {
      await data(points.path, at + 1);
      seen.looks += 1;
    }
    if (starts.has(at)) {
      const disk = copyOf(points.path, "point");
      assert.equal(await startsAs(stage, disk), slot, `after event ${at}`);
      await data(disk, at + 1);
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

export function ownImages(): SlotImages {
  return { root: join(built(), "root.img"), kernel: join(built(), "kernel.img") };
}

/** So many of `length` places, evenly. */
function spread(length: number, count: number): readonly number[] {
  return Array.from({ length: Math.floor(count) }, (_, at) => Math.floor((length * (at + 0.5)) / count));
}

function some(places: readonly number[], count: number): readonly number[] {
  return places.length <= count ? places : spread(places.length, count).flatMap((at) => places[at] ?? []);
}

function beginsBatch(events: readonly DiskEvent[], at: number): boolean {
  return at === 0 || events[at - 1]?.kind === "flush";
}

/** Where those begin of which a cut may lose a part. */
function batches(events: readonly DiskEvent[]): readonly number[] {
  return [...events.keys()].filter((at) => beginsBatch(events, at) && batchAt(events, at).length > 1);
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
  readonly whole: (machine: Machine, happened: number) => Promise<void>;
}

async function startsWhole({ bench, say }: Stage, { disk, at, key, whole }: Start): Promise<void> {
  const machine = new Machine({ folder: bench.folder, name: "point", disk, format: "raw", key });
  await machine.start();
  try {
    await whole(machine, at + 1);
    say(`cut after event ${at}: up after ${machine.sinceStart().toFixed(0)} s`);
  } finally {
    await machine.cut();
    copyFileSync(machine.console, join(bench.folder, `point-${at}.console`));
    rmSync(disk);
  }
}
