import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import fc from "fast-check";
import { createConsulClient } from "#base/client/consul-client.ts";
import { silentLog } from "#base/env/log.ts";
import { createEnv } from "#base/platform/create-env.ts";
import { COUNTS_PREFIX, HouseCounts } from "#daemons/dns/statistics/house-counts.ts";
import { prometheusText } from "#daemons/dns/statistics/prometheus.ts";
import { DAY_MS, HOUR_MS, SLOT_MS, Statistics } from "#daemons/dns/statistics/statistics.ts";
import { NameCounts } from "#daemons/dns/statistics/name-counts.ts";
import { merged, TopCounts, topOf } from "#daemons/dns/statistics/top-counts.ts";
import { QUERY_STATUS, REPLY_KIND, type QueryRecord } from "#daemons/dns/query-record.ts";
import { openKv } from "../../dhcp/server/kv-socket.ts";

const START = Date.UTC(2026, 0, 2);

function world(at = START) {
  const clock = {
    now: at,
    nowMs: () => clock.now,
    monotonicMs: () => clock.now,
    after: () => ({ cancel() {} }),
    soon() {},
  };
  const statistics = new Statistics(clock);
  const add = (changes: Partial<QueryRecord> = {}): void => {
    const base = {
      client: "10.0.0.2",
      name: "www.example",
      type: 1,
      status: QUERY_STATUS.forwarded,
      reply: REPLY_KIND.ip,
    };
    const rest = { rcode: 0, ruleId: 0, upstream: "", durationMs: 0, transport: "udp" as const, authentic: false };
    const record: QueryRecord = { timeMs: clock.now, ...base, ...rest, ...changes };
    statistics.add(record, record);
  };
  return { clock, statistics, add };
}

async function openCluster(t: ExecutionContext) {
  const dir = mkdtempSync(join(tmpdir(), "lares-dns-counts-"));
  const cluster = await openKv(dir);
  const env = createEnv({ logToStderr: false });
  t.teardown(async () => {
    await cluster.close();
    env.close();
    rmSync(dir, { recursive: true });
  });
  const address = { origin: "http://localhost", socketPath: cluster.socketPath };
  return { cluster, client: createConsulClient({ http: env.http, address, token: "" }) };
}

test("instances count as one, also with one that is dead, and what is no count is left out", async (t) => {
  const { cluster, client } = await openCluster(t);
  const instance = (name: string) => {
    const { clock, statistics, add } = world(START + 5 * 60_000);
    const house = new HouseCounts({ env: { clock, log: silentLog }, client, own: statistics, instance: name });
    return { clock, add, house, statistics };
  };
  const [one, two] = [instance("one"), instance("two")];
  for (let n = 0; n < 3; n++) one.add({ upstream: "9.9.9.9", durationMs: 10 });
  two.add({ upstream: "9.9.9.9", durationMs: 30 });
  two.add({ status: QUERY_STATUS.blockedList, name: "ads.example", client: "10.0.0.9" });
  await two.house.tell();
  const told = `${COUNTS_PREFIX}two/${Math.floor(START / HOUR_MS)}`;
  const first = cluster.value(told);
  await two.house.tell();
  t.is(cluster.value(told), first, "nothing new is not written again");
  await client.kv.put(`${COUNTS_PREFIX}three/${Math.floor(START / HOUR_MS)}`, '{"hour":"no"}');
  const gone = Array.from({ length: 70 }, (_, hour) => `${COUNTS_PREFIX}four/${hour}`);
  for (const key of gone) await client.kv.put(key, first ?? "");

  const sum = await one.house.counts();
  const day = sum.day();
  t.deepEqual([day.total, day.blocked, day.forwarded], [5, 1, 4]);
  t.deepEqual(day.upstreams.get("9.9.9.9"), { count: 4, sumMs: 60, sumOfSquares: 1200 });
  t.deepEqual(topOf(sum.names("allowed"), 5), [["www.example", 4]]);
  t.deepEqual(topOf(sum.names("blocked"), 5), [["ads.example", 1]]);
  t.deepEqual(topOf(sum.clients("all"), 5), [
    ["10.0.0.2", 4],
    ["10.0.0.9", 1],
  ]);
  t.is(sum.slots().at(-1)?.slot.total, 5);
  t.is(Math.round(sum.rate() * 60), 5);
  t.true(
    gone.every((key) => cluster.value(key) === undefined),
    "hours nobody counts any more are cleared away",
  );
  t.is(one.statistics.day().total, 3, "its own stay its own");

  await one.house.stop();
  two.clock.now += 10 * 60_000;
  t.is((await two.house.counts()).day().total, 5, "what a dead one told still counts");
  two.clock.now += DAY_MS + HOUR_MS;
  two.add();
  t.is((await two.house.counts()).day().total, 1);
});

test("a day is counted, and what is older is not", (t) => {
  const { clock, statistics, add } = world();
  add({ name: "old.example" });
  clock.now += DAY_MS;
  add({ upstream: "9.9.9.9", durationMs: 10 });
  add({ upstream: "9.9.9.9", durationMs: 30 });
  add({ status: QUERY_STATUS.cached });
  add({ status: QUERY_STATUS.local, client: "10.0.0.3" });
  add({ status: QUERY_STATUS.blockedList, name: "ads.example" });
  add({ status: QUERY_STATUS.blockedCname, name: "ads.example", type: 28 });
  const day = statistics.day();
  t.deepEqual([day.total, day.blocked, day.cached, day.forwarded], [6, 2, 2, 2]);
  t.deepEqual(day.upstreams.get("9.9.9.9"), { count: 2, sumMs: 40, sumOfSquares: 1000 });
  t.deepEqual(topOf(statistics.names("blocked"), 5), [["ads.example", 2]]);
  t.deepEqual(topOf(statistics.names("allowed"), 5), [["www.example", 4]]);
  t.deepEqual(topOf(statistics.clients("all"), 1), [["10.0.0.2", 5]]);
  const slots = statistics.slots();
  t.is(slots.length, 144);
  t.is(slots.at(-1)?.slot.total, 6);
  t.is(slots.at(-1)?.startMs, Math.floor(clock.now / SLOT_MS) * SLOT_MS);
  t.is(statistics.ever.total, 7);
});

test("the rate is of the last minute", (t) => {
  const { clock, statistics, add } = world();
  for (let n = 0; n < 120; n++) add();
  t.is(statistics.rate(), 2);
  clock.now += 30_000;
  for (let n = 0; n < 60; n++) add();
  t.is(statistics.rate(), 3);
  clock.now += 45_000;
  t.is(statistics.rate(), 1);
  clock.now -= 3_600_000;
  t.is(statistics.rate(), 0);
});

test("a clock that starts in 1970 and is set leaves nothing behind", (t) => {
  const { clock, statistics, add } = world();
  clock.now = 5000;
  for (let n = 0; n < 5; n++) add();
  clock.now = START;
  add();
  t.is(statistics.day().total, 1);
  t.is(statistics.names("allowed").get("www.example"), 1);
});

test("top counts keep their limit, and what leads", (t) => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 500 }), { maxLength: 2000 }), (others) => {
      const counts = new TopCounts(50);
      for (const [n, other] of others.entries()) {
        counts.add(`rare${other}`);
        if (n % 2 === 0) counts.add("leader");
      }
      t.true(counts.size <= 50);
      const kept = merged([counts]);
      const sum = [...kept.values()].reduce((all, count) => all + count, 0);
      t.is(sum + counts.forgotten, others.length + Math.ceil(others.length / 2));
      if (others.length > 200) t.is(kept.get("leader"), Math.ceil(others.length / 2));
    }),
    { numRuns: 50 },
  );
});

test("names are counted within a limit, what leads keeps its count, and nothing is lost in the sum", (t) => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 3000 }), { maxLength: 4000 }), (others) => {
      const counts = new NameCounts(800);
      for (const [n, other] of others.entries()) {
        counts.add(`rare${other}.example`);
        if (n % 2 === 0) counts.add("leader.example");
      }
      const kept = merged([counts]);
      t.is(kept.size, counts.size);
      t.true(counts.size <= 800);
      const sum = [...kept.values()].reduce((all, count) => all + count, 0);
      t.is(sum + counts.forgotten, others.length + Math.ceil(others.length / 2));
      t.is(counts.get("leader.example"), Math.ceil(others.length / 2));
      t.is(counts.get("nobody.example"), 0);
    }),
    { numRuns: 30 },
  );
});

test("Prometheus gets counters without names", (t) => {
  const { statistics, add } = world();
  add({ upstream: 'odd"\\name', durationMs: 7 });
  add({ upstream: "9.9.9.9", durationMs: 9000, status: QUERY_STATUS.blockedUpstream, name: "secret.example" });
  const text = prometheusText(statistics, { blockedNames: 5, isBlocking: true, cachedReplies: 1, unwrittenQueries: 0 });
  t.true(text.includes('lares_dns_queries_total{status="blocked_upstream"} 1\n'));
  t.true(text.includes(String.raw`lares_dns_upstream_answers_total{upstream="odd\"\\name"} 1`));
  t.true(text.includes('lares_dns_upstream_seconds_bucket{le="0.01"} 1\n'));
  t.true(text.includes('lares_dns_upstream_seconds_bucket{le="+Inf"} 2\n'));
  t.false(text.includes("secret"));
  for (const line of text.trim().split("\n")) t.regex(line, /^(# (HELP|TYPE) |lares_dns_\w+(\{.*\})? [\d.]+$)/);
});
