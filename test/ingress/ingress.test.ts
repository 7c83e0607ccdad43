import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import fc from "fast-check";
import { compileHandlebars } from "#base/client/templates/handlebars.ts";
import type { Instance } from "#base/client/templates/dependency.ts";
import type { TemplateData } from "#base/client/templates/template.ts";
import { buildConfig } from "#ingress/config.ts";
import { HAPROXY_TEMPLATE } from "#ingress/haproxy-template.ts";
import { readTag } from "#ingress/tags.ts";

const instance = (name: string, at: number, tags: readonly string[]): Instance => ({
  id: `${name}-${at}`,
  name,
  node: "n1",
  address: "127.0.0.1",
  port: 20_000 + at,
  tags,
  meta: {},
});

function dataOf(instances: readonly Instance[]): TemplateData {
  const names = [...new Set(instances.map(({ name }) => name))];
  const of = (name: string): readonly Instance[] => instances.filter((one) => one.name === name);
  return {
    services: () => Object.fromEntries(names.map((name) => [name, [...new Set(of(name).flatMap(({ tags }) => tags))]])),
    service: of,
    key: () => undefined,
    prefix: () => [],
  };
}

function render(instances: readonly Instance[]): string {
  const template = compileHandlebars(HAPROXY_TEMPLATE, (data) => ({
    ...buildConfig(data, { takenPorts: [8080] }),
    host: "127.0.0.1",
    bind: "127.0.0.1:8080",
    socket: "/tmp/none.sock",
    maxConnections: 100,
  }));
  return template(dataOf(instances));
}

/** HAProxy's own verdict; '' when it takes the configuration. */
function refusal(config: string): string {
  const dir = mkdtempSync(join(tmpdir(), "lares-ingress-"));
  try {
    writeFileSync(join(dir, "haproxy.cfg"), config);
    const run = spawnSync("haproxy", ["-c", "-f", join(dir, "haproxy.cfg")], { encoding: "utf8" });
    return run.status === 0 ? "" : `refused: ${run.stderr}`;
  } finally {
    rmSync(dir, { recursive: true });
  }
}

test("tags say what is exposed; others are left alone; broken ones are explained", (t) => {
  t.is(readTag("v1"), undefined);
  t.deepEqual(readTag("urlprefix-/hello"), {
    ok: true,
    route: { kind: "http", host: "", path: "/hello", strip: "", prepend: "" },
  });
  t.deepEqual(readTag("urlprefix-Example.com/api strip=/api prepend=/v2"), {
    ok: true,
    route: { kind: "http", host: "example.com", path: "/api", strip: "/api", prepend: "/v2" },
  });
  t.deepEqual(readTag("urlprefix-:6379 proto=tcp"), { ok: true, route: { kind: "tcp", port: 6379 } });
  for (const [tag, said] of [
    ["urlprefix-example.com", /has no path.*/],
    ["urlprefix-/a;b", /has the path "\/a;b"/],
    ["urlprefix-ex ample/", /has the option "ample\/"/],
    ["urlprefix-/x weird=1", /has the option "weird=1"/],
    ["urlprefix-:0 proto=tcp", /names the TCP port ":0"/],
    ["urlprefix-/x proto=gopher", /proto=gopher/],
  ] as const) {
    const read = readTag(tag);
    t.false(read?.ok);
    if (read?.ok === false) t.regex(read.problem.message, said);
  }
});

test("the more specific rule is tried first, and services that share one serve it together", (t) => {
  const config = buildConfig(
    dataOf([
      instance("any", 1, ["urlprefix-/"]),
      instance("long", 2, ["urlprefix-/hello/world"]),
      instance("short", 3, ["urlprefix-/hello"]),
      instance("named", 4, ["urlprefix-example.com/"]),
      instance("wild", 5, ["urlprefix-*.example.com/"]),
      instance("also", 6, ["urlprefix-/hello"]),
      instance("db", 7, ["urlprefix-:6379 proto=tcp"]),
      instance("own", 8, ["urlprefix-:8080 proto=tcp"]),
      instance("quiet", 9, ["v1"]),
    ]),
    { takenPorts: [8080] },
  );
  t.deepEqual(
    config.http.map((rule) => [rule.host || rule.hostSuffix, rule.path, rule.servers.length]),
    [
      ["example.com", "/", 1],
      [".example.com", "/", 1],
      ["", "/hello/world", 1],
      ["", "/hello", 2],
      ["", "/", 1],
    ],
  );
  t.deepEqual(
    config.tcp.map((rule) => rule.port),
    [6379],
  );
  t.deepEqual(
    config.problems.map((problem) => problem.code),
    ["ingress_port_taken"],
  );
});

test("HAProxy takes what is rendered, every feature in it", (t) => {
  t.notThrows(() => execFileSync("haproxy", ["-v"]), "HAProxy is needed (apt-get install haproxy)");
  const text = render([
    instance("a", 1, ["urlprefix-/hello", "urlprefix-example.com/x strip=/x", "urlprefix-*.example.com/ prepend=/p"]),
    instance("b", 2, ["urlprefix-:16379 proto=tcp", "urlprefix-/q strip=/q.a+b prepend=/w"]),
  ]);
  t.is(refusal(text), "");
  t.is(refusal(render([])), "", "nothing exposed is a valid state");
  t.not(refusal("frontend broken\n    bindd"), "", "the check itself can fail");
});

test("no tag, however hostile, breaks the configuration or adds a line to it", (t) => {
  const piece = fc.oneof(
    fc.string({ maxLength: 12 }),
    fc.constantFrom(
      "\n",
      "\r\n    bind :1",
      "#",
      '"',
      "'",
      "\\",
      "$(x)",
      "%[src]",
      "{",
      "}",
      " strip=/",
      " proto=tcp",
      "*.",
      "/",
      ":80",
    ),
  );
  const tag = fc.array(piece, { maxLength: 6 }).map((pieces) => `urlprefix-${pieces.join("")}`);
  const batch = fc.array(tag, { minLength: 60, maxLength: 60 });
  fc.assert(
    fc.property(batch, (tags) => {
      const config = render(tags.map((one, at) => instance("s", at, [one])));
      const verdict = refusal(config);
      if (verdict !== "") throw new Error(`${verdict}\n${config}`);
      const directives = new Set(config.split("\n").map((line) => line.trim().split(" ")[0]));
      if (directives.has("bindd") || [...config.matchAll(/^ {4}bind /gm)].length > 1 + config.split("\nlisten ").length)
        throw new Error("a tag added a line");
    }),
    { numRuns: 15 },
  );
  t.pass();
});
