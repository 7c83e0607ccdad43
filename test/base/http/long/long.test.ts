import { gunzipSync } from "node:zlib";
import test from "ava";
import fc from "fast-check";
import type { Access } from "#base/http/access.ts";
import { fullAccess } from "#base/http/access.ts";
import { LongList, SHORT_LIST } from "#base/http/long-list.ts";
import { route, type Route } from "#base/http/route.ts";
import type { ExchangeResponse } from "#base/http/exchange.ts";
import { succeed } from "#base/env/errors.ts";
import { apiOf, makeState, requestOf } from "../serve.ts";

interface Item {
  readonly Name: string;
  readonly Owner: string;
}

const some: Access = {
  ...fullAccess,
  isManagement: false,
  allows: (_resource, _capability, name) => name === "us",
  allowsSome: () => true,
};

/** The same list, at once and over several turns. */
function routesOf(items: readonly Item[]): Route[] {
  const sorted = items.toSorted((a, b) => (a.Name < b.Name ? -1 : 1));
  const each = { resource: "r", capability: "c", nameOf: (item: unknown) => (item as Item).Owner };
  const listing = (path: "/v1/short" | "/v1/long", value: unknown): Route =>
    route({
      method: "GET",
      path,
      summary: "Lists",
      access: { kind: "capability", resource: "r", capability: "c", each, of: () => "us" },
      filter: "items",
      pageKey: (item) => (item as Item).Name,
      handle: () => ({ kind: "state", read: () => ({ index: 7, value }) }),
    });
  const order = (a: Item, b: Item): number => (a.Name < b.Name ? -1 : 1);
  return [
    listing("/v1/short", sorted),
    listing("/v1/long", new LongList(items, { of: (item) => ({ ...item }), order })),
  ];
}

async function textOf({ body, headers }: ExchangeResponse): Promise<string> {
  const parts: Uint8Array[] = [];
  if (typeof body === "string") parts.push(Buffer.from(body));
  else if (body instanceof Uint8Array) parts.push(body);
  else for await (const part of body) parts.push(part);
  const whole = Buffer.concat(parts);
  return (headers["Content-Encoding"] === "gzip" ? gunzipSync(whole) : whole).toString();
}

test("a long list is answered as a short one is: order, filters, rights, pages, indentation, compression", async (t) => {
  const world = await makeState(t);
  const names = fc.uniqueArray(fc.integer({ min: 0, max: 100_000 }), { minLength: SHORT_LIST + 1, maxLength: 3000 });
  const query = fc.record(
    {
      reverse: fc.constantFrom("true", "false"),
      per_page: fc.constantFrom("1", "7", "500", "5000"),
      next_token: fc.constantFrom("000000", "050000", "099999", "zzz"),
      filter: fc.constantFrom("odd", ""),
      pretty: fc.constantFrom("", "false"),
    },
    { requiredKeys: [] },
  );
  const property = fc.asyncProperty(names, query, fc.boolean(), fc.boolean(), async (numbers, asked, gzip, all) => {
    const items = numbers.map((each) => ({
      Name: String(each).padStart(6, "0"),
      Owner: each % 3 === 0 ? "us" : "them\n",
    }));
    const api = apiOf(world, {
      routes: routesOf(items),
      access: () => succeed(all ? fullAccess : some),
      compileFilter: () => succeed((item) => Number((item as Item).Name) % 2 === 1),
    });
    const headers = gzip ? { "accept-encoding": "gzip" } : {};
    const search = new URLSearchParams(asked).toString();
    const [short, long] = await Promise.all(
      ["short", "long"].map((path) => api(requestOf({ url: `/v1/${path}?${search}`, headers }))),
    );
    t.is(await textOf(long!), await textOf(short!));
    for (const name of ["X-Nomad-NextToken", "X-Nomad-Index", "Content-Type"])
      t.is(long!.headers[name], short!.headers[name]);
  });
  await fc.assert(property, { numRuns: 60 });
});

test("those who wait for one long list share its writing, and each gets all of it", async (t) => {
  const world = await makeState(t);
  const items = Array.from({ length: 5000 }, (_, at) => ({ Name: String(at).padStart(6, "0"), Owner: "us" }));
  let made = 0;
  const value = new LongList(items, {
    of: (item) => {
      made += 1;
      return item;
    },
  });
  const routes = [
    route({
      method: "GET",
      path: "/v1/long",
      summary: "Lists",
      access: { kind: "any-token" },
      handle: () => ({ kind: "state", read: () => ({ index: 7, value }) }),
    }),
  ];
  const api = apiOf(world, { routes, access: () => succeed(fullAccess) });
  const ask = () => api(requestOf({ url: "/v1/long?index=1&wait=1s" }));
  const texts = await Promise.all((await Promise.all([ask(), ask(), ask()])).map(textOf));
  t.is(new Set(texts).size, 1);
  t.is(JSON.parse(texts[0]!).length, 5000);
  t.is(made, 5000);
});
