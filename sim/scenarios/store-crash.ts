import type { Disk } from "#base/env/disk.ts";
import { sleep } from "#base/env/clock.ts";
import { assert } from "#base/env/assert.ts";
import { openJournal } from "#base/state/memory/journal.ts";
import { MemoryStore } from "#base/state/memory/memory-store.ts";
import { StoreError } from "#base/state/store.ts";
import type { Store, StoreRecord } from "#base/state/store.ts";
import { AcknowledgedWrites } from "../checkers/acknowledged-writes.ts";
import { GaplessRevisions } from "../checkers/gapless-revisions.ts";
import { WholeTransactions } from "../checkers/whole-transactions.ts";
import { drawFaults, FaultInjector } from "../faults.ts";
import type { Machine } from "../machine/node.ts";
import type { Scenario } from "../scenario.ts";
import type { World } from "../world.ts";

const WRITERS = 4;
const KEYS_PER_WRITER = 5;
const FAULTY_MS = 6000;
const CONVERGENCE_MS = 5000;

/** The store with its journal on a disk that loses power, fills up and fails to sync, under writers that keep writing. */
export const storeCrash: Scenario = storeCrashOn((disk) => disk);

/** The same with something between store and disk: how the checkers are shown to find a disk that lies. */
export function storeCrashOn(wrap: (disk: Disk) => Disk): Scenario {
  return {
    name: "store-crash",
    title: "acknowledged transactions survive power cuts",
    run: (world) => runStoreCrash(world, wrap),
  };
}

async function runStoreCrash(world: World, wrap: (disk: Disk) => Disk): Promise<void> {
  const run = new StoreRun(world, wrap);
  const node = world.addNode("server", (machine) => run.boot(machine));
  const faults = new FaultInjector(world, drawFaults(world.random.fork(), 800), [node]);
  node.start();
  faults.start();
  await world.advance(FAULTY_MS);
  faults.heal();
  const before = run.acknowledged;
  const converged = await world.advanceUntil(() => run.acknowledged > before, CONVERGENCE_MS);
  assert(converged, `seed ${world.seed}: no write was acknowledged within ${CONVERGENCE_MS} ms after the faults ended`);
}

class StoreRun {
  acknowledged = 0;
  readonly #writes = new AcknowledgedWrites();
  readonly #revisions = new GaplessRevisions();
  readonly #whole = new WholeTransactions();
  readonly #wrap: (disk: Disk) => Disk;
  #values = 0;

  constructor(world: World, wrap: (disk: Disk) => Disk) {
    this.#wrap = wrap;
    world.addCheckers(this.#writes, this.#revisions, this.#whole);
  }

  async boot(machine: Machine): Promise<void> {
    const { env } = machine;
    await env.disk.makeDir("/data");
    const store = await this.#open(machine);
    this.#revisions.opened(store.status().revision);
    const { records } = await store.range({ prefix: "" });
    this.#compare(records);
    store.watch({ prefix: "", onRevision: ({ revision }) => this.#revisions.seen(revision), onEnd: () => {} });
    await Promise.all(Array.from({ length: WRITERS }, (_, writer) => this.#write(machine, store, writer)));
  }

  /** A disk that is full or cannot sync at this moment is no reason to stay down. */
  async #open({ env }: Machine): Promise<Store> {
    for (;;) {
      try {
        return new MemoryStore(await openJournal(this.#wrap(env.disk), "/data/journal"));
      } catch (thrown) {
        if (!(thrown instanceof StoreError) || thrown.code === "corrupt") {
          env.log.error("cannot open the store", { error: String(thrown) });
          throw thrown;
        }
        await sleep(env.clock, 100);
      }
    }
  }

  async #write({ env }: Machine, store: Store, writer: number): Promise<void> {
    for (;;) {
      this.#values += 1;
      const value = `${this.#values} ${"x".repeat(Math.floor(env.random.float() * 200))}`;
      const name = `${writer}/${Math.floor(env.random.float() * KEYS_PER_WRITER)}`;
      const attempts = [`a/${name}`, `b/${name}`].map((key) => this.#writes.attempt(key, value));
      try {
        const result = await store.txn({ then: attempts.map(({ key }) => ({ op: "put", key, value })) });
        for (const attempt of attempts) attempt.revision = result.revision;
        this.#revisions.acknowledged(result.revision);
        this.acknowledged += 1;
      } catch (thrown) {
        env.log.info("write failed", { error: String(thrown) });
        await sleep(env.clock, 20);
      }
      await sleep(env.clock, env.random.float() * 20);
    }
  }

  #compare(records: readonly StoreRecord[]): void {
    const stored = new Map(records.map((record) => [record.key, record]));
    this.#writes.compare(stored);
    const names = records.map(({ key }) => key.slice(2));
    this.#whole.compare(names.map((name) => [name, stored.get(`a/${name}`)?.value, stored.get(`b/${name}`)?.value]));
  }
}
