import { fail, succeed, type Result } from "#base/env/errors.ts";
import { GLOBAL, keyOf, partsOf } from "#base/protocol/keys.ts";
import { decodeRow } from "../codec.ts";
import * as tables from "../tables.ts";
import type { Snapshot } from "./read-snapshot.ts";
import { CARRIED_KEY, isRootKey, type SealedKeys } from "./sealed-keys.ts";

const IDENTITY_KEY = keyOf(tables.clusterIdentities.name, GLOBAL, "current");
const VERSIONS = new Map(Object.values(tables).map(({ name, schemaVersion }) => [name, schemaVersion]));

export interface Here {
  /** Empty: this is no cluster that others could join. */
  readonly clusterId: string;
  /** Its members besides this server. */
  readonly otherMembers: number;
  /** The state is in an etcd. */
  readonly sharesState: boolean;
  readonly keys: SealedKeys | undefined;
}

/** What a snapshot would bring, once it is known to fit. */
export interface Fitting {
  readonly snapshot: Snapshot;
  /** Another cluster's identity and authorities come with it. */
  readonly isAnotherCluster: boolean;
  readonly carried: string | undefined;
}

/**
 * Whether a snapshot may replace the state, and the snapshot as it then is: with keys that open here. Fails with
 * `newer` (rows of a version this program cannot read), `other_cluster` (unless `force`), `shared_state`, `members` or `sealed`.
 */
export function fit(snapshot: Snapshot, here: Here, force: boolean): Result<Fitting> {
  const newer = newerTable(snapshot);
  if (newer !== undefined) return fail("newer", newer, "restore it with the version of lares that made it");
  const theirs = clusterIdOf(snapshot);
  const isAnotherCluster = theirs !== here.clusterId && theirs !== "";
  if (isAnotherCluster && here.clusterId !== "") {
    const refused = refusal(theirs, here, force);
    if (refused !== undefined) return refused;
  }
  const carried = snapshot.records.get(CARRIED_KEY);
  const records = new Map(snapshot.records);
  for (const [key, value] of snapshot.records) {
    if (!isRootKey(key) || here.keys === undefined) continue;
    const adopted = here.keys.adopt(value, carried);
    if (!adopted.ok) return adopted;
    records.set(key, adopted.value);
  }
  return succeed({ snapshot: { ...snapshot, records }, isAnotherCluster, carried });
}

/** Empty: of no cluster that others could join. */
export function clusterIdOf({ records }: Snapshot): string {
  const text = records.get(IDENTITY_KEY);
  const read = text === undefined ? undefined : decodeRow(tables.clusterIdentities, text);
  return read?.ok === true ? read.value.ClusterID : "";
}

function refusal(
  theirs: string,
  { clusterId, otherMembers, sharesState }: Here,
  force: boolean,
): Result<never> | undefined {
  if (!force)
    return fail(
      "other_cluster",
      `the snapshot is of the cluster ${theirs}, this is ${clusterId}`,
      "to make this cluster that one, with all it was, restore with -force",
    );
  if (sharesState)
    return fail(
      "shared_state",
      `the snapshot is of the cluster ${theirs}, and this one's state is in an etcd with certificates of its own`,
      "move it to one server first: lares operator state move -to sqlite",
    );
  if (otherMembers === 0) return undefined;
  return fail(
    "members",
    `the snapshot is of the cluster ${theirs}, and ${otherMembers} other nodes have certificates of this one`,
    "restore it into a new cluster, before others join",
  );
}

/** Names the first table whose rows are of a version that cannot be read. */
function newerTable({ records }: Snapshot): string | undefined {
  for (const [key, value] of records) {
    const table = partsOf(key)?.table ?? "";
    const known = VERSIONS.get(table);
    const schema = Number(/^\{"schema":(\d+),/.exec(value)?.[1] ?? 0);
    if (known !== undefined && schema > known + 1)
      return `the snapshot holds ${table} of schema ${schema}; this program knows ${known}`;
  }
  return undefined;
}
