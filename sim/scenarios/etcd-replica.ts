import { sleep } from "#base/env/clock.ts";
import { HIDDEN_MARK } from "#base/state/etcd/hidden.ts";
import { StoreError, type Change, type Store } from "#base/state/store.ts";
import { GaplessRevisions } from "../checkers/gapless-revisions.ts";
import type { ToldAsItWas } from "../checkers/told-as-it-was.ts";
import type { SimEtcd } from "../etcd/sim-etcd.ts";
import type { Machine } from "../machine/node.ts";
import type { World } from "../world.ts";

export interface ReplicaDeps {
  readonly world: World;
  readonly machine: Machine;
  readonly store: Store;
  readonly told: ToldAsItWas;
}

/** All keys of a store, as its watch tells of them: what a server's view is. */
export class Replica {
  readonly values = new Map<string, string>();
  revision = 0;
  #waiting: { readonly revision: number; readonly resolve: () => void }[] = [];
  readonly #deps: ReplicaDeps;

  constructor(deps: ReplicaDeps) {
    this.#deps = deps;
  }

  /** Hears of every revision once, in order, however often its watch is cut. */
  async follow(): Promise<void> {
    const { world, machine, store, told } = this.#deps;
    const gapless = new GaplessRevisions();
    world.addCheckers(gapless);
    const from = await this.#read();
    gapless.opened(from);
    store.watch({
      prefix: "",
      fromRevision: from + 1,
      onRevision: ({ revision, changes }) => {
        gapless.seen(revision);
        told.told(revision, changes.map(changeText));
        for (const change of changes) this.#take(change);
        this.revision = revision;
        this.#wake();
      },
      // It was away for longer than the history goes back: it begins anew.
      onEnd: (reason) => {
        if (reason.kind === "compacted" || reason.kind === "failed")
          machine.env.clock.after(10, () => void this.follow());
      },
    });
  }

  /** Resolves once it knows that revision. */
  reached(revision: number): Promise<void> {
    if (revision <= this.revision) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ revision, resolve }));
  }

  #wake(): void {
    const due = this.#waiting.filter(({ revision }) => revision <= this.revision);
    this.#waiting = this.#waiting.filter(({ revision }) => revision > this.revision);
    for (const { resolve } of due) resolve();
  }

  async #read(): Promise<number> {
    const { machine, store } = this.#deps;
    for (;;) {
      this.values.clear();
      try {
        const { records, revision } = await store.range({ prefix: "" });
        for (const { key, value } of records) this.values.set(key, value);
        this.revision = revision;
        this.#wake();
        return revision;
      } catch (thrown) {
        if (!(thrown instanceof StoreError)) throw thrown;
        await sleep(machine.env.clock, 50);
      }
    }
  }

  #take(change: Change): void {
    if (change.kind === "put") this.values.set(change.record.key, change.record.value);
    else this.values.delete(change.key);
  }
}

function changeText(change: Change): string {
  return change.kind === "put" ? `${change.record.key}=${change.record.value}` : `${change.key} gone`;
}

/** Tells the checker of all that etcd does, in the store's count of revisions. */
export function tellWhatHappens(
  etcd: SimEtcd,
  told: { readonly wrote: (revision: number, changes: readonly string[]) => void },
): void {
  let next = 2;
  etcd.follow(() => {
    for (; ; next++) {
      const events = etcd.events(next, { prefix: "" });
      if (events === undefined) return;
      const texts = events.flatMap((event) => {
        const key = event.kind === "put" ? event.record.key : event.key;
        if (key.startsWith(HIDDEN_MARK)) return [];
        return [event.kind === "put" ? `${key}=${event.record.value}` : `${key} gone`];
      });
      // Etcd counts from 1, the store's contract from 0.
      told.wrote(next - 1, texts);
    }
  });
}

/** What is different from etcd's own; undefined: nothing. */
export function differs({ values, revision }: Replica, etcd: SimEtcd): string | undefined {
  if (revision !== etcd.revision - 1) return `it knows revision ${revision} of ${etcd.revision - 1}`;
  const { records } = etcd.range({ span: { prefix: "" } });
  const shown = records.filter(({ key }) => !key.startsWith(HIDDEN_MARK));
  const wrong = shown.find(({ key, value }) => values.get(key) !== value);
  if (wrong !== undefined) return `${wrong.key} is ${values.get(wrong.key) ?? "not there"}, and ${wrong.value} in etcd`;
  return values.size === shown.length ? undefined : `${values.size} keys of ${shown.length}`;
}
