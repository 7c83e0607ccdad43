import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import test, { type ExecutionContext } from "ava";
import fc from "fast-check";
import { createEnv } from "#base/platform/create-env.ts";
import { openSqlFile } from "#base/platform/sql-file.ts";
import { LOG_SCHEMA, LongTerm } from "#daemons/dns/log/long-term.ts";
import type { LoggedQuery } from "#daemons/dns/log/logged-query.ts";
import { compileFilter } from "#daemons/dns/log/query-filter.ts";
import { MAX_RECENT, QueryLog } from "#daemons/dns/log/query-log.ts";
import { QueryRing } from "#daemons/dns/log/query-ring.ts";
import { QUERY_STATUS, REPLY_KIND, type QueryRecord } from "#daemons/dns/query-record.ts";
import { defaultSettings } from "#daemons/dns/settings/settings.ts";

const START = Date.UTC(2026, 0, 1);

function record(changes: Partial<QueryRecord> = {}): QueryRecord {
  return {
    timeMs: START,
    client: "192.168.1.2",
    name: "www.example",
    type: 1,
    status: QUERY_STATUS.forwarded,
    reply: REPLY_KIND.ip,
    rcode: 0,
    ruleId: 0,
    upstream: "9.9.9.9",
    durationMs: 12.5,
    transport: "udp",
    authentic: false,
    ...changes,
  };
}

function openLog(t: ExecutionContext, changes: Partial<ReturnType<typeof defaultSettings>["log"]> = {}) {
  const folder = mkdtempSync(join(tmpdir(), "lares-dns-log-"));
  const env = createEnv();
  const settings = { ...defaultSettings().log, ...changes };
  const path = join(folder, "queries.db");
  const log = new QueryLog({ env, settings: () => settings, openFile: openSqlFile, path });
  t.teardown(async () => {
    await log.stop();
    env.close();
    rmSync(folder, { recursive: true });
  });
  return { log, path, env, settings };
}

function newest(log: QueryLog): LoggedQuery | undefined {
  for (const query of log.recent()) return query;
  return undefined;
}

test("what was asked outlives the program, newest first, by any filter", async (t) => {
  const { log, path, env, settings } = openLog(t);
  await log.start();
  for (let n = 0; n < 50; n++)
    log.take(
      record({
        timeMs: START + n,
        name: n % 5 === 0 ? `ads${n}.example` : "www.example",
        status: n % 5 === 0 ? QUERY_STATUS.blockedList : QUERY_STATUS.forwarded,
        client: n % 2 === 0 ? "fd00::1" : "192.168.1.2",
        type: n % 7 === 0 ? 28 : 1,
      }),
    );
  await log.stop();
  const again = new QueryLog({ env, settings: () => settings, openFile: openSqlFile, path });
  await again.start();
  again.take(record({ timeMs: START + 100, name: "late.example" }));
  const late = newest(again);
  const all = await again.find({}, { limit: 1000, skip: 0 });
  t.is(all.queries.length, 51);
  t.is(all.total, 51);
  t.deepEqual(all.queries[0], late);
  t.deepEqual(
    all.queries.slice(1).map(({ timeMs }) => timeMs - START),
    Array.from({ length: 50 }, (_, n) => 49 - n),
  );
  const blocked = await again.find({ blocked: true, name: "ADS*", client: "fd00::1" }, { limit: 3, skip: 1 });
  t.deepEqual(
    blocked.queries.map(({ name }) => name),
    ["ads30.example", "ads20.example", "ads10.example"],
  );
  t.is(blocked.matching, 5);
  t.is((await again.find({ name: "ads_0.example" }, { limit: 9, skip: 0 })).matching, 0);
  await again.forget(START + 20);
  t.is((await again.find({}, { limit: 100, skip: 0 })).total, 31);
  await again.stop();
});

test("a query over both memory and database finds what either filter finds alone", async (t) => {
  const { path } = openLog(t);
  const file = await openSqlFile({ path, schema: LOG_SCHEMA });
  const store = new LongTerm(file);
  const queries: LoggedQuery[] = Array.from({ length: 60 }, (_, n) => ({
    ...record({
      timeMs: START + (n >> 2),
      name: ["a.example", "b_b.example", "c%c.example", "hidden"][n % 4] ?? "",
      type: [1, 28, 65][n % 3] ?? 1,
      status: n % 5 === 0 ? QUERY_STATUS.blockedRegex : QUERY_STATUS.cached,
      authentic: n % 2 === 0,
    }),
    id: (START + (n >> 2)) * 1024 + (n & 3),
  }));
  await store.append(queries);
  await fc.assert(
    fc.asyncProperty(
      fc.record(
        {
          fromMs: fc.integer({ min: START - 2, max: START + 20 }),
          untilMs: fc.integer({ min: START - 2, max: START + 20 }),
          name: fc.constantFrom("*", "a.example", "A*", "*_b*", "c%*", "*x*", "*.*.*", String.raw`\%`),
          types: fc.subarray([1, 28, 65]),
          blocked: fc.boolean(),
          authentic: fc.boolean(),
        },
        { requiredKeys: [] },
      ),
      async (filter) => {
        const stored = await store.find(filter, { limit: 100, skip: 0 });
        const kept = queries.filter(compileFilter(filter)).toReversed();
        t.deepEqual(
          stored.map(({ id }) => id),
          kept.map(({ id }) => id),
        );
        t.is(await store.count(filter), kept.length);
        t.deepEqual(stored[0], kept[0]);
      },
    ),
    { numRuns: 60 },
  );
  await store.close();
});

test("privacy hides names, then clients, then all", async (t) => {
  const { log, settings } = openLog(t);
  await log.start();
  const seen = [1, 2, 3].map((privacyLevel) => {
    settings.privacyLevel = privacyLevel;
    const before = newest(log)?.id;
    log.take(record());
    const kept = newest(log);
    return kept === undefined || kept.id === before ? undefined : `${kept.client} ${kept.name}`;
  });
  t.deepEqual(seen, ["192.168.1.2 hidden", "0.0.0.0 hidden", undefined]);
  t.is((await log.find({}, { limit: 9, skip: 0 })).total, 2);
});

test("a tail hears queries as they come, until it ends", async (t) => {
  const { log } = openLog(t);
  await log.start();
  const heard: string[] = [];
  const end = log.tail(({ name }) => void heard.push(name));
  log.take(record({ name: "one" }));
  end?.();
  log.take(record({ name: "two" }));
  t.deepEqual(heard, ["one"]);
});

test("a damaged database is put aside, and the log goes on", async (t) => {
  const { log, path } = openLog(t);
  writeFileSync(path, "this was never a database, but is long enough to be looked at as one".repeat(100));
  await log.start();
  log.take(record());
  await log.flush();
  t.true(existsSync(`${path}.broken`));
  t.is((await log.longTerm?.count({})) ?? 0, 1);
});

test("a database that cannot be had costs the history alone", async (t) => {
  const { env, settings } = openLog(t);
  const log = new QueryLog({ env, settings: () => settings, openFile: openSqlFile, path: "/proc/none/queries.db" });
  await log.start();
  log.take(record());
  t.is((await log.find({}, { limit: 9, skip: 0 })).total, 1);
  await log.stop();
});

test("the database's thread rests while nothing is asked, and is there again when something is", async (t) => {
  const { path } = openLog(t);
  const file = await openSqlFile({ path, schema: LOG_SCHEMA }, 1);
  const store = new LongTerm(file);
  for (let n = 1; n <= 5; n++) {
    await store.append([{ ...record(), id: n }]);
    await wait(n * 10);
    t.is(await store.count({}), n);
  }
  await store.close();
  await t.throwsAsync(store.count({}), { code: "SQL_CLOSED" });
});

test("the ring keeps the newest", (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 0, max: 60 }), (limit, count) => {
      const ring = new QueryRing(limit);
      const ways = ["udp", "tcp", "dot", "doh"] as const;
      const seen = { name: "seen", client: "::1" };
      const given = (id: number): QueryRecord =>
        record({ durationMs: id / 7, transport: ways[id % 4] ?? "udp", authentic: id % 3 === 0, ruleId: id * 2 ** 20 });
      for (let id = 1; id <= count; id++) ring.push(given(id), seen, id);
      const kept = [...ring.newestFirst()];
      for (const query of kept) t.deepEqual(query, { ...given(query.id), ...seen, id: query.id });
      const ids = kept.map(({ id }) => id);
      t.deepEqual(
        ids,
        Array.from({ length: Math.min(limit, count) }, (_, n) => count - n),
      );
      t.is(ring.oldest?.id, ids.at(-1));
    }),
  );
});

test("ids rise, also when everything comes at once or the clock is set", async (t) => {
  const { log } = openLog(t);
  await log.start();
  const ids = new Set<number>();
  for (let n = 0; n < MAX_RECENT; n++) {
    log.take(record({ timeMs: START }));
    ids.add(newest(log)?.id ?? 0);
  }
  t.is(ids.size, MAX_RECENT);
  log.take(record({ timeMs: 1000 }));
  t.is(newest(log)?.id, 1000 * 1024);
});

test("texts keep their ids while queries come and go, also those another run wrote", async (t) => {
  const { path } = openLog(t);
  let file = await openSqlFile({ path, schema: LOG_SCHEMA });
  let store = new LongTerm(file);
  const batch = (fromMs: number, count: number): LoggedQuery[] =>
    Array.from({ length: count }, (_, n) => ({
      ...record({ timeMs: fromMs + n, name: `n${(fromMs + n) % 70}.example` }),
      id: (fromMs + n) * 1024,
    }));
  const pending: Promise<void>[] = [];
  for (let round = 0; round < 6; round++) {
    pending.push(store.append(batch(START + round * 50, 50)), store.forgetBefore(START + round * 40));
    if (round !== 3) continue;
    await Promise.all(pending);
    await store.close();
    file = await openSqlFile({ path, schema: LOG_SCHEMA });
    store = new LongTerm(file);
  }
  await Promise.all(pending);
  const found = await store.find({}, { limit: 1000, skip: 0 });
  t.deepEqual(found.toReversed(), batch(START + 200, 100));
  t.is((await file.read("SELECT COUNT(*) FROM texts", []))[0]?.[0], 72, "70 names, a client, no upstream");
  await store.close();
});
