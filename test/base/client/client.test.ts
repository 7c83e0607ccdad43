import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import * as v from "valibot";
import { parseAddress } from "#base/client/address.ts";
import type { ApiResult } from "#base/client/api-caller.ts";
import { createConsulClient } from "#base/client/consul-client.ts";
import { createNomadClient } from "#base/client/nomad-client.ts";
import { LONGEST_PAUSE_MS, watch } from "#base/client/watch.ts";
import { silentLog } from "#base/env/log.ts";
import { bytesBody } from "#base/http/body.ts";
import { consulDialect } from "#base/http/dialect.ts";
import type { Exchange } from "#base/http/exchange.ts";
import { HttpError } from "#base/http/http-error.ts";
import { route, type Route } from "#base/http/route.ts";
import { createEnv } from "#base/platform/create-env.ts";
import { listenHttp } from "#base/platform/http-listener.ts";
import { jsonInteger } from "#base/protocol/json-numbers.ts";
import { FakeClock } from "#test/base/http/fake-clock.ts";
import { apiOf, makeState, pets, serve, type World } from "#test/base/http/serve.ts";

const open = { kind: "public" } as const;

function kvRoutes({ view, add }: World): Route[] {
  return [
    route({
      method: "GET",
      path: "/v1/kv/*key",
      summary: "",
      access: open,
      tables: [pets],
      handle: ({ params }) => ({
        kind: "state",
        read: () => {
          const row = view.table(pets).get("_", params.key);
          const pair = {
            Key: params.key,
            Value: Buffer.from(row?.value.Kind ?? "").toString("base64"),
            Flags: jsonInteger("3304740253564472344"),
            LockIndex: 0,
            CreateIndex: row?.createIndex,
            ModifyIndex: row?.modifyIndex,
          };
          return { index: view.table(pets).lastIndex, value: row === undefined ? undefined : [pair], missing: "" };
        },
      }),
    }),
    route({
      method: "PUT",
      path: "/v1/kv/*key",
      summary: "",
      access: open,
      body: bytesBody(),
      async handle({ params, body, rawQuery, token }) {
        if (token !== "secret") throw new HttpError(403, "Permission denied");
        if (rawQuery.get("cas")?.[0] === "0" && view.table(pets).get("_", params.key) !== undefined) {
          return { kind: "json", value: false };
        }
        await add(params.key, Buffer.from(body).toString());
        return { kind: "json", value: true };
      },
    }),
    route({
      method: "GET",
      path: "/v1/status/leader",
      summary: "",
      access: open,
      handle: () => ({ kind: "json", value: 7 }),
    }),
    route({
      method: "GET",
      path: "/v1/agent/self",
      summary: "",
      access: open,
      handle: () => ({ kind: "bytes", contentType: "text/html", body: "<html>" }),
    }),
  ];
}

async function serveOnSocket(t: ExecutionContext, exchange: Exchange): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "lares-client-"));
  const path = join(folder, "api.sock");
  const listener = await listenHttp({ at: { socketPath: path }, exchange, log: silentLog });
  t.teardown(async () => {
    await listener.close(100);
    await rm(folder, { recursive: true, force: true });
  });
  return `unix://${path}`;
}

function targetOf(t: ExecutionContext, address: string, token = "") {
  const env = createEnv({});
  t.teardown(() => env.close());
  const parsed = parseAddress(address);
  if (!parsed.ok) throw new Error(parsed.error.message);
  return { http: env.http, address: parsed.value, token };
}

test("an address is a URL, a host with a port, or a socket", (t) => {
  const read = (text: string): unknown => {
    const parsed = parseAddress(text);
    return parsed.ok ? parsed.value : parsed.error.code;
  };
  t.deepEqual(read("http://127.0.0.1:4646/ui/"), { origin: "http://127.0.0.1:4646", socketPath: undefined });
  t.deepEqual(read("pi:8500"), { origin: "http://pi:8500", socketPath: undefined });
  t.deepEqual(read("[::1]:8500"), { origin: "http://[::1]:8500", socketPath: undefined });
  t.deepEqual(read("unix:///run/a.sock"), { origin: "http://localhost", socketPath: "/run/a.sock" });
  for (const bad of ["", "http://", "a b:c"]) t.is(read(bad), "bad_address");
});

for (const over of ["TCP", "a Unix socket"]) {
  test(`typed answers and failures over ${over}`, async (t) => {
    const world = await makeState(t);
    const exchange = apiOf(world, { routes: kvRoutes(world), dialect: consulDialect });
    const address = over === "TCP" ? await serve(t, exchange) : await serveOnSocket(t, exchange);
    const stranger = createConsulClient(targetOf(t, address));
    const client = createConsulClient(targetOf(t, address, "secret"));
    t.like(await stranger.kv.put("a/b c", "x"), {
      ok: false,
      error: { code: "denied", message: "Permission denied", status: 403 },
    });
    t.like(await client.kv.put("a/b c", "x"), { ok: true, value: { value: true } });
    t.like(await client.kv.put("a/b c", "y", { cas: 0 }), { ok: true, value: { value: false } });
    const got = await client.kv.get("a/b c");
    t.true(got.ok);
    if (!got.ok) return;
    t.like(got.value.value[0], { Key: "a/b c", Value: "eA==", Flags: 0x2ddccbc058a50c18n, LockIndex: 0 });
    t.is(got.value.index, world.view.index);
    const missing = await client.kv.get("nothing");
    t.like(missing, { ok: false, error: { code: "missing", status: 404, index: world.view.index } });
    t.like(await client.status.leader(), { ok: false, error: { code: "unexpected" } });
    t.like(await client.agent.self(), { ok: false, error: { code: "unexpected" } });
    t.like(await client.catalog.nodes(), { ok: false, error: { code: "missing" } });
  });
}

test("nobody there, and a caller that gives up", async (t) => {
  const world = await makeState(t);
  const address = await serve(t, apiOf(world, { routes: kvRoutes(world) }));
  const closed = await listenHttp({
    at: { host: "127.0.0.1", port: 0 },
    exchange: () => Promise.reject(new Error()),
    log: silentLog,
  });
  await closed.close(0);
  const nobody = createNomadClient(targetOf(t, `127.0.0.1:${closed.address.port}`));
  t.like(await nobody.jobs.list(), { ok: false, error: { code: "unreachable", status: 0 } });
  const leaving = new AbortController();
  const client = createConsulClient(targetOf(t, address));
  const index = await world.add("a", "cat");
  const waiting = client.kv.get("a", { block: { index, waitMs: 60_000 }, signal: leaving.signal });
  while (world.blocking.size === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  leaving.abort();
  t.like(await waiting, { ok: false, error: { code: "aborted" } });
});

test("a watch yields every new answer, also of what is not there yet", async (t) => {
  const world = await makeState(t);
  await world.add("other", "cat");
  const address = await serve(t, apiOf(world, { routes: kvRoutes(world), dialect: consulDialect }));
  const client = createConsulClient(targetOf(t, address));
  const { clock, random } = world.env;
  const ending = new AbortController();
  const seen: (string | undefined)[] = [];
  const answers = watch((at) => client.kv.get("a", at), { clock, random, signal: ending.signal });
  for await (const { value } of answers) {
    seen.push(value?.[0] === undefined ? undefined : Buffer.from(value[0].Value, "base64").toString());
    if (seen.length === 1) await world.add("a", "one");
    if (seen.length === 2) await world.add("a", "two");
    if (seen.length === 3) ending.abort();
  }
  t.deepEqual(seen, [undefined, "one", "two"]);
});

test("a watch starts over when the index went backwards, and its pauses double to a minute", async (t) => {
  const clock = new FakeClock();
  const ending = new AbortController();
  const down: ApiResult<number> = {
    ok: false,
    error: { code: "unreachable", message: "down", status: 0, index: 0 },
  };
  const at = (index: number): ApiResult<number> => ({ ok: true, value: { value: index, index, nextToken: "" } });
  const script = [at(10), at(10), at(12), at(3), at(4), ...Array.from({ length: 12 }, () => down), at(5)];
  const asked: number[] = [];
  const pauses: number[] = [];
  const random = { float: () => 0.5, bytes: () => new Uint8Array(), uuid: () => "" };
  const answers = watch<number>(
    ({ block }) => {
      asked.push(block.index);
      return Promise.resolve(script.shift() ?? down);
    },
    {
      clock,
      random,
      signal: ending.signal,
      onFailure: (_failure, retryMs) => {
        pauses.push(retryMs);
        setImmediate(() => clock.advance(retryMs));
        return true;
      },
    },
  );
  const seen: unknown[] = [];
  for await (const { value } of answers) {
    seen.push(value);
    if (value === 5) ending.abort();
  }
  t.deepEqual(seen, [10, 12, 3, 4, 5]);
  t.deepEqual(asked.slice(0, 6), [0, 10, 10, 12, 0, 4]);
  t.deepEqual(pauses.slice(0, 3), [187.5, 375, 750]);
  t.is(Math.max(...pauses), LONGEST_PAUSE_MS * 0.75);
  t.deepEqual(clock.pendingMs, []);
});

test("any answer of the right shape is read, any other is a failure", async (t) => {
  const world = await makeState(t);
  let sent = "";
  const path = "/v1/x";
  const handle = () => ({ kind: "bytes", contentType: "application/json", body: sent }) as const;
  const address = await serve(
    t,
    apiOf(world, { routes: [route({ method: "GET", path, summary: "", access: open, handle })] }),
  );
  const client = createNomadClient(targetOf(t, address));
  for (sent of ["", "null", "[", "{}", '"a"', "1e999", '{"a":{"b":1}}']) {
    const result = await client.call({ path, schema: v.object({ a: v.string() }) });
    t.like(result, { ok: false, error: { code: "unexpected", status: 200 } }, sent);
  }
  sent = '{"a":"b","c":1}';
  t.like(await client.call({ path, schema: v.object({ a: v.string() }) }), { ok: true, value: { value: { a: "b" } } });
});
