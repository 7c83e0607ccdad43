import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { Script } from "node:vm";
import test, { type ExecutionContext } from "ava";
import fc from "fast-check";
import * as v from "valibot";
import { createEnv } from "#base/platform/create-env.ts";
import { listenHttp } from "#base/platform/http-listener.ts";
import { writeMembership } from "#cli/agent/internal/membership.ts";
import { onEveryConsole } from "#cli/os/consoles.ts";
import { missingTasks, ranSteadily, readTasks } from "#cli/os/tasks.ts";
import { requireUsable } from "#cli/os/offer.ts";
import { resumeBecoming } from "#cli/os/unfinished.ts";
import { serveWaiting } from "#cli/os/waiting/serve-waiting.ts";
import { Waiting, type WaitingFacts } from "#cli/os/waiting/waiting.ts";
import { waitingExchange } from "#cli/os/waiting/waiting-exchange.ts";
import { WAITING_SCRIPT, waitingHtml } from "#cli/os/waiting/waiting-html.ts";
import { kindName, requireKind } from "#os-image/firmware/node/kind.ts";
import { testAuthority } from "#test/base/platform/http/certificates.ts";
import { lares } from "#test/cli/cluster.ts";
import { freePort } from "#test/free-ports.ts";
import { testAgent, until } from "#test/scenario/agent.ts";

const env = createEnv({ logLevel: "error" });
test.after.always(() => env.close());

test("the power failed while a machine became a member", async (t) => {
  const root = mkdtempSync(join(tmpdir(), "lares-becoming-"));
  const at = { data: join(root, "lares"), config: join(root, "etc") };
  try {
    mkdirSync(at.config);
    t.false(await resumeBecoming(env.disk, at), "nothing was begun");
    mkdirSync(join(at.data, "state"), { recursive: true });
    t.false(await resumeBecoming(env.disk, at), "it was looking for others");
    t.deepEqual(readdirSync(root).toSorted(), ["etc", "lares"]);
    writeFileSync(join(at.data, "state/log"), "half a cluster");
    writeFileSync(join(at.config, "lares.hcl"), "");
    t.false(await resumeBecoming(env.disk, at), "it founds anew");
    t.deepEqual([readdirSync(at.data), readdirSync(at.config)], [[], []]);
    t.is(readFileSync(join(root, "lares.unfinished/state/log"), "utf8"), "half a cluster", "nothing is lost");
    const empty = { certificate: "", key: "", authorities: "", trust: "", servers: [], internal: "" };
    await writeMembership(env.disk, at.data, {
      ...empty,
      clusterId: "c",
      region: "global",
      role: "server",
      nodeId: "n",
    });
    mkdirSync(join(at.data, "state"));
    writeFileSync(join(at.data, "state/log"), "a cluster");
    writeFileSync(join(at.config, "lares.hcl"), "server { enabled = true }\n");
    t.true(await resumeBecoming(env.disk, at), "only the note was missing");
    t.is(readFileSync(join(at.data, "state/log"), "utf8"), "a cluster");
  } finally {
    rmSync(root, { recursive: true });
  }
});

test("what a machine says of itself is shown on every console, once on each", (t) => {
  const root = mkdtempSync(join(tmpdir(), "lares-consoles-"));
  try {
    mkdirSync(join(root, "sys/class/tty/console"), { recursive: true });
    mkdirSync(join(root, "dev"));
    writeFileSync(join(root, "sys/class/tty/console/active"), "tty0 ttyS1 ttyS0\n");
    const said: string[] = [];
    const output = {
      terminal: false,
      line: (text: string) => void said.push(text),
      write: () => undefined,
      error: (text: string) => void said.push(`error: ${text}`),
      writeError: () => undefined,
    };
    const everywhere = onEveryConsole(output, root);
    everywhere.line("healthy");
    everywhere.error("too hot");
    t.deepEqual(said, ["healthy", "error: too hot"]);
    for (const name of ["tty0", "ttyS1"]) t.is(readFileSync(join(root, "dev", name), "utf8"), "healthy\r\ntoo hot\r\n");
    t.throws(() => readFileSync(join(root, "dev/ttyS0")), { code: "ENOENT" }, "the console itself has it already");
    rmSync(join(root, "dev"), { recursive: true });
    everywhere.line("still here");
    onEveryConsole(output, join(root, "nowhere")).line("and here");
    t.deepEqual(said.slice(2), ["still here", "and here"]);
  } finally {
    rmSync(root, { recursive: true });
  }
});

test("an update that is older than what runs is refused, but where it is wanted", (t) => {
  const taken = (version: string, than: string, older = false): void => requireUsable({ version, than, older });
  for (const [version, than] of [
    ["0.1.0", "0.1.0"],
    ["0.1.0.1", "0.1.0"],
    ["0.1.0.10", "0.1.0.9"],
    ["0.1.1", "0.1.0.10"],
  ] as const) {
    taken(version, than);
    if (version === than) continue;
    t.throws(() => taken(than, version), { message: `the update is version ${than}, older than ${version} that runs` });
    taken(than, version, true);
  }
});

test("an update of another board or flavour is refused, with what to take; one that names none is taken", (t) => {
  const compatible = "lares-amd64";
  const docker = { compatible, flavour: "docker" };
  t.deepEqual([docker, { compatible, flavour: "minimal" }, { compatible, flavour: undefined }].map(kindName), [
    "lares-amd64-docker",
    compatible,
    compatible,
  ]);
  for (const update of [docker, { compatible, flavour: undefined }]) t.true(requireKind(update, docker).ok);
  t.true(requireKind(docker, { compatible, flavour: undefined }).ok);
  const refused = requireKind({ compatible, flavour: "minimal" }, docker);
  t.like(refused.ok ? {} : refused.error, {
    code: "os_other_flavour",
    message: "the update is of the flavour minimal, and docker is wanted here",
    hint: "take lares-amd64-docker-….raucb; with -flavour=minimal the machine becomes one of that flavour",
  });
  const elsewhere = requireKind({ compatible: "lares-rpi", flavour: "docker" }, docker);
  t.like(elsewhere.ok ? {} : elsewhere.error, {
    code: "os_other_machine",
    message: "the update is for lares-rpi, this machine is lares-amd64",
  });
});

interface Wanted {
  readonly name: string;
  readonly type?: "service" | "batch";
  readonly attempts: number;
  readonly script: string;
}

function jobText({ name, type = "service", attempts, script }: Wanted): string {
  return `job "${name}" {
  type = "${type}"
  group "all" {
    restart {
      attempts = ${attempts}
      delay    = "1s"
      mode     = "fail"
    }
    reschedule {
      attempts  = 0
      unlimited = false
    }
    task "work" {
      driver = "raw_exec"
      config {
        command = "/bin/sh"
        args    = ["-c", "${script}"]
      }
    }
  }
}
`;
}

test("what ran before an update runs after it, or the update is turned down", async (t) => {
  const agent = await testAgent();
  t.teardown(() => agent.remove());
  const path = join(agent.dir, "data/client/state.jsonl");
  const patience = { path, steadyMs: 1500, timeoutMs: 60_000 };
  writeFileSync(join(agent.dir, "there"), "");
  const jobs: readonly Wanted[] = [
    { name: "needy", attempts: 2, script: `test -e ${agent.dir}/there && exec sleep 100000` },
    { name: "spent", attempts: 1, script: "exec sleep 100000" },
    { name: "moved", attempts: 1, script: "exec sleep 100000" },
    { name: "batch", type: "batch", attempts: 1, script: "exec sleep 100000" },
    { name: "failing", attempts: 0, script: "exit 1" },
  ];
  for (const job of jobs) {
    const file = join(agent.dir, `${job.name}.nomad.hcl`);
    writeFileSync(file, jobText(job));
    const { code, stderr } = await agent.lares("job", "run", "-detach", file);
    t.is(code, 0, stderr);
  }
  const phases = async (): Promise<string[]> =>
    [...(await readTasks(env.disk, path)).values()].flatMap(({ current, tasks }) =>
      Object.values(tasks).map(({ phase }) => `${current.job.ID} ${phase.kind}`),
    );
  const all = ["batch running", "failing dead", "moved running", "needy running", "spent running"];
  await until("all were begun", async () => (await phases()).toSorted().join() === all.join());
  const known = await readTasks(env.disk, path);
  t.deepEqual(ranSteadily(known, env.clock.nowMs()), [], "what just began may be what fails again and again");
  const ran = ranSteadily(known, env.clock.nowMs() + 61_000);
  t.deepEqual(ran.map(({ name }) => name).toSorted(), ["moved.all[0]", "needy.all[0]", "spent.all[0]"]);

  // As when the machine is started: the agent finds notes of what is no more.
  const powerOff = async (): Promise<void> => {
    const tasks = [...(await readTasks(env.disk, path)).values()].flatMap((each) => Object.values(each.tasks));
    await agent.kill();
    for (const { phase } of tasks)
      if (phase.kind === "running") process.kill(-Number(phase.handle.state["pid"]), "SIGKILL");
  };
  t.is((await agent.lares("job", "stop", "-detach", "moved")).code, 0);
  await until("it was stopped", async () => (await phases()).includes("moved dead"));
  await powerOff();
  t.deepEqual(
    (await missingTasks(env, ran, { ...patience, timeoutMs: 0 })).toSorted(),
    ["needy", "spent"].map((job) => `${job}.all[0] ran before: task work does not run: Task started by client`),
    "nothing is taken for running that no agent has taken up",
  );
  await agent.start();
  t.deepEqual(await missingTasks(env, ran, patience), []);

  const again = ranSteadily(await readTasks(env.disk, path), env.clock.nowMs() + 61_000);
  t.deepEqual(again.map(({ name }) => name).toSorted(), ["needy.all[0]", "spent.all[0]"]);
  await powerOff();
  rmSync(join(agent.dir, "there"));
  await agent.start();
  t.deepEqual(
    await missingTasks(env, again, patience),
    ["needy.all[0] ran before: task work failed: Exit Code: 1"],
    "the other's own policy allows it no further start",
  );
});

const FACTS: WaitingFacts = {
  Name: "lares-0002",
  Version: "1.2.3",
  Addresses: ["192.168.1.5"],
  Doing: "asks",
  Does: "It waits to be let in.",
  Codes: [{ Server: "192.168.1.4:4647", Code: "123 456" }],
  Said: "",
  Troubles: ["lares.hcl:3: there is no key hostnam"],
};
const HealthSchema = v.object({
  client: v.object({ ok: v.literal(false), message: v.string() }),
  server: v.object({ ok: v.literal(false), message: v.string() }),
  waiting: v.record(v.string(), v.unknown()),
});

function folder(t: ExecutionContext): string {
  const made = mkdtempSync(join(tmpdir(), "lares-waiting-"));
  t.teardown(() => rmSync(made, { recursive: true }));
  return made;
}

/** The page where this configuration puts the agent's API. */
async function serve(t: ExecutionContext, facts: () => Promise<WaitingFacts>, more = "") {
  const path = join(folder(t), "agent.hcl");
  const port = await freePort();
  writeFileSync(path, `bind_addr = "127.0.0.1"\nports { http = ${port} }\n${more}`);
  const close = await serveWaiting(env, path, waitingExchange(facts));
  t.teardown(close);
  return { port, at: `http://127.0.0.1:${port}`, close };
}

test("people get a page, programs an error that says why, and nobody changes anything", async (t) => {
  const { at } = await serve(t, () => Promise.resolve(FACTS));
  const page = await fetch(`${at}/`);
  t.is(page.status, 200);
  t.regex(page.headers.get("content-type") ?? "", /^text\/html/);
  t.regex(page.headers.get("content-security-policy") ?? "", /default-src 'none'/);
  const html = await page.text();
  for (const told of [/lares-0002/, /123 456/, /192\.168\.1\.5/, /1\.2\.3/, /waits to be let in/, /no key hostnam/])
    t.regex(html, told);
  for (const [, path = ""] of html.matchAll(/(?:href|src)="([^"]+)"/g))
    t.is((await fetch(`${at}${path}`)).status, 200, path);
  t.is((await fetch(`${at}/ui/jobs?x=1`, { redirect: "manual" })).headers.get("location"), "/");
  t.is((await fetch(`${at}/ui/`)).status, 200);
  const head = await fetch(`${at}/`, { method: "HEAD" });
  t.deepEqual([head.status, await head.text()], [200, ""]);
  const put = await fetch(`${at}/`, { method: "PUT", body: "x" });
  t.deepEqual([put.status, put.headers.get("allow")], [405, "GET, HEAD"]);
  t.is((await fetch(`${at}/elsewhere`)).status, 404);

  const health = await fetch(`${at}/v1/agent/health`);
  t.is(health.status, 500);
  const said = v.parse(HealthSchema, await health.json());
  t.is(
    said.server.message,
    "lares-0002 is not a member of a cluster yet. It waits to be let in. Its code for the cluster of 192.168.1.4:4647 is 123 456.",
  );
  t.deepEqual({ ...said.waiting }, { ...FACTS });
  const job = await fetch(`${at}/v1/jobs`, { method: "PUT", body: "x".repeat(200_000) });
  t.deepEqual([job.status, job.headers.get("retry-after")], [503, "5"]);
  t.regex(await job.text(), /^lares-0002 is not a member of a cluster yet\. .*\n$/);
  const { code, err } = await lares({ NOMAD_ADDR: at }, ["node", "status"]);
  t.is(code, 1);
  t.regex(err, /lares-0002 is not a member of a cluster yet.*123 456/s);
});

test("texts of others stay texts", (t) => {
  t.notThrows(() => new Script(WAITING_SCRIPT));
  const bare = waitingHtml({ ...FACTS, Codes: [], Troubles: [] });
  t.notRegex(bare, /id="(?:codes|troubles|said)"/);
  const tags = (html: string): readonly string[] => html.match(/<[^>]*>/g) ?? [];
  const nasty = fc.string({ unit: fc.constantFrom("<", ">", '"', "'", "&", "`", "=", "{", "}", "/", "a", " ", "\n") });
  fc.assert(
    fc.property(nasty, (text) => {
      const html = waitingHtml({
        ...FACTS,
        Name: text,
        Does: text,
        Said: text === "" ? "x" : text,
        Troubles: [text],
        Codes: [{ Server: text, Code: text }],
        Addresses: [text],
      });
      // The same elements, however the texts read; of attributes only the one that holds them all differs.
      const plain = waitingHtml({ ...FACTS, Said: "x" });
      const structure = (of: string): readonly string[] =>
        tags(of).map((tag) => tag.replace(/data-waiting="[^"]*"/, ""));
      return structure(html).join("\n") === structure(plain).join("\n");
    }),
  );
});

test("any target and method get an answer", async (t) => {
  const exchange = waitingExchange(() => Promise.resolve(FACTS));
  const target = fc.oneof(
    fc.string(),
    fc.webPath().map((path) => path || "/"),
    fc.webUrl(),
  );
  await fc.assert(
    fc.asyncProperty(target, fc.constantFrom("GET", "HEAD", "PUT", "OPTIONS", "x"), async (url, method) => {
      const from = { headers: {}, body: nothing(), remote: { host: "", port: 0 }, signal: AbortSignal.abort() };
      const { status } = await exchange({ method, url, ...from });
      t.true([200, 307, 404, 405, 500, 503].includes(status), `${method} ${url}: ${status}`);
    }),
  );
});

async function* nothing(): AsyncGenerator<Uint8Array> {}

test("what it does, its codes and its troubles are told as they change", async (t) => {
  const places = { run: folder(t), state: folder(t), boot: "" };
  const waiting = new Waiting(env.net, places);
  t.like(await waiting.facts(), { Name: hostname(), Doing: "seed", Codes: [], Troubles: [] });
  writeFileSync(join(places.run, "troubles"), "no room\n");
  waiting.looked({ codes: [], said: "cannot reach a server" });
  t.like(await waiting.facts(), { Doing: "looks", Said: "cannot reach a server", Troubles: ["no room"] });
  waiting.looked({ codes: [{ at: "10.0.0.1:4647", code: "000123" }], said: "" });
  t.like(await waiting.facts(), { Doing: "asks", Codes: [{ Server: "10.0.0.1:4647", Code: "000 123" }] });
  waiting.does("joins");
  t.like(await waiting.facts(), { Doing: "joins", Codes: [] });
});

test("the port is free for the agent at once, whoever still holds a connection", async (t) => {
  const { port, at, close } = await serve(t, () => Promise.resolve(FACTS));
  const agent = new Agent({ keepAlive: true });
  t.teardown(() => agent.destroy());
  await new Promise<void>((resolve, reject) => {
    request(`${at}/`, { agent }, (answer) => answer.resume().once("end", resolve))
      .once("error", reject)
      .end();
  });
  await close();
  const exchange = () => Promise.resolve({ status: 200, headers: {}, body: "the agent" });
  const next = await listenHttp({ at: { host: "127.0.0.1", port }, exchange, log: env.log });
  t.teardown(() => next.close(0));
  t.is(await (await fetch(at)).text(), "the agent");
});

test("its certificate is the agent's; without one, or with the port off, there is no page", async (t) => {
  const at = folder(t);
  const authority = testAuthority();
  const { ca } = authority;
  const pems = { ca, ...authority.issue(["waiting.test"]) };
  for (const [name, pem] of Object.entries(pems)) writeFileSync(join(at, name), pem);
  const tls = `tls {\n http = true\n ca_file = "${at}/ca"\n cert_file = "${at}/cert"\n key_file = "${at}/key"\n}\n`;
  const { port } = await serve(t, () => Promise.resolve(FACTS), tls);
  const ask = (scheme: string) =>
    env.http.request({
      url: `${scheme}://127.0.0.1:${port}/`,
      timeoutMs: 10_000,
      tls: { ca, serverName: "waiting.test" },
    });
  const answer = await ask("https");
  t.is(answer.status, 200);
  t.regex(await answer.text(), /123 456/);
  await t.throwsAsync(ask("http"));
  await t.throwsAsync(
    serve(t, () => Promise.resolve(FACTS), "tls { http = true }\n"),
    { message: /there is no certificate/ },
  );
  const off = join(folder(t), "off.hcl");
  writeFileSync(off, "ports { http = 0 }\n");
  await (
    await serveWaiting(
      env,
      off,
      waitingExchange(() => Promise.resolve(FACTS)),
    )
  )();
  t.pass();
});
