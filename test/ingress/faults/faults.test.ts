import { execFileSync, spawnSync } from "node:child_process";
import {
  copyFileSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import type { Instance } from "#base/client/templates/dependency.ts";
import type { IngressOptions } from "#ingress/ingress-options.ts";
import { testAgent } from "../../scenario/agent.ts";
import { removeAgent } from "../../scenario/faults/tasks-of.ts";
import { instance } from "../catalog.ts";
import { ask, at, live, site, until, type Live } from "../live.ts";
import { register, startRole } from "../role-process.ts";

const LOOK = { lookMs: 300 };

async function running(t: ExecutionContext, options: Partial<IngressOptions> = {}): Promise<Live> {
  const started = await live(options);
  t.teardown(() => started.remove());
  return started;
}

async function served(t: ExecutionContext, text: string): Promise<number> {
  const { port, server } = await site(text);
  t.teardown(() => void server.close());
  return port;
}

/** HAProxy's master of an ingress and all its workers. */
function processesOf(dir: string): { readonly master: number; readonly all: readonly number[] } {
  const pids = (words: readonly string[]): readonly number[] =>
    spawnSync("pgrep", words, { encoding: "utf8" })
      .stdout.split("\n")
      .filter((line) => line !== "")
      .map(Number);
  const all = pids(["-f", `${dir}/haproxy.cfg`]);
  const master = all.find((pid) => !all.includes(parentOf(pid))) ?? 0;
  return { master, all };
}

/** Its master and its only worker, once those of former configurations have ended. */
async function alone(dir: string): Promise<{ readonly master: number; readonly worker: number }> {
  let found = { master: 0, worker: 0 };
  await until("a master with one worker", () => {
    const { master, all } = processesOf(dir);
    const worker = all.find((pid) => pid !== master) ?? 0;
    found = { master, worker };
    return Promise.resolve(all.length === 2 && parentOf(worker) === master);
  });
  return found;
}

function parentOf(pid: number): number {
  try {
    return Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
  } catch {
    return 0;
  }
}

test.serial("HAProxy that hangs is noticed and replaced; one whose sockets are gone, too", async (t) => {
  t.timeout(300_000);
  const [one, two] = [await served(t, "one"), await served(t, "two")];
  const { catalog, port, dir, ingress } = await running(t, LOOK);
  catalog.set([at("web", one, ["lares.path=/"])]);
  await until("it serves", async () => (await ask(port, "/")) === "200 one");
  const { master, worker } = await alone(dir);
  for (const pid of [master, worker]) process.kill(pid, "SIGSTOP");
  // What changes meanwhile is not lost.
  catalog.set([at("web", two, ["lares.path=/"])]);
  await until("another is in its place", () => Promise.resolve(processesOf(dir).master !== master), 60_000);
  await until("it serves what came meanwhile", async () => (await ask(port, "/")) === "200 two", 60_000);
  t.not((await alone(dir)).master, master);

  // A worker alone. What failed while HAProxy hung is tried again first: that may be a reload, which brings a worker by itself.
  await until("nothing is left to try again", () => Promise.resolve(ingress.status().failure === ""));
  const before = await alone(dir);
  process.kill(before.worker, "SIGSTOP");
  await until("another is in its place", () => Promise.resolve(processesOf(dir).master !== before.master), 60_000);
  await until("it serves", async () => (await ask(port, "/")) === "200 two", 60_000);

  for (const socket of ["haproxy.sock", "master.sock"]) {
    const [now, text] = (await ask(port, "/")) === "200 two" ? [one, "one"] : [two, "two"];
    rmSync(join(dir, socket), { force: true });
    catalog.set([at("web", now, ["lares.path=/"]), at("new", now, [`lares.path=/${socket}`])]);
    await until(`${socket} gone`, async () => (await ask(port, "/")) === `200 ${text}`, 60_000);
    await until("it is back", () => Promise.resolve(isThere(join(dir, socket))), 60_000);
  }
});

test.serial("HAProxy that takes its time to come up is given it", async (t) => {
  t.timeout(180_000);
  const folder = mkdtempSync(join(tmpdir(), "lares-haproxy-"));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const program = join(folder, "haproxy");
  const debian = execFileSync("sh", ["-c", "command -v haproxy"], { encoding: "utf8" }).trim();
  // A check is quick; what then runs waits for ten looks.
  writeFileSync(program, `#!/bin/sh\n[ "$1" = -c ] || sleep 3\nexec ${debian} "$@"\n`, { mode: 0o755 });
  const one = await served(t, "one");
  const { catalog, port } = await running(t, { ...LOOK, haproxyProgram: program });
  catalog.set([at("web", one, ["lares.path=/"])]);
  await until("it serves", async () => (await ask(port, "/")) === "200 one", 60_000);
  t.is(await ask(port, "/"), "200 one");
});

/** Empty: it has ended meanwhile. */
function programOf(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/exe`);
  } catch {
    return "";
  }
}

function isThere(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

test.serial("HAProxy that was upgraded is reloaded into the new program, without a lost request", async (t) => {
  t.timeout(180_000);
  const folder = mkdtempSync(join(tmpdir(), "lares-haproxy-"));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const program = join(folder, "haproxy");
  const debian = execFileSync("sh", ["-c", "command -v haproxy"], { encoding: "utf8" }).trim();
  copyFileSync(debian, program);
  const { catalog, port, dir } = await running(t, { ...LOOK, haproxyProgram: program });
  const web = await served(t, "web");
  catalog.set([at("web", web, ["lares.path=/"])]);
  await until("it serves", async () => (await ask(port, "/")) === "200 web");
  const { master } = await alone(dir);
  t.is(readlinkSync(`/proc/${master}/exe`), program);
  const seen = new Set<string>();
  let isOver = false;
  t.teardown(() => void (isOver = true));
  const load = (async () => {
    while (!isOver) seen.add(await ask(port, "/"));
  })();
  // As dpkg does.
  copyFileSync(debian, `${program}.dpkg-new`);
  renameSync(`${program}.dpkg-new`, program);
  const isNew = (): boolean => processesOf(dir).all.some((pid) => pid !== master && programOf(pid) === program);
  await until("a worker of the new program", () => Promise.resolve(isNew()), 30_000);
  await until("the master is the new program", () => Promise.resolve(programOf(master) === program));
  isOver = true;
  await load;
  t.deepEqual([...seen], ["200 web"]);
});

test.serial("a server that dies before anybody says so costs no request: each is tried elsewhere", async (t) => {
  t.timeout(180_000);
  const sites = await Promise.all(["one", "two", "three", "four"].map((text) => site(text)));
  t.teardown(() => sites.forEach(({ server }) => void server.close()));
  const it = await running(t);
  const { catalog, port } = it;
  catalog.set(sites.map((one) => at("web", one.port, ["lares.path=/"])));
  const all = new Set<string>();
  await until("all four serve", async () => all.add(await ask(port, "/")).size >= 4 && all.has("200 four"));
  sites[3]?.server.close();
  sites[3]?.server.closeAllConnections();
  const seen = new Set<string>();
  const load = async (): Promise<void> => {
    for (let number = 0; number < 60; number++) seen.add(await ask(port, "/"));
  };
  await Promise.all(Array.from({ length: 5 }, load));
  t.deepEqual([...seen].toSorted(), ["200 one", "200 three", "200 two"]);
  const [head = [], ...rows] = (await it.socket("show stat")).split("\n").map((line) => line.split(","));
  const column = head.indexOf("wredis");
  t.true(
    rows.some((row) => row[0]?.startsWith("web-") === true && Number(row[column]) > 0),
    "some met the dead one first",
  );
});

test.serial("a full disk: servers go on being changed, new routes wait for room, and the files follow", async (t) => {
  t.timeout(180_000);
  const disk = mkdtempSync(join(tmpdir(), "lares-full-"));
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "lares-ingress-test", disk]);
  t.teardown(() => {
    execFileSync("umount", ["-l", disk]);
    rmSync(disk, { recursive: true });
  });
  const log = join(tmpdir(), `lares-full-${process.pid}.log`);
  t.teardown(() => rmSync(log, { force: true }));
  const [one, two] = [await served(t, "one"), await served(t, "two")];
  const { catalog, port, ingress } = await running(t, { dir: disk, accessLog: { appendTo: log } });
  catalog.set([at("web", one, ["lares.path=/"])]);
  await until("it serves", async () => (await ask(port, "/")) === "200 one");
  const fill = spawnSync("dd", ["if=/dev/zero", `of=${disk}/fill`, "bs=1k"], { encoding: "utf8" });
  t.regex(fill.stderr, /No space left/);
  catalog.set([at("web", two, ["lares.path=/"])]);
  await until("a server is changed in the running process", async () => (await ask(port, "/")) === "200 two");
  await until("it is told", () => Promise.resolve(/ENOSPC/.test(ingress.status().failure)));
  t.regex(readFileSync(`${disk}/haproxy.cfg`, "utf8"), new RegExp(`127.0.0.1:${one} `), "the old file is whole");
  catalog.set([at("web", two, ["lares.path=/"]), at("new", one, ["lares.path=/new"])]);
  await until("a new route has to wait", () =>
    Promise.resolve(/cannot write the new configuration/.test(ingress.status().failure)),
  );
  t.is(await ask(port, "/new"), "200 two", "what is served goes on");
  rmSync(`${disk}/fill`);
  await until("there is room again", async () => (await ask(port, "/new")) === "200 one", 30_000);
  await until("all is well", () => Promise.resolve(ingress.status().failure === ""), 30_000);
  t.regex(readFileSync(`${disk}/haproxy.cfg`, "utf8"), new RegExp(`127.0.0.1:${two} `));
});

test.serial("ten thousand endpoints that flap: everything else is served, and the end is the catalog's", async (t) => {
  t.timeout(180_000);
  const [services, each] = [100, 100];
  const steady = await served(t, "steady");
  const it = await running(t);
  const { catalog, port, ingress } = it;
  const flapping = (round: number): readonly Instance[] =>
    Array.from({ length: services * each }, (_, number) => ({
      ...instance(`s${number % services}`, Math.floor(number / services), [`lares.host=s${number % services}.test`]),
      passing: (number * 7 + round) % 3 !== 0,
    }));
  const always = at("steady", steady, ["lares.path=/"]);
  catalog.set([always, ...flapping(0)]);
  await until("it serves", async () => (await ask(port, "/")) === "200 steady", 60_000);
  await until("all routes are there", () => Promise.resolve(ingress.status().routeCount === services + 1), 60_000);
  const seen = new Map<string, number>();
  let isOver = false;
  t.teardown(() => void (isOver = true));
  const load = (async () => {
    while (!isOver) {
      const said = await ask(port, "/");
      seen.set(said, (seen.get(said) ?? 0) + 1);
    }
  })();
  for (let round = 1; round <= 10; round++) {
    catalog.set([always, ...flapping(round)]);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const last = flapping(11);
  catalog.set([always, ...last, at("late", steady, ["lares.path=/late"])]);
  await until("one more route, at once", async () => (await ask(port, "/late")) === "200 steady", 60_000);
  isOver = true;
  await load;
  t.deepEqual([...seen.keys()], ["200 steady"], "nothing was lost meanwhile");
  const up = async (): Promise<number> => {
    const lines = (await it.socket("show servers state")).split("\n").map((line) => line.split(" "));
    return lines.filter(([, backend = "", , , , , admin]) => /^s\d/.test(backend) && admin === "0").length;
  };
  const wanted = last.filter(({ passing }) => passing).length;
  await until("HAProxy has what the catalog says", async () => (await up()) === wanted, 60_000);
  t.true(ingress.status().haproxy.reloads < 10, "no reload for an endpoint");
});

test.serial(
  "two services claim one host: one has it, the other is told; the catalog is out of reach: what was known is served",
  async (t) => {
    t.timeout(180_000);
    const agent = await testAgent();
    t.teardown(() => removeAgent(agent));
    const [one, two] = [await served(t, "one"), await served(t, "two")];
    const role = await startRole(agent, { node: "lonely" });
    t.teardown(() => role.stop());
    await register(agent, { name: "first", port: one, tags: ["lares.path=/"] });
    await register(agent, { name: "second", port: two, tags: ["lares.path=/"] });
    await until("one is served", async () => (await ask(role.http, "/")) === "200 one");
    await until("the other is told", async () =>
      (await role.status()).problems.some(({ message }) => /served by the service first already/.test(message)),
    );
    await register(agent, { name: "second", port: two, tags: ["lares.path=/", "lares.priority=1"] });
    await until("a priority decides", async () => (await ask(role.http, "/")) === "200 two");
    t.is(await ask(role.admin, "/health"), "200 ok");

    await agent.kill();
    await until("HAProxy itself says so", async () =>
      /^200 ok, but the catalog is out of reach since \d{4}-\d\d-\d\dT[\d:.]+Z/.test(await ask(role.admin, "/health")),
    );
    t.is(await ask(role.http, "/"), "200 two");
    await until("and its log", () => Promise.resolve(role.said().includes("the catalog cannot be reached")));
    await agent.start();
    await register(agent, { name: "second", port: one, tags: ["lares.path=/", "lares.priority=1"] });
    await until("it follows again", async () => (await ask(role.http, "/")) === "200 one", 90_000);
    await until("and says so", async () => (await ask(role.admin, "/health")) === "200 ok");
  },
);
