/** What the name of a backup says: `lares-CLUSTER-20261121T142300Z-REVISION.snap`. */
export interface BackupName {
  /** The first eight digits of the cluster's id; `single` for a server that nobody can join. */
  readonly cluster: string;
  /** Milliseconds since the epoch, whole seconds. */
  readonly madeMs: number;
  readonly revision: number;
}

const PATTERN = /^lares-([0-9a-z]+)-(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z-(\d+)\.snap$/;

export function clusterPart(clusterId: string): string {
  return clusterId === "" ? "single" : clusterId.slice(0, 8);
}

export function backupName({ cluster, madeMs, revision }: BackupName): string {
  const time = new Date(madeMs).toISOString().replace(/\.\d+Z$/, "Z");
  return `lares-${cluster}-${time.replaceAll(/[-:]/g, "")}-${revision}.snap`;
}

/** Undefined: no backup of ours has such a name. */
export function readBackupName(name: string): BackupName | undefined {
  const [, cluster = "", year, month, day, hour, minute, second, revision] = PATTERN.exec(name) ?? [];
  if (cluster === "") return undefined;
  const madeMs = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  const read = { cluster, madeMs, revision: Number(revision) };
  return Number.isNaN(madeMs) || !Number.isSafeInteger(read.revision) ? undefined : read;
}

export interface StoredBackup {
  readonly name: string;
  readonly bytes: number;
}

/** Newest first; files of others are passed over. */
export function backupsIn<T extends StoredBackup>(files: readonly T[]): readonly (T & BackupName)[] {
  return files
    .flatMap((file) => {
      const read = readBackupName(file.name);
      return read === undefined ? [] : [{ ...file, ...read }];
    })
    .toSorted((a, b) => b.madeMs - a.madeMs || b.revision - a.revision || (a.name < b.name ? -1 : 1));
}

/** Names of what may go: this cluster's backups but for the newest `retain`. */
export function surplus(files: readonly StoredBackup[], cluster: string, retain: number): readonly string[] {
  return backupsIn(files)
    .filter((file) => file.cluster === cluster)
    .slice(retain)
    .map(({ name }) => name);
}
