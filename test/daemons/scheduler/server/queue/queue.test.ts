import test from "ava";
import fc from "fast-check";
import { BlockedEvals } from "#daemons/scheduler/server/blocked.ts";
import { Broker, NACK_TIMEOUT_MS, type QueuedEval } from "#daemons/scheduler/server/broker.ts";
import { Heartbeats } from "#daemons/scheduler/server/heartbeat.ts";
import { Turnstile } from "#daemons/scheduler/server/turnstile.ts";

test("broker › by priority, one per job in flight, the newest of what waits behind it", (t) => {
  const broker = new Broker();
  const make = (id: string, jobId: string, fields: Partial<QueuedEval> = {}): QueuedEval => ({
    id,
    namespace: "default",
    jobId,
    type: "service",
    priority: 50,
    createIndex: Number(id),
    waitUntilMs: 0,
    ...fields,
  });
  for (const each of [make("1", "a"), make("2", "b", { priority: 90 }), make("3", "a"), make("4", "a")])
    broker.enqueue(each, 0);
  const first = broker.dequeue(0);
  t.is(first?.evaluation.id, "2");
  const second = broker.dequeue(0);
  t.is(second?.evaluation.id, "1");
  t.is(broker.dequeue(0), undefined);
  t.false(broker.ack("1", 999));
  t.true(broker.ack("1", second!.token));
  t.deepEqual(
    broker.takeCancelled().map(({ id }) => id),
    ["3"],
  );
  t.is(broker.dequeue(0)?.evaluation.id, "4");
  broker.enqueue(make("5", "c", { waitUntilMs: 100 }), 0);
  t.is(broker.dequeue(50), undefined);
  broker.tick(100);
  t.is(broker.dequeue(100)?.evaluation.id, "5");
});

test("broker › the time of a delivery that waits for others does not run", (t) => {
  const broker = new Broker();
  broker.enqueue(
    { id: "1", namespace: "d", jobId: "a", type: "service", priority: 1, createIndex: 1, waitUntilMs: 0 },
    0,
  );
  const delivery = broker.dequeue(0);
  broker.suspend("1", delivery!.token);
  t.is(broker.nextMs(), undefined);
  broker.tick(10 * NACK_TIMEOUT_MS);
  t.is(broker.dequeue(10 * NACK_TIMEOUT_MS), undefined, "nobody else gets it");
  broker.resume("1", delivery!.token, 10 * NACK_TIMEOUT_MS);
  t.is(broker.nextMs(), 11 * NACK_TIMEOUT_MS);
  broker.tick(11 * NACK_TIMEOUT_MS);
  t.is(broker.dequeue(11 * NACK_TIMEOUT_MS)?.evaluation.id, "1");
});

test("turnstile › so many at a time, the most important of those that wait, whatever fails", async (t) => {
  const turnstile = new Turnstile<number>(2, (a, b) => a > b);
  const entered: number[] = [];
  const open = new Map<number, PromiseWithResolvers<void>>();
  const enter = (who: number): Promise<void> =>
    turnstile.pass(who, () => {
      entered.push(who);
      const gate = Promise.withResolvers<void>();
      open.set(who, gate);
      return gate.promise;
    });
  const all = [1, 2, 3, 5, 4].map(enter);
  t.deepEqual(entered, [1, 2]);
  open.get(2)?.reject(new Error("no"));
  await t.throwsAsync(all[1]!, { message: "no" });
  t.deepEqual(entered, [1, 2, 5]);
  open.get(1)?.resolve();
  await all[0];
  open.get(5)?.resolve();
  await all[3];
  t.deepEqual(entered, [1, 2, 5, 4, 3]);
  open.get(4)?.resolve();
  open.get(3)?.resolve();
  await Promise.all([all[2], all[4]]);
});

test("broker › what nobody answers for comes again, three times in all", (t) => {
  const broker = new Broker();
  broker.enqueue(
    { id: "1", namespace: "d", jobId: "a", type: "service", priority: 1, createIndex: 1, waitUntilMs: 0 },
    0,
  );
  const late = broker.dequeue(0);
  broker.tick(NACK_TIMEOUT_MS);
  const again = broker.dequeue(NACK_TIMEOUT_MS);
  t.is(again?.evaluation.id, "1");
  t.false(broker.ack("1", late!.token), "the first worker's answer comes too late");
  t.true(broker.nack("1", again!.token));
  const last = broker.dequeue(NACK_TIMEOUT_MS);
  t.true(broker.nack("1", last!.token));
  t.is(broker.dequeue(NACK_TIMEOUT_MS), undefined);
  t.deepEqual(
    broker.takeFailed().map(({ id }) => id),
    ["1"],
  );
  t.is(broker.size, 0);
});

test("broker › a delivery that was nobody's fault does not count", (t) => {
  const broker = new Broker();
  broker.enqueue(
    { id: "1", namespace: "d", jobId: "a", type: "service", priority: 1, createIndex: 1, waitUntilMs: 0 },
    0,
  );
  for (let i = 0; i < 10; i++) {
    const delivery = broker.dequeue(0);
    t.true(broker.nack("1", delivery?.token ?? -1, { blameless: true }));
  }
  t.is(broker.dequeue(0)?.evaluation.id, "1");
});

test("broker › whatever happens, no job is in flight twice and nothing gets lost", (t) => {
  const step = fc.oneof(
    fc.record({
      kind: fc.constant("enqueue" as const),
      job: fc.integer({ min: 0, max: 3 }),
      priority: fc.integer({ min: 1, max: 3 }),
      wait: fc.constantFrom(0, 50),
    }),
    fc.record({ kind: fc.constantFrom("dequeue" as const, "ack" as const, "nack" as const, "tick" as const) }),
  );
  const property = fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
    const broker = new Broker();
    const out = new Map<string, { token: number; job: string }>();
    let made = 0;
    let over = 0;
    let now = 0;
    for (const each of steps) {
      const [held] = out;
      if (each.kind === "enqueue") {
        made += 1;
        const id = String(made);
        broker.enqueue(
          {
            id,
            namespace: "d",
            jobId: `j${each.job}`,
            type: "service",
            priority: each.priority,
            createIndex: made,
            waitUntilMs: each.wait === 0 ? 0 : now + each.wait,
          },
          now,
        );
      } else if (each.kind === "dequeue") {
        const delivery = broker.dequeue(now);
        if (delivery === undefined) continue;
        const { id, jobId } = delivery.evaluation;
        if ([...out.values()].some(({ job }) => job === jobId)) return false;
        out.set(id, { token: delivery.token, job: jobId });
      } else if (each.kind === "tick") {
        now += 60;
        broker.tick(now);
      } else if (held !== undefined) {
        const [id, { token }] = held;
        out.delete(id);
        if (each.kind === "ack" && broker.ack(id, token)) over += 1;
        if (each.kind === "nack") broker.nack(id, token);
      }
      over += broker.takeCancelled().length + broker.takeFailed().length;
    }
    return broker.size + over === made;
  });
  fc.assert(property);
  t.pass();
});

test("blocked › classes found unfit wake nobody; a change since the snapshot wakes at once", (t) => {
  const blocked = new BlockedEvals();
  const evaluation = {
    id: "1",
    namespace: "d",
    jobId: "a",
    snapshotIndex: 10,
    classEligibility: { bad: false, good: true },
  };
  t.true(blocked.block(evaluation));
  t.deepEqual(blocked.unblock("bad", 11), []);
  t.deepEqual(
    blocked.unblock("unseen", 12).map(({ id }) => id),
    ["1"],
  );
  t.false(blocked.block(evaluation), "a class it has not seen changed at 12");
  t.true(blocked.block({ ...evaluation, snapshotIndex: 12 }));
  t.deepEqual(
    blocked.unblock("good", 13).map(({ id }) => id),
    ["1"],
  );
  t.is(blocked.size, 0);
});

test("heartbeats › a TTL that grows with the cluster, and grace", (t) => {
  const beats = new Heartbeats();
  t.is(beats.renew("a", 0, 0), 10_000);
  t.is(beats.renew("a", 0, 0.5), 15_000);
  t.deepEqual(beats.expired(24_999), []);
  t.deepEqual(beats.expired(25_000), ["a"]);
  for (let i = 0; i < 1000; i++) beats.renew(`n${i}`, 0, 0);
  t.is(beats.renew("n0", 0, 0), 20_000);
  beats.awaitFirst("late", 0);
  t.is(beats.expired(299_999).includes("late"), false);
});

test("heartbeats › a node that others have lost is not waited for as long as one that may not have found a new leader", (t) => {
  const beats = new Heartbeats();
  for (const id of ["lost", "well", "silent"]) beats.awaitFirst(id, 0);
  for (const id of ["lost", "well", "unknown"]) beats.doubt(id, 1000);
  beats.renew("well", 20_000, 0);
  beats.doubt("well", 20_000);
  t.deepEqual(beats.expired(30_999), []);
  t.deepEqual(beats.expired(31_000), ["lost"], "two times ten seconds, and grace");
  t.deepEqual(beats.expired(40_000), ["well"], "nobody is given more time by doubt");
  t.false(beats.has("unknown"));
  t.true(beats.has("silent"));
});
