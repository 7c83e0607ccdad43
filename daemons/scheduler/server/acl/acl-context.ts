import { GLOBAL } from "#base/protocol/keys.ts";
import { absent, put, unchanged } from "#base/state/codec.ts";
import type { Compare, Op } from "#base/state/store.ts";
import type { Row, Table } from "#base/state/table.ts";
import type { IntroductionSettings } from "../identity/node-identities.ts";
import { readable, type ServerContext } from "../server-context.ts";

/** How access is controlled here. Durations in milliseconds. */
export interface AclSettings {
  readonly enabled: boolean;
  readonly tokenMinExpirationTtlMs: number;
  readonly tokenMaxExpirationTtlMs: number;
  /** Holds the file that allows a second bootstrap. */
  readonly resetFolder: string;
  readonly region: string;
  /** Issuer of workload identities; empty: none is claimed. */
  readonly oidcIssuer: string;
  readonly introduction: IntroductionSettings;
}

export const NO_ACL: AclSettings = {
  enabled: false,
  tokenMinExpirationTtlMs: 60_000,
  tokenMaxExpirationTtlMs: 24 * 3600_000,
  resetFolder: "",
  region: "global",
  oidcIssuer: "",
  introduction: { enforcement: "warn", defaultTtlMs: 300_000, maxTtlMs: 1_800_000 },
};

export interface AclContext {
  readonly server: ServerContext;
  readonly settings: AclSettings;
}

export function rowOf<T>({ server }: AclContext, table: Table<T>, id: string): Row<T> | undefined {
  return server.state.view.table(table).get(GLOBAL, id);
}

export function rowsOf<T>({ server }: AclContext, table: Table<T>, idPrefix = ""): Row<T>[] {
  return [...server.state.view.table(table).list(GLOBAL, idPrefix)];
}

export function putGlobal<T>(table: Table<T>, id: string, value: T): Op {
  return put(table, { namespace: GLOBAL, id }, value);
}

/** Holds while the row is as it was read, or still missing. */
export function sameAs<T>(table: Table<T>, id: string, row: Row<T> | undefined): Compare {
  return row === undefined ? absent(table, GLOBAL, id) : unchanged(table, row);
}

/** Undefined when a condition did not hold. Resolves once the write can be read. */
export async function commit(
  { server }: AclContext,
  compare: readonly Compare[],
  then: readonly Op[],
): Promise<number | undefined> {
  const { ok, revision } = await server.store.txn({ compare, then });
  await readable(server, revision);
  return ok ? revision : undefined;
}
