import type { Env } from "#base/env/env.ts";
import { messageOf } from "#base/env/errors.ts";
import type { Timer } from "#base/env/clock.ts";
import type { BuiltList, BuiltLists } from "../filter/build-lists.ts";
import type { Filter } from "../filter/filter.ts";
import { NameSet } from "../filter/name-set.ts";
import type { ListSettings, Settings } from "../settings/settings.ts";
import { ListStore, type ListMeta } from "./list-store.ts";

const HOUR_MS = 3_600_000;
/** A list that could not be had is looked for again after so long, and then ever less often, up to the usual time. */
const FIRST_RETRY_MS = 60_000;
/** So soon after it could not be had a list is looked for only when somebody says so, whatever else changes. */
const RECENT_MS = 30_000;
const LONGEST_TIMER_MS = 6 * HOUR_MS;

/** A list on the disk, for another thread to read. */
export interface ListFile {
  readonly id: number;
  readonly kind: "block" | "allow";
  readonly path: string;
}

/** Makes the set, away from the thread that answers. */
export type BuildLists = (seed: number, files: readonly ListFile[]) => Promise<BuiltLists>;

export interface ListReport {
  readonly id: number;
  readonly url: string;
  /** Undefined before it was looked for. */
  readonly meta: ListMeta | undefined;
  /** Undefined before it was read. */
  readonly counts: BuiltList | undefined;
}

export interface ListKeeperDeps {
  readonly env: Pick<Env, "clock" | "disk" | "http" | "log">;
  readonly filter: Filter;
  readonly seed: number;
  readonly folder: string;
  readonly build: BuildLists;
  /** Another set is in use. */
  readonly onSwap: () => void;
}

/** Keeps the lists up to date: downloads, checks, builds elsewhere, swaps. One thing at a time. */
export class ListKeeper {
  readonly #deps: ListKeeperDeps;
  readonly #store: ListStore;
  #settings: Settings;
  readonly #metas = new Map<number, ListMeta>();
  #built: readonly BuiltList[] = [];
  #builtFor = "";
  #failures = 0;
  #timer: Timer | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #isStopped = false;

  constructor(deps: ListKeeperDeps, settings: Settings) {
    this.#deps = deps;
    this.#store = new ListStore(deps.env, deps.folder);
    this.#settings = settings;
  }

  /** What is on the disk, at once; then whatever is missing or old. */
  async start(): Promise<void> {
    await this.#queue(() => this.#rebuild(false));
    void this.update({ force: false });
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    this.#store.stop();
    await this.#last;
  }

  report(): readonly ListReport[] {
    return this.#settings.lists.map(({ id, url }) => ({
      id,
      url,
      meta: this.#metas.get(id),
      counts: this.#built.find((built) => built.id === id),
    }));
  }

  /** Lists that came are downloaded, those that went are forgotten. */
  use(settings: Settings): void {
    this.#settings = settings;
    void this.#queue(() => this.#rebuild(false)).then(() => this.update({ force: false }));
  }

  /** Resolves when nothing is under way. */
  async settled(): Promise<void> {
    for (let last; last !== this.#last;) {
      last = this.#last;
      await last;
    }
  }

  /** `force`: whatever their age. Resolves when what came of it is in use. */
  update({ force }: { readonly force: boolean }): Promise<void> {
    return this.#queue(async () => {
      const lists = this.#settings.lists.filter(({ enabled }) => enabled);
      let changed = false;
      let failed = false;
      let isLeft = false;
      for (const list of lists) {
        if (this.#isStopped) return;
        const known = await this.#store.meta(list);
        if (!force && known !== undefined && !this.#isDue(known)) {
          isLeft ||= known.problem !== "";
          continue;
        }
        const { changed: isNew, meta } = await this.#store.refresh(list);
        if (this.#isStopped) return;
        this.#metas.set(list.id, meta);
        if (meta.problem !== "") {
          failed = true;
          this.#deps.env.log.warn(`list ${list.url} was not updated: ${meta.problem}`);
        }
        changed ||= isNew;
      }
      this.#failures = failed ? this.#failures + 1 : isLeft ? Math.max(1, this.#failures) : 0;
      if (changed) await this.#rebuild(true);
      await this.#store.prune(this.#settings.lists);
      this.#plan();
    });
  }

  #isDue({ checkedMs, problem }: ListMeta): boolean {
    const { everyHours } = this.#settings.listUpdates;
    const age = this.#deps.env.clock.nowMs() - checkedMs;
    if (problem !== "") return age < 0 || age >= RECENT_MS;
    // A clock that was behind when it wrote, or is behind now, says nothing about age.
    return everyHours > 0 && (age >= everyHours * HOUR_MS || age < -HOUR_MS);
  }

  #plan(): void {
    this.#timer?.cancel();
    if (this.#isStopped) return;
    const { everyHours } = this.#settings.listUpdates;
    const usual = everyHours === 0 ? LONGEST_TIMER_MS : Math.min(everyHours * HOUR_MS, LONGEST_TIMER_MS);
    const retry = FIRST_RETRY_MS * 2 ** Math.min(this.#failures - 1, 10);
    if (everyHours === 0 && this.#failures === 0) return;
    const delayMs = this.#failures > 0 ? Math.min(retry, usual) : usual;
    this.#timer = this.#deps.env.clock.after(delayMs, () => void this.update({ force: false }));
  }

  async #rebuild(force: boolean): Promise<void> {
    const { env, seed, build, filter, onSwap } = this.#deps;
    const files: ListFile[] = [];
    for (const list of this.#settings.lists.filter(({ enabled }) => enabled)) {
      const meta = await this.#store.meta(list);
      if (meta !== undefined) this.#metas.set(list.id, meta);
      if (meta !== undefined && meta.bytes > 0) files.push(fileOf(this.#store, list));
    }
    const key = JSON.stringify(files);
    if ((!force && key === this.#builtFor) || this.#isStopped) return;
    if (files.length === 0 && this.#builtFor === "") return;
    try {
      const built = await build(seed, files);
      if (this.#isStopped) return;
      this.#builtFor = key;
      this.#built = built.lists;
      filter.use({ lists: { set: new NameSet(built.set), lists: built.lists } });
      onSwap();
      env.log.info("block lists are in use", { names: built.set.count, lists: built.lists.length });
    } catch (thrown) {
      env.log.error(`the block lists could not be built, those before stay in use: ${messageOf(thrown)}`);
    }
  }

  #queue(work: () => Promise<void>): Promise<void> {
    const next = this.#last.then(work, work).catch((thrown: unknown) => {
      this.#deps.env.log.error(`lists: ${messageOf(thrown)}`);
    });
    this.#last = next;
    return next;
  }
}

function fileOf(store: ListStore, list: ListSettings): ListFile {
  return { id: list.id, kind: list.kind, path: store.pathOf(list) };
}
