import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import fc from "fast-check";
import { compileHandlebars } from "#base/client/templates/handlebars.ts";
import type { Instance } from "#base/client/templates/dependency.ts";
import type { BlockingGet } from "#base/client/templates/watch.ts";
import { createEnv } from "#base/platform/create-env.ts";
import type { TemplateData } from "#base/client/templates/template.ts";
import { buildConfig } from "#ingress/config.ts";
import { startIngress } from "#ingress/controller.ts";
import { Haproxy } from "#ingress/haproxy.ts";
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
    maxConnections: 100,
  }));
  return template(dataOf(instances));
}

/** HAProxy's own verdict; '' when it takes the configuration. */
function refusal(config: string): string {
  const dir = mkdtempSync(join(tmpdir(), "lares-ingress-"));
  try {
    writeFileSync(join(dir, "haproxy.cfg"), config);
    const run = spawnSync("haproxy", ["-c", "-f", join(dir, "haproxy.cfg")], { encoding: "utf8", cwd: dir });
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

/** A catalog that answers blocking queries, as the HTTP API would. */
class Catalog {
  #index = 1;
  #instances: readonly Instance[] = [];
  readonly #wake = new Set<() => void>();

  set(instances: readonly Instance[]): void {
    this.#index += 1;
    this.#instances = instances;
    for (const wake of this.#wake) wake();
    this.#wake.clear();
  }

  get: BlockingGet = async ({ path, index, signal }) => {
    while (index >= this.#index && !signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#wake.add(resolve);
        signal.addEventListener("abort", () => resolve(), { once: true });
      });
    }
    const name = /^\/v1\/health\/service\/([^?]*)/.exec(path)?.[1];
    const data = dataOf(this.#instances);
    const value =
      name === undefined
        ? data.services()
        : data.service(name).map((one) => ({
            Node: { Node: one.node, Address: "127.0.0.1" },
            Service: { ID: one.id, Service: one.name, Tags: one.tags, Address: one.address, Port: one.port },
          }));
    return { index: this.#index, value };
  };
}

async function site(text: string): Promise<{ readonly port: number; readonly server: Server }> {
  const server = createServer((_request, response) => response.end(text));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return { port: address.port, server };
}

async function freePort(): Promise<number> {
  const { port, server } = await site("");
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const ask = async (port: number, path: string): Promise<string> => {
  try {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers: { connection: "close" } });
    return `${response.status} ${(await response.text()).trim()}`;
  } catch (error) {
    return String(error);
  }
};

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 15_000;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`never happened: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test("a real HAProxy follows the catalog: routes come and go, reloads lose no request, a death is mended, nothing stays", async (t) => {
  const env = createEnv({ logToStderr: false });
  // As deep as a task's folder can be: HAProxy takes no socket path above 97 characters.
  const dir = join(mkdtempSync(join(tmpdir(), "lares-ingress-")), "x".repeat(100));
  mkdirSync(dir);
  const sites = await Promise.all([site("one"), site("two"), site("three")]);
  const served = (at: number, tags: readonly string[]): Instance => ({
    ...instance(`s${at}`, at, tags),
    port: sites[at]?.port ?? 0,
  });
  const catalog = new Catalog();
  const port = await freePort();
  const haproxyProgram = await env.exec.find("haproxy");
  t.truthy(haproxyProgram, "HAProxy is needed (apt-get install haproxy)");
  const ingress = startIngress({
    env,
    get: catalog.get,
    haproxyProgram: haproxyProgram ?? "",
    dir,
    host: "127.0.0.1",
    port,
  });
  const masters = (): readonly string[] =>
    spawnSync("pgrep", ["-f", `${dir}/haproxy.cfg`], { encoding: "utf8" })
      .stdout.split("\n")
      .filter((pid) => pid !== "");
  try {
    catalog.set([served(0, ["urlprefix-/"])]);
    await until("the first route", async () => (await ask(port, "/x")) === "200 one");
    catalog.set([served(0, ["urlprefix-/"]), served(1, ["urlprefix-/two strip=/two"])]);
    await until("the second route", async () => (await ask(port, "/two/y")) === "200 two");

    const seen = new Set<string>();
    let stop = false;
    const load = Promise.all(
      Array.from({ length: 8 }, async () => {
        while (!stop) seen.add(await ask(port, "/"));
      }),
    );
    for (let round = 0; round < 6; round++) {
      catalog.set([served(0, ["urlprefix-/"]), served(2, [`urlprefix-/round${round}`])]);
      await until("the changed route", async () => (await ask(port, `/round${round}`)) === "200 three");
    }
    stop = true;
    await load;
    t.deepEqual([...seen], ["200 one"], "no request failed while HAProxy reloaded");

    catalog.set([served(2, ["v1"])]);
    await until("nothing exposed", async () => (await ask(port, "/")).startsWith("404 No route"));
    catalog.set([served(2, ["urlprefix-/", "urlprefix-/broken\npath"])]);
    await until("a broken tag harms nothing else", async () => (await ask(port, "/")) === "200 three");

    for (const pid of masters()) process.kill(Number(pid), "SIGKILL");
    await until("HAProxy comes back", async () => (await ask(port, "/")) === "200 three");
  } finally {
    await ingress.stop();
    for (const { server } of sites) server.close();
    env.close();
  }
  t.deepEqual(masters(), [], "no HAProxy is left");
  rmSync(dir, { recursive: true });
});

test("a configuration HAProxy refuses leaves the last good one serving", async (t) => {
  const env = createEnv({ logToStderr: false });
  const dir = mkdtempSync(join(tmpdir(), "lares-ingress-"));
  const port = await freePort();
  const haproxy = new Haproxy({ env, program: (await env.exec.find("haproxy")) ?? "", dir });
  const good = `defaults\n mode http\n timeout connect 1s\n timeout client 1s\n timeout server 1s\nfrontend f\n bind 127.0.0.1:${port}\n http-request return status 200 content-type text/plain string good\n`;
  try {
    t.deepEqual(await haproxy.apply(good), { ok: true, value: "started" });
    await until("it serves", async () => (await ask(port, "/")) === "200 good");
    const refused = await haproxy.apply(`${good} bindd\n`);
    t.false(refused.ok);
    if (!refused.ok) t.regex(refused.error.message, /refused the new configuration.*bindd/s);
    t.is(await ask(port, "/"), "200 good");
    t.regex(readFileSync(haproxy.configPath, "utf8"), /string good\n$/);
  } finally {
    await haproxy.stop();
    env.close();
    rmSync(dir, { recursive: true });
  }
});
