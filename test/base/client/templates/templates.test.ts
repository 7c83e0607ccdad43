import test from "ava";
import { silentLog } from "#base/env/log.ts";
import { compileHandlebars } from "#base/client/templates/handlebars.ts";
import { Quiescence } from "#base/client/templates/engine/quiescence.ts";
import { TemplateRunner } from "#base/client/templates/runner.ts";
import type { BlockingGet } from "#base/client/templates/watch.ts";
import { TemplateUnit } from "#base/client/templates/engine/template-unit.ts";
import { WatchPool } from "#base/client/templates/engine/watch-pool.ts";
import type { Sink } from "#base/client/templates/engine/source.ts";
import { pauseAfter } from "#base/client/templates/engine/retry.ts";
import { matchesGlob } from "#base/client/templates/output/glob.ts";
import { childEnvironment } from "#base/client/templates/output/child-environment.ts";
import { HandClock, longest, turns } from "./hand-clock.ts";

test("a burst is one call, and waits no longer than the maximum", (t) => {
  const clock = new HandClock();
  const calls: number[] = [];
  const quiet = new Quiescence(clock, { minMs: 50, maxMs: 200 }, () => calls.push(clock.monotonicMs()));
  quiet.changed();
  clock.advance(49);
  t.deepEqual(calls, []);
  clock.advance(1);
  t.deepEqual(calls, [50]);
  for (let i = 0; i < 20; i++) {
    quiet.changed();
    clock.advance(40);
  }
  t.deepEqual(calls.slice(0, 3), [50, 250, 450], "first change at 50, then at most 200 after the first of each burst");
  quiet.changed();
  quiet.stop();
  const before = calls.length;
  clock.advance(1000);
  t.is(calls.length, before);
});

test("the runner discovers what a template asks for, follows it, and hands on complete renderings that differ", async (t) => {
  const clock = new HandClock();
  const state = new Map<string, { index: number; value: unknown }>([
    ["/v1/kv/names", { index: 5, value: [{ Key: "names", Value: Buffer.from("a,b").toString("base64") }] }],
    ["/v1/kv/a", { index: 6, value: [{ Key: "a", Value: Buffer.from("one").toString("base64") }] }],
    ["/v1/kv/b", { index: 7, value: undefined }],
  ]);
  const waiting = new Map<string, () => void>();
  const get: BlockingGet = async ({ path, index, signal }) => {
    while (!signal.aborted) {
      const entry = state.get(path);
      if (entry === undefined) throw new Error("connection refused");
      if (entry.index !== index) return entry;
      await new Promise<void>((resolve) => {
        waiting.set(path, resolve);
        signal.addEventListener("abort", () => resolve());
      });
    }
    throw new Error("aborted");
  };
  const set = (path: string, index: number, text: string): void => {
    state.set(path, { index, value: [{ Key: path, Value: Buffer.from(text).toString("base64") }] });
    waiting.get(path)?.();
  };
  const rendered: string[] = [];
  const runner = new TemplateRunner({
    clock,
    random: longest,
    log: silentLog,
    get,
    wait: { minMs: 10, maxMs: 50 },
    template: (data) =>
      (data.key("names") ?? "")
        .split(",")
        .filter((name) => name !== "")
        .map((name) => `${name}=${data.key(name) ?? "-"}`)
        .join(" "),
    onRendered: (text) => {
      rendered.push(text);
      return Promise.resolve();
    },
  });
  runner.start();
  const settle = async (): Promise<void> => {
    for (let i = 0; i < 5; i++) {
      await turns();
      clock.advance(10);
    }
    await turns();
  };
  await settle();
  t.deepEqual(rendered, ["a=one b=-"]);
  set("/v1/kv/b", 8, "two");
  await settle();
  t.deepEqual(rendered.slice(1), ["a=one b=two"]);
  set("/v1/kv/a", 9, "one");
  await settle();
  t.is(rendered.length, 2, "the same text is not handed on again");
  set("/v1/kv/names", 10, "b");
  await settle();
  t.is(rendered.at(-1), "b=two");
  set("/v1/kv/names", 2, "a");
  await settle();
  t.is(rendered.at(-1), "a=one", "an index that went backwards starts over");
  await runner.stop();
});

test("servers that are away leave the last rendering standing", async (t) => {
  const clock = new HandClock();
  let away = false;
  let index = 1;
  let wake = (): void => {};
  const rendered: string[] = [];
  const runner = new TemplateRunner({
    clock,
    random: longest,
    log: silentLog,
    get: async (request) => {
      if (request.index === index) {
        await new Promise<void>((resolve) => {
          wake = resolve;
          request.signal.addEventListener("abort", () => resolve());
        });
      }
      if (away) throw new Error("connection refused");
      return { index, value: { web: [String(index)] } };
    },
    wait: { minMs: 1, maxMs: 5 },
    template: (data) => JSON.stringify(data.services()),
    onRendered: (text) => {
      rendered.push(text);
      return Promise.resolve();
    },
  });
  runner.start();
  await turns();
  clock.advance(5);
  await turns();
  t.deepEqual(rendered, ['{"web":["1"]}']);
  away = true;
  index = 2;
  wake();
  await turns();
  clock.advance(200);
  await turns();
  t.is(rendered.length, 1);
  away = false;
  clock.advance(60_000);
  await turns();
  clock.advance(10);
  await turns();
  t.is(rendered.at(-1), '{"web":["2"]}');
  await runner.stop();
});

test("Handlebars templates ask through helpers, and a broken one is refused with its place", (t) => {
  const template = compileHandlebars(
    '{{#each (service "web" tag="v1")}}server {{node}} {{address}}:{{port}}\n{{/each}}{{kv "a/b"}}{{#each (services)}} {{@key}}{{/each}}',
  );
  const text = template({
    services: () => ({ web: ["v1"], db: [] }),
    service: (name, tag) => [
      {
        id: "1",
        name,
        node: `n-${tag}`,
        address: "10.0.0.1",
        port: 80,
        tags: [],
        meta: {},
        passing: true,
        createIndex: 0,
      },
    ],
    everyInstance: () => [],
    key: (key) => `<${key}>`,
    prefix: () => [],
  });
  t.is(text, "server n-v1 10.0.0.1:80\n<a/b> web db");
  const error = t.throws(() => compileHandlebars("line one\n{{#if x}}"));
  t.regex(error.message, /line 2/);
});

test("a storm of 100 changes a second for a minute is few writes, and the last one is the final state", async (t) => {
  const clock = new HandClock();
  const sinks = new Map<string, Sink<number>>();
  const pool = new WatchPool<string, number>({
    log: silentLog,
    source: {
      follow: (name, sink, signal) => {
        sinks.set(name, sink);
        return new Promise((resolve) => signal.addEventListener("abort", () => resolve()));
      },
    },
  });
  const written: string[] = [];
  const unit = new TemplateUnit<string, number>({
    clock,
    pool,
    wait: { minMs: 1000, maxMs: 5000 },
    render: (known) => {
      const value = known("k")?.value;
      return { text: String(value), asked: new Map([["k", "k"]]), pending: value === undefined ? ["k"] : [] };
    },
    deliver: (text) => {
      written.push(text);
      return Promise.resolve(true);
    },
    listener: {},
  });
  unit.start();
  await turns();
  for (let change = 1; change <= 6000; change++) {
    sinks.get("k")?.value(change);
    clock.advance(10);
    if (change % 50 === 0) await turns();
  }
  clock.advance(10_000);
  await turns();
  t.is(written.at(-1), "6000");
  t.true(written.length <= 60, `${written.length} writes`);
  await unit.stop();
  await pool.stop();
  t.is(pool.size, 0);
});

test("one request for what many ask for; a refusal to write is tried again", async (t) => {
  const clock = new HandClock();
  let followed = 0;
  const pool = new WatchPool<string, string>({
    log: silentLog,
    source: {
      follow: (_, sink, signal) => {
        followed++;
        sink.value("v");
        return new Promise((resolve) => signal.addEventListener("abort", () => resolve()));
      },
    },
  });
  let refusals = 2;
  const written: number[] = [];
  const units = [...Array(20).keys()].map(
    (index) =>
      new TemplateUnit<string, string>({
        clock,
        pool,
        wait: undefined,
        render: (known) => ({
          text: `${known("d")?.value}`,
          asked: new Map([["d", "d"]]),
          pending: known("d") === undefined ? ["d"] : [],
        }),
        deliver: () => {
          if (index === 3 && refusals-- > 0) return Promise.resolve(false);
          written.push(index);
          return Promise.resolve(true);
        },
        listener: {},
      }),
  );
  for (const unit of units) unit.start();
  for (let i = 0; i < 10; i++) {
    await turns();
    clock.advance(1000);
  }
  t.is(followed, 1);
  t.deepEqual(
    written.toSorted((a, b) => a - b),
    [...Array(20).keys()],
  );
  await Promise.all(units.map((unit) => unit.stop()));
  t.is(pool.size, 0, "nobody asks any more");
  await pool.stop();
});

test("pauses double up to their limit, and end with the attempts", (t) => {
  const policy = { enabled: true, attempts: 4, backoffMs: 250, maxBackoffMs: 1500 };
  t.deepEqual(
    [1, 2, 3, 4, 5].map((failures) => pauseAfter(failures, policy)),
    [250, 500, 1000, 1500, undefined],
  );
  t.is(pauseAfter(1000, { ...policy, attempts: 0, maxBackoffMs: 0 }), 2 ** 31 - 1);
  t.is(pauseAfter(1, { ...policy, enabled: false }), undefined);
});

test("the environment of a program: patterns, and what is always there", (t) => {
  const ours = { CONSUL_A: "1", CONSUL_B: "2", PATH: "/bin", HOME: "/root" };
  const of = (more: object) =>
    childEnvironment(ours, { pristine: false, custom: [], allowlist: [], denylist: [], ...more });
  t.deepEqual(of({ allowlist: ["CONSUL_*"], denylist: ["*_B"] }), { CONSUL_A: "1" });
  t.deepEqual(of({ pristine: true, custom: ["PATH=$PATH:/x", "E=${HOME}"] }), { PATH: "/bin:/x", E: "/root" });
  t.true(matchesGlob("abc", "a[a-c]?"));
  t.false(matchesGlob("abc", "a[^b]c"));
  t.false(matchesGlob("a".repeat(5000), `${"a*".repeat(50)}b`));
});
