import { gunzipSync } from "node:zlib";
import { Validator } from "@seriousme/openapi-schema-validator";
import test from "ava";
import fc from "fast-check";
import * as v from "valibot";
import { fail, succeed } from "#base/env/errors.ts";
import { demand, fullAccess, noAccess, SOME, type Access, type AccessRule } from "#base/http/access.ts";
import { createApi } from "#base/http/api.ts";
import { BlockingQueries } from "#base/state/blocking.ts";
import { bytesBody, jsonBody } from "#base/http/body.ts";
import { consulDialect } from "#base/http/dialect.ts";
import { HttpError } from "#base/http/http-error.ts";
import { findJsonProblem } from "#base/http/json-position.ts";
import { route, type Route } from "#base/http/route.ts";
import { Router } from "#base/http/router.ts";
import { listenHttp } from "#base/platform/http-listener.ts";
import { silentLog } from "#base/env/log.ts";
import { FakeClock } from "./fake-clock.ts";
import { petRoutes } from "./pet-routes.ts";
import { apiOf, makeState, pets, requestOf, serve, textOf, type Pet } from "./serve.ts";

const open = { kind: "public" } as const;

test("routes match literals before names, the fewest segments that fit, and the rest", (t) => {
  const handle = (): never => {
    throw new Error("not called");
  };
  const row = (path: string, method: "GET" | "PUT" = "GET"): Route =>
    route({ method, path, summary: "", access: open, handle });
  const router = new Router([
    row("/v1/jobs"),
    row("/v1/jobs", "PUT"),
    row("/v1/job/+id"),
    row("/v1/job/+id/allocations"),
    row("/v1/jobs/parse", "PUT"),
    row("/v1/node/:id/drain"),
    row("/v1/kv/*key"),
  ]);
  const match = (method: string, path: string): unknown => {
    const found = router.match(method, path.split("/").slice(1));
    return found.kind === "found" ? { path: found.row.path, ...found.params } : found;
  };
  t.deepEqual(match("GET", "/v1/jobs"), { path: "/v1/jobs" });
  t.deepEqual(match("HEAD", "/v1/jobs"), { path: "/v1/jobs" });
  t.deepEqual(match("GET", "/v1/job/a"), { path: "/v1/job/+id", id: "a" });
  t.deepEqual(match("GET", "/v1/job/a%2Fb/allocations"), { path: "/v1/job/+id/allocations", id: "a/b" });
  t.deepEqual(match("GET", "/v1/job/a/b/allocations"), { path: "/v1/job/+id/allocations", id: "a/b" });
  t.deepEqual(match("GET", "/v1/job/a/b"), { path: "/v1/job/+id", id: "a/b" });
  t.deepEqual(match("GET", "/v1/node/n%201/drain"), { path: "/v1/node/:id/drain", id: "n 1" });
  t.deepEqual(match("GET", "/v1/kv/a//b%2Fc/"), { path: "/v1/kv/*key", key: "a//b/c/" });
  t.deepEqual(match("GET", "/v1/kv/"), { path: "/v1/kv/*key", key: "" });
  t.deepEqual(match("GET", "/v1/node//drain"), { kind: "missing" });
  t.deepEqual(match("GET", "/v1/job/"), { kind: "missing" });
  t.deepEqual(match("DELETE", "/v1/jobs"), { kind: "method", allow: ["GET", "HEAD", "OPTIONS", "PUT"] });
  t.deepEqual(match("GET", "/v1/nothing"), { kind: "missing" });
  t.throws(() => match("GET", "/v1/node/%ff/drain"), { instanceOf: HttpError, message: /percent-encoding in "%ff"/ });
  t.throws(() => new Router([row("/a"), row("/a")]), { message: /there twice/ });
});

test("a table of routes, over a real socket", async (t) => {
  const world = await makeState(t);
  const url = await serve(t, apiOf(world, { routes: petRoutes(world) }));
  const added = await fetch(`${url}/v1/pets?loud&times=3&wait=1m30s&tag=a&tag=b%20c`, {
    method: "PUT",
    body: JSON.stringify({ Pet: { Name: "Rex" } }),
  });
  t.is(added.status, 200);
  t.deepEqual(await added.json(), { loud: true, times: 3, wait: 90_000, tag: ["a", "b c"] });
  t.is(added.headers.get("x-nomad-index"), String(world.view.index));
  const list = await fetch(`${url}/v1/pets?pretty`);
  t.is(await list.text(), '[\n    {\n        "Name": "Rex",\n        "Kind": "dog"\n    }\n]\n');
  t.is(list.headers.get("content-type"), "application/json");
  t.is(list.headers.get("x-nomad-knownleader"), "true");
  t.is(list.headers.get("x-nomad-lastcontact"), "0");
  const missing = await fetch(`${url}/v1/pet/Tom`);
  t.is(missing.status, 404);
  t.is(await missing.text(), 'no pet "Tom"');
  t.true(Number(missing.headers.get("x-nomad-index")) >= 1);
  const head = await fetch(`${url}/v1/pets`, { method: "HEAD" });
  t.is(await head.text(), "");
  t.is(head.headers.get("content-length"), "29");
  const wrong = await fetch(`${url}/v1/pets`, { method: "DELETE" });
  t.is(wrong.status, 405);
  t.is(wrong.headers.get("allow"), "GET, HEAD, OPTIONS, POST, PUT");
  t.is((await fetch(`${url}/v1/pets`, { method: "OPTIONS" })).status, 204);
  t.is((await fetch(`${url}/nowhere`)).status, 404);
});

test("bad input says what, where and what was expected", async (t) => {
  const world = await makeState(t);
  const api = apiOf(world, { routes: petRoutes(world) });
  const put = async (text: string, url = "/v1/pets", headers = {}): Promise<[number, string]> => {
    const response = await api(requestOf({ method: "PUT", url, headers, text }));
    return [response.status, textOf(response)];
  };
  t.deepEqual(await put('{"Pet": {"Name": 7, "Ages": [1, "x"]}}'), [
    400,
    'request body: Pet.Name: expected string, got 7; Pet.Ages[1]: expected number, got "x"',
  ]);
  t.deepEqual(await put("{}"), [400, "request body: Pet is missing"]);
  t.is((await put('{\n  "Pet": }'))[1], 'request body is not JSON: line 2, column 10: expected a value, found "}"');
  t.is((await put('{"Pet": '))[1], "request body is not JSON: line 1, column 9: expected a value, found the end");
  t.deepEqual(await put(""), [400, "request body is empty: expected JSON"]);
  t.deepEqual(await put("x".repeat(1001)), [
    413,
    "request body is larger than the 1000 bytes accepted here; send less at once, or raise the limit",
  ]);
  t.is((await put("", "/v1/pets", { "content-length": "100000000" }))[0], 413);
  t.deepEqual(await put("{}", "/v1/pets?times=two"), [400, 'query parameter: times: expected an integer, got "two"']);
  t.deepEqual(await put("{}", "/v1/pets?wait=5%20days"), [
    400,
    'query parameter: wait: expected a duration such as 30s or 5m, got "5 days"',
  ]);
  t.deepEqual(
    await put("{}", "/v1/pets", { origin: "https://evil.example", host: "127.0.0.1:4646" }).then(([s]) => s),
    403,
  );
  t.is((await put('{"Pet":{"Name":"a"}}', "/v1/pets", { origin: "http://127.0.0.1:1", host: "127.0.0.1:1" }))[0], 200);
  const get = async (url: string): Promise<string> => textOf(await api(requestOf({ url })));
  t.is(await get("/v1/pets?index=x"), 'Invalid index "x": expected a whole number, as in the index header');
  t.is(await get("/v1/pets?wait=x"), 'Invalid wait time "x": expected a duration such as 30s or 5m');
  t.is(await get("/v1/pets?stale&consistent"), "Cannot specify ?stale with ?consistent, conflicting semantics.");
  t.is(await get("/v1/pets?filter=x"), "filter expressions are not available on this endpoint");
  t.is(await get("/v1/pets?per_page=-1"), 'invalid per_page "-1": expected a whole number');
});

test("the place where JSON goes wrong is found, for exactly the texts that do not parse", (t) => {
  const parses = (text: string): boolean => {
    try {
      JSON.parse(text);
      return true;
    } catch {
      return false;
    }
  };
  const broken = fc
    .tuple(fc.json(), fc.nat(), fc.string({ maxLength: 2 }))
    .map(([text, at, noise]) => text.slice(0, at % (text.length + 1)) + noise + text.slice(at % (text.length + 1)));
  fc.assert(
    fc.property(fc.oneof(fc.json(), broken, fc.string()), (text) => {
      const problem = findJsonProblem(text);
      return (problem === undefined) === parses(text) && (problem === undefined || problem.offset <= text.length);
    }),
    { numRuns: 2000 },
  );
  t.deepEqual(findJsonProblem('[1,{"a":tru}]'), { offset: 8, expected: "a value" });
});

test("lists are filtered, reversed and paged by a key that survives deletes", async (t) => {
  const world = await makeState(t);
  for (const name of ["a", "b", "c", "d", "e"]) await world.add(name, name === "c" ? "dog" : "cat");
  const api = apiOf(world, {
    routes: petRoutes(world),
    compileFilter: (expression) =>
      expression === "Kind == cat"
        ? { ok: true, value: (item) => (item as Pet).Kind === "cat" }
        : { ok: false, error: { code: "syntax", message: "1:5: expected an operator" } },
  });
  const names = async (query: string): Promise<[string, string | undefined]> => {
    const response = await api(requestOf({ url: `/v1/pets?${query}` }));
    const list = JSON.parse(textOf(response)) as Pet[];
    return [list.map(({ Name }) => Name).join(""), response.headers["X-Nomad-NextToken"] as string | undefined];
  };
  t.deepEqual(await names("per_page=2"), ["ab", "c"]);
  t.deepEqual(await names("per_page=2&next_token=c"), ["cd", "e"]);
  t.deepEqual(await names("per_page=2&next_token=bb"), ["cd", "e"]);
  t.deepEqual(await names("per_page=2&next_token=e"), ["e", undefined]);
  t.deepEqual(await names("per_page=2&reverse=true"), ["ed", "c"]);
  t.deepEqual(await names("per_page=2&reverse=true&next_token=c"), ["cb", "a"]);
  t.deepEqual(await names("filter=Kind+%3D%3D+cat&per_page=3"), ["abd", "e"]);
  const bad = await api(requestOf({ url: "/v1/pets?filter=Kind" }));
  t.is(bad.body, "failed to read filter expression: 1:5: expected an operator");
});

test("large answers are compressed for clients that take it, in slices when very large", async (t) => {
  const world = await makeState(t);
  const small = "ab".repeat(2000);
  const large = Array.from({ length: 300_000 }, (_, i) => `${i * 7919}`).join("|");
  const api = apiOf(world, {
    routes: [small, large].map((body, i) =>
      route({
        method: "GET",
        path: `/${i}`,
        summary: "",
        access: open,
        handle: () => ({ kind: "bytes", contentType: "text/plain", body }),
      }),
    ),
  });
  for (const [i, body] of [small, large].entries()) {
    const { headers, body: sent } = await api(requestOf({ url: `/${i}`, headers: { "accept-encoding": "br, gzip" } }));
    t.is(headers["Content-Encoding"], "gzip");
    const parts = sent instanceof Uint8Array ? [sent] : await Array.fromAsync(sent as AsyncIterable<Uint8Array>);
    t.is(parts.length > 3, i === 1);
    const whole = Buffer.concat(parts);
    t.true(whole.length < body.length);
    t.is(gunzipSync(whole).toString(), body);
    const plain = await api(requestOf({ url: `/${i}`, headers: { "accept-encoding": "gzip;q=0" } }));
    t.is(plain.body, body);
  }
  const url = await serve(t, api);
  t.is(await (await fetch(`${url}/1`)).text(), large);
});

test("a blocking query returns when its tables changed, and its client may leave", async (t) => {
  const world = await makeState(t);
  const index = await world.add("a", "cat");
  const url = await serve(t, apiOf(world, { routes: petRoutes(world) }));
  const waiting = fetch(`${url}/v1/pets?index=${index}&wait=60s`);
  const leaving = new AbortController();
  const left = fetch(`${url}/v1/pets?index=${index}`, { signal: leaving.signal }).catch(() => "left");
  while (world.blocking.size < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  leaving.abort();
  t.is(await left, "left");
  while (world.blocking.size > 1) await new Promise((resolve) => setTimeout(resolve, 5));
  const next = await world.add("b", "cat");
  const answer = await waiting;
  t.is(answer.headers.get("x-nomad-index"), String(next));
  t.is(((await answer.json()) as Pet[]).length, 2);
  t.is(world.blocking.size, 0);
  const over = await fetch(`${url}/v1/pets?index=${next}&wait=10ms`);
  t.is(over.headers.get("x-nomad-index"), String(next));
});

test("those who wait are answered when the server stops, and asked for their rights again when they are woken", async (t) => {
  const world = await makeState(t);
  const index = await world.add("a", "cat");
  let known = true;
  const access = () => (known ? succeed(fullAccess) : fail("gone", "token not found"));
  const routes = petRoutes(world).map((each) => ({ ...each, access: { kind: "any-token" } as const }));
  const exchange = apiOf(world, { routes, access });
  const listener = await listenHttp({ at: { host: "127.0.0.1", port: 0 }, exchange, log: silentLog });
  const url = `http://127.0.0.1:${listener.address.port}`;
  const first = fetch(`${url}/v1/pets?index=${index}&wait=60s`);
  while (world.blocking.size < 1) await new Promise((resolve) => setTimeout(resolve, 5));
  known = false;
  await world.add("b", "cat");
  t.is((await first).status, 403);
  known = true;
  const last = await world.add("c", "cat");
  const waiting = [fetch(`${url}/v1/pets?index=${last}&wait=60s`), fetch(`${url}/v1/pets?index=${last}&wait=60s`)];
  while (world.blocking.size < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  const closed = listener.close(10_000);
  for (const answer of await Promise.all(waiting)) t.is(answer.headers.get("x-nomad-index"), String(last));
  await closed;
  t.is(world.blocking.size, 0);
});

test("a thousand wait, each for its own time within a sixteenth, and one write wakes all", async (t) => {
  const world = await makeState(t);
  const first = await world.add("a", "cat");
  const clock = new FakeClock();
  const blocking = new BlockingQueries({ view: world.view, clock, random: world.env.random });
  t.teardown(() => blocking.close());
  const env = { ...world.env, clock };
  const api = createApi({ env, blocking, dialect: consulDialect, routes: petRoutes(world) });
  const ask = (query: string): Promise<unknown>[] =>
    Array.from({ length: 1000 }, () => api(requestOf({ url: `/v1/pets?${query}` })));
  const settled = async (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const timed = ask(`index=${first}&wait=160s`);
  await settled();
  t.is(blocking.size, 1000);
  t.true(clock.pendingMs.every((ms) => ms >= 160_000 && ms <= 170_100));
  t.true(new Set(clock.pendingMs).size > 100, "spread");
  clock.advance(159_999);
  await settled();
  t.is(blocking.size, 1000);
  clock.advance(10_101);
  await Promise.all(timed);
  t.is(blocking.size, 0);
  const longest = ask(`index=${first}&wait=99h`);
  await settled();
  t.true(
    clock.pendingMs.every((ms) => ms >= 600_000 && ms <= 637_800),
    "at most ten minutes",
  );
  await world.add("b", "dog");
  await Promise.all(longest);
  t.deepEqual([blocking.size, clock.pendingMs.length], [0, 0]);
  const standard = ask(`index=${world.view.index}`);
  await settled();
  t.true(
    clock.pendingMs.every((ms) => ms >= 300_000 && ms <= 318_900),
    "five minutes by default",
  );
  blocking.close();
  await Promise.all(standard);
});

test("a token comes from the API's header, as a bearer, or in Consul's query; the policy has the last word", async (t) => {
  const world = await makeState(t);
  await world.add("a", "cat");
  const seed = {
    routes: petRoutes(world),
    access: (token: string) => succeed(token === "secret" ? fullAccess : noAccess),
  };
  const nomad = apiOf(world, seed);
  const consul = apiOf(world, { ...seed, dialect: consulDialect });
  const status = async (api: typeof nomad, headers: Record<string, string>, query = ""): Promise<number> =>
    (await api(requestOf({ url: `/v1/pet/a${query}`, headers }))).status;
  t.is(await status(nomad, {}), 403);
  t.is(await status(nomad, { "x-nomad-token": "secret" }), 200);
  t.is(await status(nomad, { authorization: "Bearer secret" }), 200);
  t.is(await status(nomad, {}, "?token=secret"), 403);
  t.is(await status(consul, {}, "?token=secret"), 200);
  t.is(await status(consul, { "x-consul-token": "secret" }), 200);
  const { headers } = await consul(requestOf({ url: "/v1/pet/a?stale&token=secret" }));
  t.is(headers["X-Consul-Effective-Consistency"], "stale");
  t.truthy(headers["X-Consul-Index"]);
});

test("a rule names what it is about; lists show what their reader may see, and errors say no more", async (t) => {
  const world = await makeState(t);
  const may = (names: readonly string[]): Access => ({
    ...noAccess,
    isAnonymous: false,
    allows: (_resource, capability, name) => capability === "read" && names.includes(name),
    allowsSome: () => names.length > 0,
  });
  const rule = { kind: "capability", resource: "namespace", capability: "read" } as const;
  const each = { resource: "namespace", capability: "read", nameOf: (item: unknown) => String(item) };
  const list = (path: string, access: AccessRule): Route =>
    route({ method: "GET", path, summary: "", access, handle: () => ({ kind: "json", value: ["a", "b", "c"] }) });
  const api = apiOf(world, {
    routes: [
      list("/usual", rule),
      list("/each", { ...rule, each }),
      list("/named/:name", { ...rule, of: ({ params }) => params["name"] ?? "" }),
      list("/any", { kind: "any-token" }),
      route({
        method: "GET",
        path: "/inside",
        summary: "",
        access: { ...rule, of: () => SOME },
        handle({ access }) {
          demand(access, { resource: "namespace", capability: "read", name: "b" });
          return { kind: "json", value: true };
        },
      }),
    ],
    access: (token) =>
      token === "gone" ? fail("gone", "ACL token not found") : succeed(token === "" ? noAccess : may(token.split(","))),
  });
  const ask = async (url: string, token: string) => {
    const answer = await api(requestOf({ url, headers: { "x-nomad-token": token } }));
    return `${answer.status} ${textOf(answer)}`;
  };
  t.is(await ask("/usual", "default"), '200 ["a","b","c"]');
  t.is(await ask("/usual?namespace=b", "b"), '200 ["a","b","c"]');
  t.is(await ask("/usual?namespace=b", "default"), "403 Permission denied");
  t.is(await ask("/usual?namespace=*", "a"), "403 Permission denied");
  t.is(await ask("/usual", ""), "403 Permission denied");
  t.is(await ask("/usual", "gone"), "403 ACL token not found");
  t.is(await ask("/each?namespace=*", "a,c"), '200 ["a","c"]');
  t.is(await ask("/each?namespace=*", ""), "403 Permission denied");
  t.is(await ask("/named/b", "b"), '200 ["a","b","c"]');
  t.is(await ask("/named/b", "c"), "403 Permission denied");
  t.is(await ask("/any", ""), "403 Permission denied");
  t.is(await ask("/any", "x"), '200 ["a","b","c"]');
  t.is(await ask("/inside", "a"), "403 Permission denied");
  t.is(await ask("/inside", "b"), "200 true");
});

test("what is outside the state blocks by hash, or by an index that need not rise", async (t) => {
  const world = await makeState(t);
  const listeners = new Set<() => void>();
  let value: unknown = { a: 1 };
  let index: string | undefined;
  const local = (path: string): Route =>
    route({
      method: "GET",
      path,
      summary: "",
      access: open,
      handle: () => ({
        kind: "local",
        read: () => (index === undefined ? { value } : { value, index }),
        onChange: (listener) => {
          listeners.add(listener);
          return () => listeners.delete(listener);
        },
      }),
    });
  const api = apiOf(world, { routes: [local("/v1/local")], dialect: consulDialect });
  const get = (query: string): ReturnType<typeof api> => api(requestOf({ url: `/v1/local${query}` }));
  const hash = (await get("")).headers["X-Consul-ContentHash"];
  t.is((await get(`?hash=other&wait=1h`)).body, '{"a":1}');
  const waiting = get(`?hash=${hash}&wait=1h`);
  await new Promise((resolve) => setImmediate(resolve));
  for (const listener of listeners) listener();
  t.is(listeners.size, 1, "an unchanged answer keeps waiting");
  value = { a: 2 };
  for (const listener of listeners) listener();
  t.is((await waiting).body, '{"a":2}');
  t.is(listeners.size, 0);
  index = "18446744073709551615";
  const byIndex = get(`?index=${index}&wait=1h`);
  await new Promise((resolve) => setImmediate(resolve));
  index = "7";
  for (const listener of listeners) listener();
  t.is((await byIndex).headers["X-Consul-Index"], "7");
  t.is((await get("?index=7&wait=1ms")).status, 200);
  t.is(listeners.size, 0);
});

test("a handler that fails is a 500 with its reason, and the next request is served", async (t) => {
  const world = await makeState(t);
  const api = apiOf(world, {
    routes: [
      route({
        method: "GET",
        path: "/fails",
        summary: "",
        access: open,
        handle: () => Promise.reject(new Error("disk full")),
      }),
      route({
        method: "PUT",
        path: "/echo",
        summary: "",
        access: open,
        body: bytesBody(),
        handle: ({ body }) => ({ kind: "bytes", contentType: "application/octet-stream", body }),
      }),
    ],
    explain: (thrown) =>
      (thrown as Error).message === "disk full" ? new HttpError(507, "the disk is full") : undefined,
  });
  t.like(await api(requestOf({ url: "/fails" })), { status: 507, body: "the disk is full" });
  t.deepEqual(
    Buffer.from((await api(requestOf({ method: "PUT", url: "/echo", text: "x" }))).body as Uint8Array).toString(),
    "x",
  );
});

test("the table prints a valid OpenAPI document, where shared shapes have names", async (t) => {
  const world = await makeState(t);
  const Toy = v.object({ Size: v.pipe(v.number(), v.integer(), v.minValue(1)), Kind: v.picklist(["ball", "bone"]) });
  const Owner = v.object({
    Toy: v.nullish(Toy),
    Toys: v.array(Toy),
    Names: v.record(v.string(), v.nullable(v.string())),
  });
  const api = apiOf(world, {
    routes: [
      ...petRoutes(world),
      route({
        method: "PUT",
        path: "/v1/owner/+name/toys",
        summary: "Gives toys",
        access: open,
        body: jsonBody(Owner),
        response: v.array(Toy),
        handle: () => ({ kind: "empty", status: 204 }),
      }),
    ],
    document: { title: "Pets", version: "1.0.0", description: "Pets and what they play with" },
  });
  const text = textOf(await api(requestOf({ url: "/v1/openapi.json" })));
  const document = JSON.parse(text);
  const checked = await new Validator().validate(document);
  t.deepEqual([checked.valid, checked.errors ?? []], [true, []]);
  t.deepEqual(Object.keys(document.paths), ["/v1/pets", "/v1/pet/{name}", "/v1/owner/{name}/toys", "/v1/openapi.json"]);
  t.deepEqual(document.components.schemas.Toy, {
    type: "object",
    properties: { Size: { type: "integer", minimum: 1 }, Kind: { enum: ["ball", "bone"] } },
    required: ["Size", "Kind"],
  });
  for (const [, name] of text.matchAll(/"#\/components\/schemas\/(\w+)"/g))
    t.true(name! in document.components.schemas);
  for (const [, name] of text.matchAll(/"#\/components\/parameters\/(\w+)"/g)) {
    t.true(name! in document.components.parameters);
  }
  const put = document.paths["/v1/pets"].put.parameters as { name: string; schema: unknown }[];
  t.deepEqual(put.find(({ name }) => name === "loud")?.schema, { type: "boolean", default: false });
});

test("any request is answered", async (t) => {
  const world = await makeState(t);
  await world.add("a", "cat");
  const api = apiOf(world, { routes: petRoutes(world) });
  const piece = fc.oneof(
    fc.constantFrom(
      "/v1/pets",
      "/v1/pet/",
      "?",
      "&",
      "=",
      "index=1",
      "wait=1ms",
      "%",
      "%zz",
      "#",
      "http://h",
      "per_page=",
      "next_token=",
      "reverse",
      "__proto__",
      "constructor",
      "times=",
    ),
    fc.string({ maxLength: 8 }),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom("GET", "PUT", "HEAD", "OPTIONS", "DELETE", "BREW"),
      fc.array(piece, { maxLength: 8 }),
      fc.dictionary(
        fc.constantFrom("accept-encoding", "authorization", "content-length", "origin", "x-nomad-token"),
        fc.string(),
      ),
      fc.oneof(fc.json(), fc.string(), fc.constant('{"Pet":{"Name":"x"}}')),
      async (method, pieces, headers, text) => {
        const { status } = await api(requestOf({ method, url: `/${pieces.join("")}`, headers, text }));
        return status >= 200 && status < 500;
      },
    ),
    { numRuns: 1000 },
  );
  t.pass();
});

test("those who wait for the same thing with the same access share one reading", async (t) => {
  const world = await makeState(t);
  let reads = 0;
  const api = apiOf(world, {
    routes: [
      route({
        method: "GET",
        path: "/v1/pets",
        summary: "Pets",
        access: { kind: "any-token" },
        tables: [pets],
        handle: () => ({
          kind: "state",
          read: () => {
            reads += 1;
            const rows = [...world.view.table(pets).list()].map(({ id }) => `${id} and a long tail`.repeat(100));
            return { index: world.view.table(pets).lastIndex, value: rows };
          },
        }),
      }),
    ],
    access: (token) => ({ ok: true, value: token === "other" ? { ...fullAccess, rights: {} } : fullAccess }),
  });
  const index = await world.add("rex", "dog");
  const url = `/v1/pets?index=${index}&wait=`;
  const ask = (seconds: number, headers: Record<string, string> = {}) =>
    api(requestOf({ url: `${url}${seconds}s`, headers: { "x-nomad-token": "a", ...headers } }));
  const waiting = [
    ...Array.from({ length: 20 }, (_, i) => ask(100 + i)),
    ask(100, { "accept-encoding": "gzip" }),
    ask(100, { "x-nomad-token": "other" }),
  ];
  while (world.blocking.size < waiting.length) await new Promise((resolve) => setTimeout(resolve, 1));
  reads = 0;
  await world.add("tom", "cat");
  const answers = await Promise.all(waiting);
  t.is(reads, 2);
  const texts = answers.map(({ headers, body }) => {
    if (!(body instanceof Uint8Array)) throw new Error("not whole");
    return Buffer.from(headers["Content-Encoding"] === "gzip" ? gunzipSync(body) : body).toString();
  });
  t.is(new Set(texts).size, 1);
  t.regex(texts[0]!, /tom/);
});
