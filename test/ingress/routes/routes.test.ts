import test from "ava";
import fc from "fast-check";
import { collectRoutes } from "#ingress/routes/collect.ts";
import { compareRoutes, planOf } from "#ingress/routes/order.ts";
import { readRoutes } from "#ingress/routes/read-routes.ts";
import { matchKey, type RouteReading } from "#ingress/routes/route.ts";
import { readRule } from "#ingress/routes/traefik-rule.ts";
import { dataOf, instance } from "../catalog.ts";

const read = (...tags: readonly string[]): RouteReading =>
  readRoutes({ name: "web", tags, meta: {} }, { websecure: 443 });
const keys = (reading: RouteReading): readonly string[] => reading.routes.map(({ match }) => matchKey(match));

test("tags of all three kinds, and metadata, become routes; others are left alone", (t) => {
  t.deepEqual(read("v1"), { routes: [], problems: [] });
  t.deepEqual(
    keys(read("urlprefix-/hello", "urlprefix-Example.com/api strip=/api prepend=/v2", "urlprefix-:6379 proto=tcp")),
    ["*/hello", "example.com/api", "tcp :6379 "],
  );
  t.deepEqual(read("urlprefix-a.test/x strip=/x weight=0.2 redirect=301,https://b.test$path").routes[0]?.options, {
    redirect: { code: 301, to: "https://b.test$path" },
    strip: "/x",
  });
  t.deepEqual(
    keys(
      read(
        "lares.host=a.test",
        "lares.path=/x",
        "lares.admin.host=*.b.test",
        "lares.db.tcp=5432",
        "lares.db.sni=db.test",
      ),
    ),
    ["a.test/x", "*.b.test/", "tcp :5432 db.test"],
  );
  const meta = readRoutes(
    { name: "web", tags: ["lares.enable"], meta: { "lares-host": "m.test", "lares-api_path": "/api", other: "x" } },
    {},
  );
  t.deepEqual(keys(meta), ["m.test/", "*/api"]);
});

test("Traefik's labels: rules with alternatives, middlewares, services, priorities, TCP", (t) => {
  const reading = read(
    "traefik.enable=true",
    "traefik.http.routers.shop.rule=(Host(`a.test`) || Host(`b.test`)) && PathPrefix(`/x`) && !Method(`POST`)",
    "traefik.http.routers.shop.middlewares=strip@consulcatalog, guard",
    "traefik.http.routers.shop.priority=1000",
    "traefik.http.middlewares.strip.stripprefix.prefixes=/x",
    "traefik.http.middlewares.guard.chain.middlewares=lists,limit",
    "traefik.http.middlewares.lists.ipallowlist.sourcerange=10.0.0.0/8",
    "traefik.http.middlewares.limit.ratelimit.average=5",
    "traefik.http.middlewares.limit.ratelimit.period=1m",
    "traefik.http.services.shop.loadbalancer.server.port=8080",
    "traefik.http.services.shop.loadbalancer.sticky.cookie.name=who",
    "traefik.tcp.routers.db.rule=HostSNI(`db.test`)",
    "traefik.tcp.routers.db.entrypoints=websecure",
  );
  t.deepEqual(reading.problems, []);
  const not = ` ${JSON.stringify([{ kind: "method", not: true, name: "", values: ["POST"], regex: false }])}`;
  t.deepEqual(keys(reading), [`a.test/x${not}`, `b.test/x${not}`, "tcp :443 db.test"]);
  const [first] = reading.routes;
  t.deepEqual(first?.options.allow, ["10.0.0.0/8"]);
  t.deepEqual(first?.options.rate, { requests: 5, periodMs: 60_000 });
  t.is(first?.options.strip, "/x");
  t.is(first?.options.sticky?.cookie, "who");
  t.is(first?.share.port, 8080);
  t.true((first?.priority ?? 0) > 0);
  t.deepEqual(keys(read("traefik.enable=true")), ["web/"], "the default rule is the service's name");
  t.deepEqual(keys(read("traefik.enable=false", "traefik.http.routers.a.rule=Host(`a.test`)")), []);
  t.deepEqual(readRule("!(Host(`a`) || Host(`b`))"), {
    ok: true,
    any: [
      [
        { name: "Host", values: ["a"], not: true },
        { name: "Host", values: ["b"], not: true },
      ],
    ],
  });
});

test("what cannot be understood serves nothing, and is explained", (t) => {
  for (const [tag, said] of [
    ["urlprefix-example.com", /has no path/],
    ["urlprefix-/a|b", /path="\/a\|b"/],
    ["urlprefix-ex ample/", /has the option "ample\/"/],
    ["urlprefix-/x weird=1", /has the option "weird=1"/],
    ["urlprefix-:0 proto=tcp", /tcp="0"/],
    ["urlprefix-/x proto=gopher", /proto="gopher"/],
    ["lares.hots=a.test", /has the option "hots"/],
    ["lares.rate=many", /rate="many"/],
    ["lares.user=ann:$apr1$x$y", /user=/],
    ["lares.allow=10.0.0.0/99", /allow=/],
    ["traefik.http.routers.r.rule=Host(`a.test`", /lacks a \)/],
    ["traefik.http.routers.r.rule=Weather(`fine`)", /matcher Weather/],
    ["traefik.http.routers.r.middlewares=none", /not there/],
    ["traefik.udp.routers.r.entrypoints=dns", /asks for UDP/],
  ] as const) {
    const reading = read(tag);
    t.deepEqual(reading.routes, [], tag);
    t.is(reading.problems.length, 1, tag);
    t.regex(reading.problems[0]?.message ?? "", said);
    t.truthy(reading.problems[0]?.hint);
  }
  const mixed = read("lares.host=a.test", "lares.bad.rate=x", "urlprefix-nothing");
  t.deepEqual(keys(mixed), ["a.test/"], "a bad tag harms its own route only");
  t.is(mixed.problems.length, 2);
});

test("any tags whatever are read without an error", (t) => {
  const word = fc.oneof(
    fc.string({ unit: "binary", maxLength: 20 }),
    fc.constantFrom(
      "Host(`a`)",
      "&&",
      "||",
      "!",
      "(",
      ")",
      "=",
      ".",
      "http.routers.r.rule",
      "__proto__",
      "constructor",
      "host",
    ),
  );
  const tag = fc
    .tuple(
      fc.constantFrom(
        "urlprefix-",
        "lares.",
        "traefik.",
        "traefik.http.routers.r.rule=",
        "traefik.http.middlewares.m.",
      ),
      fc.array(word, { maxLength: 8 }),
    )
    .map(([head, words]) => head + words.join(""));
  fc.assert(
    fc.property(fc.array(tag, { maxLength: 8 }), (tags) => {
      for (const { source } of read(...tags).routes) if (typeof source !== "string") throw new Error("no route");
    }),
    { numRuns: 500 },
  );
  t.false(readRule("(".repeat(10_000)).ok);
  t.false(readRule(Array.from({ length: 12 }, () => "(Host(`a`)||Host(`b`))").join("&&")).ok);
});

test("of two services that claim an address one has it by a stated rule, and the other hears of it", (t) => {
  const collect = (...instances: Parameters<typeof dataOf>[0]) =>
    collectRoutes(dataOf(instances), { entryPoints: {}, known: new WeakMap() });
  const claimed = collect(
    instance("b", 1, ["lares.host=x.test"]),
    instance("a", 2, ["lares.host=x.test"]),
    instance("c", 3, ["lares.host=x.test", "lares.priority=5"]),
  );
  t.deepEqual(
    claimed.routes.map(({ services }) => services),
    [["c"]],
  );
  t.deepEqual(
    claimed.problems.map(({ service, code }) => [service, code]),
    [
      ["a", "ingress_conflict"],
      ["b", "ingress_conflict"],
    ],
  );
  const joined = collect(instance("b", 1, ["urlprefix-/x"]), instance("a", 2, ["urlprefix-/x"]));
  t.deepEqual(
    joined.routes.map(({ services, members }) => [services, members.length]),
    [[["a", "b"], 2]],
  );
  const updating = collect(
    instance("a", 1, ["lares.host=x.test"]),
    instance("a", 2, ["lares.host=x.test", "lares.strip=/new"]),
  );
  t.is(updating.routes[0]?.options.strip, "/new", "the newest instance says how");
  t.is(updating.routes[0]?.members.length, 2);
  const odd = collect({ ...instance("a", 1, ["lares.host=x.test"]), address: "web.local" });
  t.deepEqual(
    odd.problems.map(({ code }) => code),
    ["ingress_bad_address"],
  );
});

test("maps find exactly the route that asking one by one in order would", (t) => {
  const host = fc.constantFrom("", "a.test", "b.a.test", "*.a.test", "*.test", "c.b.a.test");
  const path = fc.constantFrom("/", "/x", "/x/y", "/xy", "/z");
  const route = fc.record({
    host,
    path,
    priority: fc.constantFrom(0, 0, 0, 3, -3),
    exact: fc.integer({ min: 0, max: 5 }),
  });
  fc.assert(
    fc.property(
      fc.array(route, { maxLength: 12 }),
      host,
      fc.constantFrom("/", "/x", "/x/y/z", "/xyz", "/z/"),
      (specs, asked, at) => {
        const known = new Map(
          specs.flatMap(({ host: name, path: prefix, priority, exact }) =>
            read(
              `lares.host=${name}`,
              `lares.${exact === 0 ? "path-exact" : "path"}=${prefix}`,
              `lares.priority=${priority}`,
            ).routes.flatMap(({ match }) =>
              match.kind === "http" ? [[matchKey(match), { match, priority, key: matchKey(match) }] as const] : [],
            ),
          ),
        );
        const sorted = [...known.values()].toSorted(compareRoutes);
        const request = asked.replace("*", "some");
        const fits = ({ match }: (typeof sorted)[number]): boolean =>
          (match.hostKind === "any" ||
            (match.hostKind === "exact" ? request === match.host : request.endsWith(`.${match.host}`))) &&
          (match.pathKind === "exact" ? at === match.path : at.startsWith(match.path));
        const { inOrder, mapped } = planOf(sorted);
        const rank = { exact: 3, below: 2, regex: 1, any: 0 };
        const longest = mapped
          .filter(fits)
          .toSorted(
            (a, b) =>
              rank[b.match.hostKind] - rank[a.match.hostKind] ||
              b.match.host.length - a.match.host.length ||
              b.match.path.length - a.match.path.length,
          )[0];
        const found = inOrder.find(fits) ?? longest;
        if (found?.key !== sorted.find(fits)?.key)
          throw new Error(`${found?.key ?? "none"} instead of ${sorted.find(fits)?.key ?? "none"}`);
      },
    ),
    { numRuns: 1000 },
  );
  t.pass();
});
