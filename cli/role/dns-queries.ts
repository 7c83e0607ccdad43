import type { ConsulClient } from "#base/client/consul-client.ts";
import { textOf } from "#base/env/bytes.ts";
import type { Env } from "#base/env/env.ts";
import { openSqlFile } from "#base/platform/sql-file.ts";
import { seenAt } from "#daemons/dns/log/privacy.ts";
import { QueryLog } from "#daemons/dns/log/query-log.ts";
import type { QueryObserver } from "#daemons/dns/query-record.ts";
import type { SettingsStore } from "#daemons/dns/settings/settings-store.ts";
import { HouseCounts } from "#daemons/dns/statistics/house-counts.ts";
import { recountDay } from "#daemons/dns/statistics/recount.ts";
import { Statistics } from "#daemons/dns/statistics/statistics.ts";

export interface Queries {
  readonly log: QueryLog;
  readonly statistics: Statistics;
  readonly observe: QueryObserver;
  /** Of all instances. */
  counts(): Promise<Statistics>;
  stop(): Promise<void>;
}

export interface QueriesOptions {
  readonly settings: SettingsStore;
  /** Of the log's database. */
  readonly folder: string;
  /** The cluster's, where counts are shared. */
  readonly client?: ConsulClient | undefined;
}

/** What becomes of every answer: a line in the log, and counts. */
export async function openQueries(env: Env, { settings, folder, client }: QueriesOptions): Promise<Queries> {
  const log = new QueryLog({
    env,
    settings: () => settings.current.log,
    openFile: openSqlFile,
    path: `${folder}/queries.db`,
  });
  const statistics = new Statistics(env.clock);
  await log.start();
  if (log.longTerm !== undefined) void recountDay(env, log.longTerm, statistics);
  const house =
    client === undefined
      ? undefined
      : new HouseCounts({ env, client, own: statistics, instance: await instanceIn(env, folder) });
  house?.start();
  return {
    log,
    statistics,
    counts: () => house?.counts() ?? Promise.resolve(statistics),
    stop: async () => {
      await house?.stop();
      await log.stop();
    },
    observe: (record) => {
      statistics.add(record, seenAt(settings.current.log.privacyLevel, record));
      log.take(record);
    },
  };
}

/** Who this instance is: what its log's database goes with, so that what is counted again from there is never counted twice. */
async function instanceIn(env: Env, folder: string): Promise<string> {
  const path = `${folder}/instance`;
  const known = await env.disk.read(path);
  const text = known === undefined ? "" : textOf(known).trim();
  if (/^[0-9a-f-]{36}$/.test(text)) return text;
  const made = env.random.uuid();
  await env.disk.replace(path, Buffer.from(made));
  return made;
}
