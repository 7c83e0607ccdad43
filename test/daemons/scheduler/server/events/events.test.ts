import test from "ava";
import { jobs } from "#base/state/tables.ts";
import { EventBuffer, MAX_BUFFERED_CHANGES, MAX_BUFFERED_ROWS } from "#daemons/scheduler/server/events/event-buffer.ts";
import { makeJob, startCluster } from "../cluster.ts";

const change = (revision: number, count = 1) => ({
  revision,
  rows: Array.from({ length: count }, () => ({
    table: jobs.name,
    namespace: "default",
    id: "app",
    kind: "put" as const,
  })),
});

test("a reader starts where it asks to, waits, and is told when it fell behind", async (t) => {
  const cluster = await startCluster();
  t.teardown(() => cluster.stop());
  await cluster.run(makeJob());
  const buffer = new EventBuffer(cluster.state);
  for (const revision of [10, 20, 30]) buffer.apply(change(revision));
  t.is(buffer.placeOf(0), 0);
  t.is(buffer.placeOf(15), 1);
  t.is(buffer.placeOf(31), 3);
  t.like(buffer.at(1), { revision: 20 });
  t.is(buffer.at(3), "ahead");
  let heard = 0;
  buffer.onNext(() => (heard += 1));
  buffer.onNext(() => (heard += 10))();
  buffer.apply(change(40));
  buffer.apply(change(50));
  t.is(heard, 1);
  for (let at = 0; at < MAX_BUFFERED_CHANGES; at++) buffer.apply(change(100 + at));
  t.is(buffer.at(0), "gone");
  t.is(buffer.placeOf(0), 5);
});

test("large changes push older ones out, and the newest is kept whatever its size", async (t) => {
  const cluster = await startCluster();
  t.teardown(() => cluster.stop());
  await cluster.run(makeJob());
  const buffer = new EventBuffer(cluster.state);
  buffer.apply(change(1));
  buffer.apply(change(2, MAX_BUFFERED_ROWS));
  t.is(buffer.at(0), "gone");
  t.like(buffer.at(1), { revision: 2 });
  buffer.apply(change(3, MAX_BUFFERED_ROWS + 5));
  t.like(buffer.at(2), { revision: 3 });
  t.is(buffer.at(1), "gone");
});
