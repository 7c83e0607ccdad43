import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import test from "ava";
import * as v from "valibot";
import { freePorts } from "#test/free-ports.ts";
import { startPrivateDockerd, type PrivateDockerd } from "#cli/setup/private-dockerd.ts";
import { docker, testAgent, until, type TestAgent } from "../agent.ts";
import { makeTestImage } from "../../drivers/test-image.ts";
import {
  allocs,
  CONTAINER,
  file,
  IMAGE,
  jobText,
  messages,
  occupy,
  purge,
  refusal,
  release,
  run,
  running,
  SHELL,
  work,
} from "./jobs.ts";
import { cmdlineOf, endTasks, processesOf, procText, removeAgent, sleepers } from "./tasks-of.ts";
import { upload } from "./upload.ts";
import { fuzzHttp } from "./fuzz-http.ts";

/** What can go wrong in a running agent: each fault has a clear message, and nothing is lost. One agent serves most tests. */
let agent: TestAgent;

test.before(async (t) => {
  t.timeout(60_000);
  makeTestImage(IMAGE, {});
  agent = await testAgent({ logLevel: "debug" });
});

test.after.always(async () => {
  await removeAgent(agent);
  docker("rmi", "-f", IMAGE);
  rmSync(work, { recursive: true, force: true });
});

test("broken HCL and unknown keys in a job file: where, what, the nearest known one; and nothing is registered", async (t) => {
  const refused = async (name: string, text: string): Promise<string> => {
    const path = file(`${name}.nomad.hcl`, text);
    const { code, stderr } = await agent.lares("job", "run", path);
    t.is(code, 1, stderr);
    return stderr.replaceAll(path, "FILE");
  };
  const unclosed = await refused(
    "unclosed",
    'job "broken" {\n  group "g" {\n    task "t" {\n      driver = "raw_exec\n',
  );
  t.regex(unclosed, /FILE:4:16: error: this string is not closed/);
  t.regex(unclosed, /\^\^\^/, "a caret");
  const unknown = await refused(
    "unknown",
    jobText("broken", { config: SHELL("true"), group: "cuont = 2", task: "resorces {}" }),
  );
  t.regex(unknown, /FILE:9:5: error: unknown attribute "cuont" in group/);
  t.regex(unknown, /did you mean "count"\?/);
  t.regex(unknown, /unknown block "resorces" in task[^]*did you mean "resources"\?/);
  const parse = await fetch(`${agent.nomad}/v1/jobs/parse`, { method: "POST", body: '{"JobHCL":"job {"}' });
  t.is(parse.status, 400);
  const unreadable = await fetch(`${agent.nomad}/v1/jobs`, { method: "PUT", body: '{"Job":{"ID":"broken",' });
  t.is(unreadable.status, 400);
  t.regex(await unreadable.text(), /line 1|position|column|JSON/i);
  t.is((await fetch(`${agent.nomad}/v1/job/broken`)).status, 404);

  // A driver's own keys are known to the driver: the task fails at once and says so.
  await run(agent, "unknown-config", { config: 'comand = "/bin/true"' });
  await until("the driver refuses", async () =>
    /no key "comand" \(did you mean command\?\)/.test(await messages(agent, "unknown-config")),
  );
  await purge(agent, "unknown-config");
});

test("the agent's own configuration: every mistake is shown, and nothing was made", async (t) => {
  const data = join(work, "never");
  const wrong = await refusal(`data_dir = "${data}"\nserver {\n  enabeld = true\n}\nplugn "docker" {}\n`);
  t.is(wrong.code, 1);
  t.regex(wrong.said, /:3:3: error: unknown attribute "enabeld" in server[^]*did you mean "enabled"\?/);
  t.regex(wrong.said, /:5:1: error: unknown block "plugn"[^]*did you mean "plugin"\?/);
  t.false(existsSync(data));
  const options = await refusal(
    `data_dir = "${join(work, "options")}"\nserver { enabled = true }\nclient { enabled = true }\nports {\n  http = 0\n  consul = 0\n  dns = 0\n}\n` +
      `plugin "raw_exec" {\n  config { enabeld = true }\n}\nplugin "docker" {\n  config { endpint = "x" }\n}\nplugin "dokcer" {}\n`.replaceAll(
        /config \{ (.*) \}/g,
        "config {\n $1\n}",
      ),
  );
  t.is(options.code, 1);
  t.regex(options.said, /raw_exec plugin config has no key "enabeld"; did you mean enabled\?/);
  t.regex(options.said, /docker plugin config has no key "endpint"; did you mean endpoint\?/);
  t.regex(options.said, /no plugin "dokcer" to configure; did you mean "docker"\?/);
  const relative = await refusal('data_dir = "here"\nserver { enabled = true }\n');
  t.regex(relative.said, /data_dir "here" is not an absolute path; begin it with/);
});

test("impossible resources: the job waits, says what is short, and runs as soon as it asks for less", async (t) => {
  await run(agent, "huge", { config: SHELL("exec sleep 1000"), memory: 99_999_999 });
  let status = "";
  await until("the evaluation ended", async () => {
    status = (await agent.lares("job", "status", "huge")).stdout;
    return /memory/i.test(status);
  });
  t.regex(status, /memory/i, status);
  t.is((await allocs(agent, "huge")).length, 0);
  await run(agent, "huge", { config: SHELL("exec sleep 1000") });
  await until("it runs", async () => (await running(agent, "huge")).length === 1);
  await purge(agent, "huge");
});

test("a port another program has: tasks say so, and run once it is free", async (t) => {
  const [forProcess = 0, forContainer = 0] = await freePorts(2);
  const squatters = [await occupy(forProcess), await occupy(forContainer)];
  t.teardown(() => Promise.all(squatters.map(release)));
  const network = (port: number): string => `network {\n      port "p" { static = ${port} }\n    }`;
  const listen = `exec ${process.execPath} -e 'require("net").createServer().listen(process.env.NOMAD_PORT_p, "127.0.0.1")'`;
  await run(agent, "port-process", { config: SHELL(listen), group: network(forProcess) });
  await run(agent, "port-container", {
    driver: "docker",
    config: `${CONTAINER("exec sleep 1000")}\n        ports = ["p"]`,
    group: network(forContainer),
  });
  await until("the container's port is reported", async () =>
    new RegExp(`cannot start the container: .*${forContainer}.*already`, "i").test(
      await messages(agent, "port-container"),
    ),
  );
  t.regex(await messages(agent, "port-container"), /another program holds that port/);
  await until("the process' end is reported", async () => /Exit Code: 1/.test(await messages(agent, "port-process")));
  t.regex(await messages(agent, "port-process"), new RegExp(`port ${forProcess} .*another program`));
  const [process_] = await allocs(agent, "port-process");
  const logs = await agent.lares("alloc", "logs", "-stderr", process_?.ID ?? "");
  t.regex(logs.stdout, /EADDRINUSE/, "its own words are in its log");
  await Promise.all(squatters.map(release));
  await until(
    "both run",
    async () =>
      (await running(agent, "port-process")).length === 1 && (await running(agent, "port-container")).length === 1,
  );
  await Promise.all([purge(agent, "port-process"), purge(agent, "port-container")]);
});

test("an image that does not exist: named, tried again, and run once it is there", async (t) => {
  const image = `lares-faults-later-${process.pid}:1`;
  await run(agent, "image-later", { driver: "docker", config: CONTAINER("exec sleep 1000").replace(IMAGE, image) });
  await until("the missing image is reported", async () => (await messages(agent, "image-later")).includes(image));
  const said = await messages(agent, "image-later");
  t.regex(said, /pull|image/i);
  docker("tag", IMAGE, image);
  await until("it runs", async () => (await running(agent, "image-later")).length === 1);
  await purge(agent, "image-later");
  docker("rmi", image);
});

test("the agent's ports taken by another program: which part wanted which, and the setting that moves it", async (t) => {
  const [taken = 0] = await freePorts(1);
  const squatter = await occupy(taken);
  t.teardown(() => release(squatter));
  for (const [key, name] of [
    ["http", "Nomad API"],
    ["consul", "Consul API"],
    ["dns", "DNS server"],
  ] as const) {
    const ports = Object.entries({ http: 0, consul: 0, dns: 0, [key]: taken })
      .map(([port, number]) => `  ${port} = ${number}\n`)
      .join("");
    const data = join(work, `taken-${key}`);
    const { code, said } = await refusal(`data_dir = "${data}"\nserver { enabled = true }\nports {\n${ports}}\n`);
    t.is(code, 1, said);
    t.regex(said, new RegExp(`the ${name} cannot listen on 127\\.0\\.0\\.1:${taken}: EADDRINUSE`));
    t.regex(said, new RegExp(`ports \\{ ${key} = `));
    t.false(existsSync(join(data, "state/state.pid")), "the folder is given back");
  }
});

test("requests of 100 MB are refused by every API at once; the agent keeps its memory and answers on", async (t) => {
  const rss = (): number =>
    Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${agent.pid()}/status`, "utf8"))?.[1] ?? 0) / 1024;
  const before = rss();
  const size = 100 * 1024 * 1024;
  const targets = [
    [agent.nomad, "PUT", "/v1/jobs"],
    [agent.nomad, "POST", "/v1/jobs/parse"],
    [agent.consul, "PUT", "/v1/kv/huge"],
    [agent.consul, "PUT", "/v1/txn"],
    [agent.consul, "PUT", "/v1/agent/service/register"],
  ] as const;
  for (const [base, method, path] of targets) {
    for (const declared of [true, false]) {
      const { status, text } = await upload(`${base}${path}`, { method, size, declared });
      t.is(status, 413, `${method} ${path} ${declared ? "with" : "without"} a length: ${status} ${text}`);
      t.regex(text, /limit|large|at most|bytes|MiB/i);
    }
  }
  t.is((await fetch(`${agent.consul}/v1/kv/huge`)).status, 404);
  t.true(rss() - before < 100, `peak memory grew from ${before} to ${rss()} MiB`);
});

test("half-open and silent connections: everybody else is served", async (t) => {
  const sockets: Socket[] = [];
  t.teardown(() => sockets.forEach((socket) => socket.destroy()));
  const ports = [new URL(agent.nomad).port, new URL(agent.consul).port, agent.dnsPort].map(Number);
  for (const port of ports) {
    for (const first of [
      "",
      "GET /v1/jobs HTT",
      "PUT /v1/kv/half HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\nabc",
    ]) {
      for (let n = 0; n < 15; n++) {
        const socket = connect({ host: "127.0.0.1", port, allowHalfOpen: true });
        socket.on("error", () => undefined);
        socket.once("connect", () => {
          socket.write(first);
          if (n % 3 === 0) socket.end();
        });
        sockets.push(socket);
      }
    }
  }
  await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.once("connect", resolve))));
  t.is((await fetch(`${agent.nomad}/v1/agent/health`)).status, 200);
  t.is((await fetch(`${agent.consul}/v1/agent/self`)).status, 200);
  t.is((await fetch(`${agent.consul}/v1/kv/half`)).status, 404);
});

test("random requests on its ports: the agent lives, and answers no 500", async (t) => {
  const pid = agent.pid();
  const seen = await fuzzHttp([agent.nomad, agent.consul], { requests: 1500, seed: 20_260_101 });
  t.is(agent.pid(), pid);
  t.is((await fetch(`${agent.nomad}/v1/agent/health`)).status, 200);
  t.true(seen.answered > 1000, JSON.stringify(seen));
  t.deepEqual(seen.failures, []);
});

test("update, scale and stop along the path: what runs is what was asked for", async (t) => {
  const text = (seconds: number): string =>
    jobText("path", {
      config: SHELL(`exec sleep ${seconds}`),
      group: 'count = 2\n update {\n min_healthy_time = "100ms"\n }',
    });
  const path = file("path.nomad.hcl", text(1001));
  t.is((await agent.lares("job", "run", "-detach", path)).code, 0);
  await until("two run", async () => (await running(agent, "path")).length === 2);
  writeFileSync(path, text(1002));
  t.is((await agent.lares("job", "run", "-detach", path)).code, 0);
  await until("the new version runs, the old one does not", async () => {
    const now = await running(agent, "path");
    return now.length === 2 && now.every(({ JobVersion }) => JobVersion === 1);
  });
  const scaled = async () => (await agent.lares("job", "scale", "path", "g", "1")).code === 0;
  await until("its deployment is over and it can be scaled", scaled);
  await until("one is left", async () => (await running(agent, "path")).length === 1);
  await until("one process is left", () => sleepers(agent.dir, 1002).length === 1);
  t.is((await agent.lares("job", "stop", "path")).code, 0);
  await until("none is left", () => sleepers(agent.dir, 1002).length === 0);
  t.is((await agent.lares("job", "stop", "no-such-job")).code, 1);
});

test("chatty tasks: their logs stay within max_files and max_file_size, and the newest output is there", async (t) => {
  // All at once, in lines of 99 bytes.
  const chat = (lines: number): string =>
    `i=0; while [ $i -lt ${lines} ]; do echo "line $i of a very chatty task that says the same thing over and over again, padded to a hundred"; i=$((i+1)); done; echo the last line; exec sleep 1000`;
  const logs = (files: number): string => `logs {\n        max_files = ${files}\n        max_file_size = 1\n      }`;
  await run(agent, "chatty-process", { config: SHELL(chat(80_000)), task: logs(2) });
  await run(agent, "chatty-one-file", { config: SHELL(chat(80_000)), task: logs(1) });
  await run(agent, "chatty-container", {
    driver: "docker",
    config: CONTAINER(chat(40_000)),
    task: logs(2),
    memory: 64,
  });
  for (const [job, files] of [
    ["chatty-process", 2],
    ["chatty-one-file", 1],
    ["chatty-container", 2],
  ] as const) {
    await until(`${job} runs`, async () => (await running(agent, job)).length === 1);
    const [alloc] = await running(agent, job);
    const folder = join(agent.dir, "data/alloc", alloc?.ID ?? "", "alloc/logs");
    const used = (): number =>
      readdirSync(folder).reduce(
        (sum, name) => sum + (statSync(join(folder, name), { throwIfNoEntry: false })?.blocks ?? 0) * 512,
        0,
      );
    const said = async (): Promise<string> =>
      (await agent.lares("alloc", "logs", "-tail", "-n", "1", alloc?.ID ?? "")).stdout;
    await until(`${job}: all is said`, async () => /the last line/.test(await said()));
    await until(`${job}: the room is given back`, () => used() <= (files + 1) * 1024 * 1024);
    // An older file goes a moment after a newer one is begun.
    const count = (): number => readdirSync(folder).filter((name) => name.startsWith("t.stdout.")).length;
    await until(`${job}: there are ${files} files at most`, () => count() <= files);
    t.true(count() <= files);
  }
  await Promise.all(["chatty-process", "chatty-one-file", "chatty-container"].map((job) => purge(agent, job)));
});

test("secrets stay secret: modes of the data folder, nothing in logs or process lists, no writes from other sites", async (t) => {
  const secret = `s3cr3t-${process.pid}-${Date.now()}`;
  await run(agent, "secretive", {
    config: SHELL("exec sleep 1000"),
    task: `env { PASSWORD = "${secret}" }`,
  });
  t.is((await agent.lares("kv", "put", "password", secret)).code, 0);
  await until("it runs", async () => (await running(agent, "secretive")).length === 1);
  const [alloc] = await running(agent, "secretive");
  const data = join(agent.dir, "data");
  const mode = (path: string): string => (statSync(join(data, path)).mode & 0o777).toString(8);
  for (const folder of ["state", "client", "discovery", `alloc/${alloc?.ID ?? ""}/t/secrets`])
    t.is(mode(folder), "700", folder);
  for (const folder of ["", "alloc"]) t.is(mode(folder), "711", folder);
  for (const folder of ["state", "client", "discovery"]) {
    for (const name of readdirSync(join(data, folder), { recursive: true, encoding: "utf8" })) {
      // Some of them are there for a moment only.
      const stat = statSync(join(data, folder, name), { throwIfNoEntry: false });
      if (stat?.isFile() === true) t.is((stat.mode & 0o777).toString(8), "600", `${folder}/${name}`);
    }
  }
  t.false(agent.log().includes(secret), "not in the agent's log, at debug level");
  const lines = readdirSync("/proc")
    .filter((pid) => /^\d+$/.test(pid))
    .map((pid) => cmdlineOf(Number(pid)));
  t.false(
    lines.some((line) => line.includes(secret) && !line.includes(" kv put ")),
    "not in anybody's command line",
  );

  const foreign = { origin: "https://evil.example", "content-type": "text/plain" };
  for (const [url, body] of [
    [`${agent.nomad}/v1/jobs`, "{}"],
    [`${agent.consul}/v1/kv/password`, "stolen"],
  ] as const) {
    const answer = await fetch(url, { method: "PUT", headers: foreign, body });
    t.is(answer.status, 403, url);
    t.regex(await answer.text(), /origin|site/i);
  }
  t.is(await (await fetch(`${agent.consul}/v1/kv/password?raw`)).text(), secret);
  await purge(agent, "secretive");
});

test("an agent that others can reach says so; by default it is reached from this machine only", async (t) => {
  const [http = 0, consul = 0, dns = 0] = await freePorts(3);
  const addresses = async (bind: string): Promise<{ log: string; listening: string }> => {
    const other = await testAgent({ logLevel: "info", config: bind, bind: null, ports: { http, consul, dns } });
    const listening = execFileSync("ss", ["-Hlntup"], { encoding: "utf8" })
      .split("\n")
      .filter((line) => line.includes(`pid=${other.pid()},`))
      .join("\n");
    await other.stop();
    await other.remove();
    return { log: other.log(), listening };
  };
  const closed = await addresses("");
  t.regex(closed.listening, new RegExp(`127\\.0\\.0\\.1:${http}`));
  t.notRegex(closed.listening, /0\.0\.0\.0:\d|\*:\d+ |\[::\]:\d/, closed.listening);
  t.notRegex(closed.log, /other machines/);
  const open = await addresses('bind_addr = "0.0.0.0"');
  t.regex(open.log, /the Nomad API can be reached from other machines/);
  t.regex(open.log, /the Consul API can be reached from other machines/);
});

test("SIGTERM: an agent leaves its tasks to the next one, `-dev` ends them; the next one reads its new configuration", async (t) => {
  const other = await testAgent({ logLevel: "info" });
  t.teardown(() => removeAgent(other));
  await run(other, "left", { config: SHELL("exec sleep 1003") });
  await until("it runs", async () => (await running(other, "left")).length === 1);
  const before = await running(other, "left");
  await until("its shell has become what it runs", () => sleepers(other.dir, 1003).length === 1);
  t.is(await other.stop(), 0);
  const left = sleepers(other.dir, 1003);
  t.is(left.length, 1, "the task runs on");
  const path = join(other.dir, "agent.hcl");
  writeFileSync(
    path,
    readFileSync(path, "utf8")
      .replace("server {", 'datacenter = "elsewhere"\nserver {')
      .replace("enabled           = true", 'enabled = true\n  meta {\n    rack = "r1"\n  }'),
  );
  await other.start();
  await until("it is found again", async () => (await running(other, "left")).length === 1);
  t.is((await running(other, "left"))[0]?.ID, before[0]?.ID);
  t.deepEqual(sleepers(other.dir, 1003), left);
  await until("the node says what is new", async () => {
    const [node] = v.parse(v.array(v.object({ ID: v.string(), Datacenter: v.string() })), await other.get("/v1/nodes"));
    const { Meta } = v.parse(
      v.object({ Meta: v.record(v.string(), v.string()) }),
      await other.get(`/v1/node/${node?.ID ?? ""}`),
    );
    return node?.Datacenter === "elsewhere" && Meta["rack"] === "r1";
  });
  await purge(other, "left");
  await until("its task has ended", () => processesOf(other.dir).length === 0);
  t.is(await other.stop(), 0);
  t.deepEqual(processesOf(other.dir), []);

  const dev = await testAgent({ flags: ["-dev"], logLevel: "info" });
  t.teardown(() => removeAgent(dev));
  await run(dev, "ended", { config: SHELL("exec sleep 1004") });
  await run(dev, "ended-container", { driver: "docker", config: CONTAINER("exec sleep 1004") });
  await until(
    "they run",
    async () => (await running(dev, "ended")).length + (await running(dev, "ended-container")).length === 2,
  );
  const [container] = await running(dev, "ended-container");
  t.is(await dev.stop(), 0);
  // What waited for a task ends right after it.
  await until("nothing of its tasks is left", () => processesOf(dev.dir).length === 0);
  t.is(docker("ps", "-aq", "--filter", `label=com.hashicorp.nomad.alloc_id=${container?.ID ?? ""}`), "");
});

test("a data folder of another version is left as it is, and the agent says what to do", async (t) => {
  const other = await testAgent({ logLevel: "info" });
  t.teardown(() => removeAgent(other));
  t.is(await other.stop(), 0);
  const state = join(other.dir, "data/state/state.db");
  const change = (format: number): void => {
    const database = new DatabaseSync(state);
    database.exec(`UPDATE meta SET value = ${format} WHERE name = 'format'`);
    database.close();
  };
  change(2);
  const before = readFileSync(state);
  const { code, said } = await refusal(readFileSync(join(other.dir, "agent.hcl"), "utf8"));
  t.is(code, 1);
  t.regex(said, /state\.db has format 2, this lares reads format 1: run the version that wrote it/);
  t.deepEqual(readFileSync(state), before);
  change(1);
  await other.start();
});

const SMALL = {
  group: "ephemeral_disk { size = 10 }",
  task: "logs {\n        max_files = 1\n        max_file_size = 1\n      }",
};

test("a full disk: writes are refused with words, reads and tasks go on, and nothing is lost when there is room", async (t) => {
  t.timeout(180_000);
  t.is(process.getuid?.(), 0, "only root can mount the small file system that fills up");
  const other = await testAgent({
    logLevel: "info",
    prepare: (dir) => {
      mkdirSync(`${dir}/data`);
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=64m", "lares-faults", `${dir}/data`]);
    },
  });
  const filler = join(other.dir, "data/filler");
  t.teardown(async () => {
    await endTasks(other);
    await other.remove();
  });
  t.is((await other.lares("kv", "put", "before", "kept")).code, 0);
  await run(other, "steady", { config: SHELL("exec sleep 1006"), ...SMALL });
  await run(other, "shaken", { config: SHELL("exec sleep 1007"), ...SMALL });
  const bothRun = async (): Promise<boolean> =>
    (await running(other, "steady")).length + (await running(other, "shaken")).length === 2;
  await until(
    "both run",
    async () => (await bothRun()) && [1006, 1007].every((seconds) => sleepers(other.dir, seconds).length === 1),
  );
  const steady = sleepers(other.dir, 1006);

  t.not(spawnSync("dd", ["if=/dev/zero", `of=${filler}`, "bs=4k"]).status, 0, "the disk is full");
  const put = await other.lares("kv", "put", "during", "x".repeat(100_000));
  t.is(put.code, 1);
  t.regex(put.stderr, /full|space/i);
  t.regex(
    (
      await other.lares(
        "job",
        "run",
        "-detach",
        file("late.nomad.hcl", jobText("late", { config: SHELL(`exec sleep 1 # ${"x".repeat(100_000)}`) })),
      )
    ).stderr,
    /full|space/i,
  );
  t.is(await (await fetch(`${other.consul}/v1/kv/before?raw`)).text(), "kept");
  // A task that ends now is an event the client cannot keep.
  spawnSync("kill", ["-9", sleepers(other.dir, 1007)[0]?.split(" ")[0] ?? ""]);
  await until("the client says so", () => other.log().includes("cannot keep the client's state"));
  t.deepEqual(sleepers(other.dir, 1006), steady);

  rmSync(filler);
  await until("the client's state is kept again", () => other.log().includes("kept on disk again"));
  t.is((await other.lares("kv", "put", "after", "kept")).code, 0);
  await until("both run again", async () => (await bothRun()) && sleepers(other.dir, 1007).length === 1);
  const tasks = [...steady, ...sleepers(other.dir, 1007)];
  await other.kill();
  await other.start();
  await until("both are found again", bothRun);
  t.deepEqual([...sleepers(other.dir, 1006), ...sleepers(other.dir, 1007)], tasks, "none was started twice");
  t.is(await (await fetch(`${other.consul}/v1/kv/before?raw`)).text(), "kept");
  t.is((await fetch(`${other.consul}/v1/kv/during`)).status, 404);
});

test("Docker absent, then there, then killed and started again: jobs wait, run, and run again", async (t) => {
  t.is(process.getuid?.(), 0, "only root can run a Docker engine of its own");
  t.timeout(300_000);
  const folder = mkdtempSync(join(tmpdir(), "lares-faults-docker-"));
  const socket = join(folder, "docker.sock");
  const other = await testAgent({ logLevel: "info", docker: `unix://${socket}` });
  const engines: { readonly first: PrivateDockerd[]; readonly second: ChildProcess[] } = { first: [], second: [] };
  t.teardown(async () => {
    await endTasks(other, { DOCKER_HOST: `unix://${socket}` });
    await other.remove();
    for (const second of engines.second) {
      const ended = new Promise((resolve) => second.once("close", resolve));
      if (second.exitCode === null && second.kill("SIGTERM")) await ended;
    }
    for (const first of engines.first) await first.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  await run(other, "patient", { driver: "docker", config: CONTAINER("exec sleep 1008") });
  await until("it waits for a driver", async () =>
    /missing drivers|driver/i.test((await other.lares("job", "status", "patient")).stdout),
  );
  const health = async (): Promise<string> => {
    const [node] = v.parse(v.array(v.object({ ID: v.string() })), await other.get("/v1/nodes"));
    const { Drivers } = v.parse(NodeSchema, await other.get(`/v1/node/${node?.ID ?? ""}`));
    return Drivers["docker"]?.HealthDescription ?? "";
  };
  t.regex(await health(), new RegExp(`cannot reach the Docker engine at unix://${socket}`));

  const started = await startPrivateDockerd(folder);
  engines.first.push(started);
  makeTestImage(IMAGE, { DOCKER_HOST: started.host });
  symlinkSync(started.socket, socket);
  await until("the driver is healthy, and the job runs", async () => (await running(other, "patient")).length === 1);
  t.is(await health(), "Healthy");
  const [before] = await running(other, "patient");

  const [program = "", ...args] = cmdlineArgs(started.pid);
  // As a crash of the machine's service would: its containerd goes with it, the container's own process does not.
  const containerdPid = join(dirname(started.socket), "exec/containerd/containerd.pid");
  const containerd = Number(readFileSync(containerdPid, "utf8"));
  for (const pid of [started.pid, containerd]) spawnSync("kill", ["-9", String(pid)]);
  await until("the engine is gone", () =>
    [started.pid, containerd].every((pid) => procText(`/proc/${pid}/cmdline`) === ""),
  );
  rmSync(containerdPid, { force: true });
  rmSync(join(dirname(started.socket), "docker.pid"), { force: true });
  engines.second.push(spawn(program, args, { stdio: "ignore" }));
  const containers = (): string =>
    spawnSync("docker", ["ps", "-q"], {
      encoding: "utf8",
      env: { ...process.env, DOCKER_HOST: `unix://${socket}` },
    }).stdout.trim();
  await until("its container runs, once", async () => {
    const now = await running(other, "patient");
    return now.length === 1 && now[0]?.ID === before?.ID && /^[0-9a-f]+$/.test(containers());
  });
  await purge(other, "patient");
  await until("nothing is left", () => containers() === "");
});

const NodeSchema = v.object({ Drivers: v.record(v.string(), v.object({ HealthDescription: v.string() })) });

const cmdlineArgs = (pid: number): string[] => procText(`/proc/${pid}/cmdline`).split("\0").slice(0, -1);
