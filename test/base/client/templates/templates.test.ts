import test from "ava";
import { silentLog } from "#base/env/log.ts";
import type { Clock } from "#base/env/clock.ts";
import type { Random } from "#base/env/random.ts";
import { compileHandlebars } from "#base/client/templates/handlebars.ts";
import { Quiescence } from "#base/client/templates/engine/quiescence.ts";
import { TemplateRunner } from "#base/client/templates/runner.ts";
import type { BlockingGet } from "#base/client/templates/watch.ts";

/** Every pause at its full length. */
const longest: Random = { float: () => 1, bytes: (length) => new Uint8Array(length), uuid: () => "" };

/** A clock whose timers fire when the test says so. */
class HandClock implements Clock {
  #now = 0;
  #timers: { at: number; fire: () => void }[] = [];
  nowMs = (): number => this.#now;
  monotonicMs = (): number => this.#now;
  soon = (run: () => void): void => queueMicrotask(run);
  after(delayMs: number, fire: () => void) {
    const timer = { at: this.#now + delayMs, fire };
    this.#timers.push(timer);
    return { cancel: () => void (this.#timers = this.#timers.filter((other) => other !== timer)) };
  }
  advance(ms: number): void {
    const until = this.#now + ms;
    for (;;) {
      const next = this.#timers.filter((timer) => timer.at <= until).toSorted((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      this.#now = next.at;
      next.fire();
    }
    this.#now = until;
  }
}

const turns = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
};

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
    service: (name, tag) => [{ id: "1", name, node: `n-${tag}`, address: "10.0.0.1", port: 80, tags: [], meta: {} }],
    key: (key) => `<${key}>`,
    prefix: () => [],
  });
  t.is(text, "server n-v1 10.0.0.1:80\n<a/b> web db");
  const error = t.throws(() => compileHandlebars("line one\n{{#if x}}"));
  t.regex(error.message, /line 2/);
});
