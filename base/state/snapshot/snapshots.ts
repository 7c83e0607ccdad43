import type { Env } from "#base/env/env.ts";
import { succeed, type Result } from "#base/env/errors.ts";
import { GLOBAL } from "#base/protocol/keys.ts";
import type { Store } from "../store.ts";
import type { View } from "../table.ts";
import { clusterIdentities, clusterMembers } from "../tables.ts";
import { fit, type Fitting } from "./fit.ts";
import { readSnapshot } from "./read-snapshot.ts";
import { restoreSnapshot, type Restored } from "./restore-snapshot.ts";
import type { SealedKeys } from "./sealed-keys.ts";
import { writeSnapshot } from "./write-snapshot.ts";

export interface SnapshotsDeps {
  readonly env: Pick<Env, "clock" | "random" | "log">;
  readonly store: Store;
  readonly view: View;
  /** Empty: snapshots are not encrypted. */
  readonly passphrase: string;
  /** Undefined: nothing in the state is sealed. */
  readonly keys?: SealedKeys;
  readonly ownNodeId?: string;
  /** The state is in an etcd. Default false. */
  readonly sharesState?: boolean;
  /** The state is another cluster's now; `carried` is what its servers kept beside it. */
  readonly onAnotherCluster?: (carried: string | undefined) => Promise<void>;
}

/** Saves and restores all state of this cluster. */
export class Snapshots {
  readonly #deps: SnapshotsDeps;

  constructor(deps: SnapshotsDeps) {
    this.#deps = deps;
  }

  get isEncrypted(): boolean {
    return this.#deps.passphrase !== "";
  }

  /** Empty: of no cluster that others could join. */
  get clusterId(): string {
    return this.#deps.view.table(clusterIdentities).get(GLOBAL, "current")?.value.ClusterID ?? "";
  }

  /** `redact`: without what secrets are sealed with. Rejects with the store's error. */
  async *save({ redact = false } = {}): AsyncGenerator<Uint8Array> {
    const { env, store, passphrase, keys } = this.#deps;
    const carried = passphrase === "" || redact ? undefined : await keys?.carried();
    yield* writeSnapshot(store, { env, passphrase, redact, ...(carried === undefined ? {} : { carried }) });
  }

  /** Whether these bytes could be restored here. Fails with those of `readSnapshot` and `fit`. */
  read(bytes: Uint8Array, force: boolean): Result<Fitting> {
    const { view, passphrase, keys, ownNodeId = "", sharesState = false } = this.#deps;
    const read = readSnapshot(bytes, passphrase);
    if (!read.ok) return read;
    const members = [...view.table(clusterMembers).list(GLOBAL)].filter(({ id }) => id !== ownNodeId);
    const here = { clusterId: this.clusterId, otherMembers: members.length, sharesState, keys };
    return fit(read.value, here, force);
  }

  /** Replaces the state, or fails as {@link read} and has changed nothing. Rejects with the store's error. */
  async restore(bytes: Uint8Array, { force = false } = {}): Promise<Result<Restored>> {
    const { env, store, view, onAnotherCluster } = this.#deps;
    const fitting = this.read(bytes, force);
    if (!fitting.ok) return fitting;
    const { snapshot, isAnotherCluster, carried } = fitting.value;
    const restored = await restoreSnapshot(store, snapshot, { view, id: env.random.uuid() });
    env.log.warn("the state was replaced by a snapshot", {
      madeAt: new Date(snapshot.header.createdMs).toISOString(),
      written: restored.written,
      deleted: restored.deleted,
    });
    if (isAnotherCluster) await onAnotherCluster?.(carried);
    return succeed(restored);
  }
}
