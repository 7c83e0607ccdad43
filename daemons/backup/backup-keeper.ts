import type { Timer } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import { CodedError, fail, messageOf, succeed, type Result } from "#base/env/errors.ts";
import type { Backup } from "#base/protocol/backup.ts";
import { GLOBAL } from "#base/protocol/keys.ts";
import { put } from "#base/state/codec.ts";
import type { Snapshots } from "#base/state/snapshot/snapshots.ts";
import type { Store } from "#base/state/store.ts";
import type { View } from "#base/state/table.ts";
import { backups } from "#base/state/tables.ts";
import { backupName, backupsIn, clusterPart, surplus, type BackupName, type StoredBackup } from "./backup-name.ts";
import { dueMs } from "./due.ts";
import { spool, type SpooledSnapshot } from "./spool.ts";
import type { BackupTarget } from "./target.ts";

export interface BackupKeeperDeps {
  readonly env: Pick<Env, "clock" | "disk" | "log">;
  /** Takes writes only while this server leads. */
  readonly store: Store;
  readonly view: View;
  readonly snapshots: Snapshots;
  readonly targets: readonly BackupTarget[];
  /** 0: only by command. */
  readonly intervalMs: number;
  /** Where a snapshot waits to be copied; made here. */
  readonly folder: string;
  /** This server's name. */
  readonly server: string;
  /** Told of every target after it was tried, and of all when this server begins to lead; undefined: it leads no more. */
  readonly onState: (rows: readonly Backup[] | undefined) => void;
}

/** A timer is looked at again this often: clocks may be set. */
const LONGEST_WAIT_MS = 3_600_000;
const SHORTEST_WAIT_MS = 1000;
const NEVER: Omit<Backup, "Target"> = {
  Name: "",
  MadeAt: 0,
  Bytes: 0,
  Revision: 0,
  Kept: 0,
  TriedAt: 0,
  Server: "",
  Problem: "",
  FailsSince: 0,
};

/** The leader's care for backups: makes those that are due, and says how they stand. */
export class BackupKeeper {
  readonly #deps: BackupKeeperDeps;
  #leads = false;
  #timer: Timer | undefined;
  #working: Promise<unknown> = Promise.resolve();

  constructor(deps: BackupKeeperDeps) {
    this.#deps = deps;
  }

  get targets(): readonly BackupTarget[] {
    return this.#deps.targets;
  }

  get intervalMs(): number {
    return this.#deps.intervalMs;
  }

  /** How each target stands, in the order of the configuration. */
  rows(): readonly Backup[] {
    return this.#deps.targets.map(({ name }) => this.#row(name) ?? { ...NEVER, Target: name });
  }

  /** Milliseconds since the epoch; undefined: only by command. */
  nextMs(target: string): number | undefined {
    const nowMs = this.#deps.env.clock.nowMs();
    return dueMs(this.#row(target), { intervalMs: this.#deps.intervalMs, nowMs });
  }

  startLeading(): void {
    if (this.#leads || this.#deps.targets.length === 0) return;
    this.#leads = true;
    this.#deps.onState(this.rows());
    this.#arm();
  }

  /** Resolves when what it was doing is over. */
  async stopLeading(): Promise<void> {
    if (!this.#leads) return;
    this.#leads = false;
    this.#timer?.cancel();
    await this.#working;
    this.#deps.onState(undefined);
  }

  /** Makes a backup now. Fails with `no_target`, `not_leader`, or `backup` and what went wrong. */
  async run(name: string | undefined): Promise<Result<readonly Backup[]>> {
    const { targets } = this.#deps;
    const chosen = name === undefined ? targets : targets.filter((target) => target.name === name);
    if (chosen.length === 0) return unknownTarget(name ?? "", targets);
    if (!this.#leads) return fail("not_leader", "another server leads now, and makes the backups", "ask again");
    const rows = await this.#serially(() => this.#backUp(chosen));
    const failed = rows.filter(({ Problem }) => Problem !== "");
    if (failed.length === 0) return succeed(rows);
    return fail("backup", failed.map(({ Target, Problem }) => `${Target}: ${Problem}`).join("; "));
  }

  /** The backups at a target, newest first. Fails with `no_target` or `target`. */
  async list(name: string): Promise<Result<readonly (StoredBackup & BackupName)[]>> {
    const target = this.#deps.targets.find((each) => each.name === name);
    if (target === undefined) return unknownTarget(name, this.#deps.targets);
    try {
      return succeed(backupsIn(await target.list()));
    } catch (thrown) {
      return fail("target", messageOf(thrown));
    }
  }

  /** `file`: a name, or `latest`. Fails with `no_target`, `no_backup` or `target`. */
  async read(name: string, file: string): Promise<Result<{ name: string; body: AsyncIterable<Uint8Array> }>> {
    const listed = await this.list(name);
    if (!listed.ok) return listed;
    const found = file === "latest" ? listed.value[0] : listed.value.find((each) => each.name === file);
    const target = this.#deps.targets.find((each) => each.name === name);
    const missing = fail("no_backup", `there is no backup ${JSON.stringify(file)} at ${name}`, "list those there are");
    if (found === undefined || target === undefined) return missing;
    try {
      const body = await target.read(found.name);
      return body === undefined ? missing : succeed({ name: found.name, body });
    } catch (thrown) {
      return fail("target", messageOf(thrown));
    }
  }

  #row(target: string): Backup | undefined {
    return this.#deps.view.table(backups).get(GLOBAL, target)?.value;
  }

  #arm(): void {
    this.#timer?.cancel();
    const { env, targets } = this.#deps;
    const due = targets.map(({ name }) => this.nextMs(name)).filter((at) => at !== undefined);
    if (!this.#leads || due.length === 0) return;
    const wait = Math.min(...due) - env.clock.nowMs();
    this.#timer = env.clock.after(Math.max(SHORTEST_WAIT_MS, Math.min(wait, LONGEST_WAIT_MS)), () => {
      void this.#serially(() => this.#backUpDue())
        .catch((thrown: unknown) => env.log.error("backups", { error: messageOf(thrown) }))
        .finally(() => this.#arm());
    });
  }

  #serially<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#working.then(work);
    this.#working = next.catch(() => {});
    return next;
  }

  async #backUpDue(): Promise<void> {
    if (!this.#leads) return;
    const nowMs = this.#deps.env.clock.nowMs();
    const due = this.#deps.targets.filter(({ name }) => (this.nextMs(name) ?? Number.POSITIVE_INFINITY) <= nowMs);
    if (due.length > 0) await this.#backUp(due);
  }

  /** One snapshot, to all of these. Never rejects but with the store's error. */
  async #backUp(targets: readonly BackupTarget[]): Promise<readonly Backup[]> {
    const { env, folder, snapshots } = this.#deps;
    const path = `${folder}/next.snap`;
    let file: SpooledSnapshot | string;
    try {
      await env.disk.makeDir(folder, { mode: 0o700 });
      file = await spool(env.disk, path, snapshots.save());
    } catch (thrown) {
      file = `no snapshot could be made: ${messageOf(thrown)}`;
    }
    const rows = await Promise.all(targets.map((target) => this.#copy(target, file)));
    await env.disk.remove(path).catch(() => {});
    await this.#write(rows);
    return rows;
  }

  async #copy(target: BackupTarget, file: SpooledSnapshot | string): Promise<Backup> {
    const { env, server, snapshots } = this.#deps;
    const before = this.#row(target.name) ?? { ...NEVER, Target: target.name };
    const tried = { ...before, TriedAt: Math.round(env.clock.nowMs()), Server: server };
    try {
      if (typeof file === "string") throw new CodedError("snapshot", file);
      const { madeMs, revision, bytes } = file;
      const cluster = clusterPart(snapshots.clusterId);
      const name = backupName({ cluster, madeMs, revision });
      await target.put(name, file);
      const files = await target.list();
      if (files.find((each) => each.name === name)?.bytes !== bytes)
        throw new CodedError("incomplete", `${name} is not at ${target.place} as it was written`);
      const gone = surplus(files, cluster, target.retain);
      for (const each of gone) await target.remove(each);
      const Kept = backupsIn(files).filter((each) => each.cluster === cluster).length - gone.length;
      env.log.info("a backup was made", { target: target.name, name, bytes });
      return {
        ...tried,
        Name: name,
        MadeAt: madeMs,
        Bytes: bytes,
        Revision: revision,
        Kept,
        Problem: "",
        FailsSince: 0,
      };
    } catch (thrown) {
      const Problem = messageOf(thrown);
      env.log.error("a backup could not be made", { target: target.name, error: Problem });
      return { ...tried, Problem, FailsSince: before.FailsSince === 0 ? tried.TriedAt : before.FailsSince };
    }
  }

  async #write(rows: readonly Backup[]): Promise<void> {
    const { store, view, onState } = this.#deps;
    const then = rows.map((row) => put(backups, { namespace: GLOBAL, id: row.Target }, row));
    const { revision } = await store.txn({ then });
    await view.reached(revision);
    if (this.#leads) onState(this.rows());
  }
}

function unknownTarget(name: string, targets: readonly BackupTarget[]): Result<never> {
  if (targets.length === 0)
    return fail("no_target", "no target for backups is configured", 'add backup { target "NAME" { … } }');
  const known = targets.map((target) => target.name).join(", ");
  return fail("no_target", `there is no target ${JSON.stringify(name)} for backups`, `there are ${known}`);
}
