import { formatDuration } from "#base/language/duration.ts";
import type { StoredVariable } from "#base/protocol/variable.ts";
import type { Row } from "#base/state/table.ts";

/**
 * A variable without what it holds. Only who holds its lock is told the lock's ID, because that is the right to change
 * the variable.
 */
export function variableMetadata(row: Row<StoredVariable>, to: "holder" | "reader" = "reader") {
  const { CreateTime, ModifyTime, Lock } = row.value;
  const lock =
    Lock === null
      ? {}
      : {
          Lock: {
            ID: to === "holder" ? Lock.ID : "",
            TTL: formatDuration(Lock.TTL),
            LockDelay: formatDuration(Lock.LockDelay),
          },
        };
  return {
    Namespace: row.namespace,
    Path: row.id,
    CreateIndex: row.createIndex,
    ModifyIndex: row.modifyIndex,
    CreateTime,
    ModifyTime,
    ...lock,
  };
}
