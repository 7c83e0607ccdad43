import { execFileSync } from "node:child_process";
import test from "ava";
import * as v from "valibot";
import { textOf } from "#base/env/bytes.ts";
import { createEnv } from "#base/platform/create-env.ts";
import { dialWebSocket } from "#base/platform/web-socket-dial.ts";
import { until } from "../agent.ts";
import { LabCluster, lares, running, type Ran, type ShownNode } from "../lab-cluster.ts";

/** All that shows what a task does, asked of a node that does not run it. */
const lab = new LabCluster();
const env = createEnv({ logToStderr: false });
let server: ShownNode;
let alloc = "";
test.after.always(async () => {
  env.close();
  await lab.remove();
});

const JOB = `job "seen/by-all" {
  group "g" {
    count = 2
    constraint {
      attribute = "\${node.unique.name}"
      value     = "client1"
    }
    network {
      port "http" {}
    }
    service {
      name     = "seen"
      port     = "http"
      provider = "nomad"
      check {
        type     = "tcp"
        interval = "1s"
        timeout  = "1s"
      }
    }
    task "main" {
      driver       = "raw_exec"
      kill_timeout = "1s"
      config {
        command = "/bin/sh"
        args    = ["-c", "echo out 1; echo err 1 >&2; trap 'echo got hup' HUP; printf 0123456789 >local/digits; echo kept >../alloc/data/kept; n=0; while :; do sleep 0.2; if [ -e local/say ]; then cat local/say; rm local/say; fi; done"]
      }
      action "greet" {
        command = "/bin/sh"
        args    = ["-c", "echo hello from \${NOMAD_TASK_NAME}"]
      }
      resources {
        cpu    = 20
        memory = 30
      }
    }
  }
}
`;

test.before(async (t) => {
  t.timeout(120_000);
  const [first] = await lab.up("-clients", "1", "-network=loopback");
  if (first === undefined) throw new Error("no server");
  server = first;
  await lab.run(server, JOB);
  await until("both run", async () => (await running(server, JOB_PATH)).length === 2);
  alloc = (await running(server, JOB_PATH))[0]?.ID ?? "";
  await until("both wrote all that they write at first", async () => {
    const wrote = (await running(server, JOB_PATH)).map(({ ID }) =>
      Promise.all([
        get(`fs/cat/${ID}?path=alloc/data/kept`),
        get(`fs/logs/${ID}?task=main&type=stdout&plain=true`),
        get(`fs/logs/${ID}?task=main&type=stderr&plain=true`),
      ]),
    );
    return (await Promise.all(wrote)).every((texts) => texts.join("") === "kept\nout 1\nerr 1\n");
  });
});

const JOB_PATH = encodeURIComponent("seen/by-all");

async function ask(path: string, init?: RequestInit): Promise<Response> {
  return fetch(`${server.http.nomad}/v1/client/${path}`, init);
}

async function get(path: string): Promise<string> {
  return (await ask(path)).text();
}

async function json(path: string): Promise<Record<string, unknown>> {
  const answer = await ask(path);
  const text = await answer.text();
  if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${text}`);
  return v.parse(v.record(v.string(), v.unknown()), JSON.parse(text));
}

function say(...words: readonly string[]): Promise<Ran> {
  const [noun = "", verb = "", ...rest] = words;
  return lares(noun, verb, `-address=${server.http.nomad}`, ...rest);
}

const FrameSchema = v.object({
  Offset: v.optional(v.number()),
  Data: v.optional(v.string(), ""),
  File: v.optional(v.string(), ""),
  FileEvent: v.optional(v.string(), ""),
});

/** JSON objects without anything between them. */
function frames(text: string): v.InferOutput<typeof FrameSchema>[] {
  return text
    .replaceAll("}{", "}\n{")
    .split("\n")
    .filter((line) => line.endsWith("}"))
    .map((line) => v.parse(FrameSchema, JSON.parse(line)));
}

/** What a stream says until `enough`. */
async function follow(
  path: string,
  enough: (text: string) => boolean,
  meanwhile: () => Promise<unknown>,
): Promise<string> {
  const stop = new AbortController();
  const answer = await ask(path, { signal: stop.signal });
  let text = "";
  const decoder = new TextDecoder();
  let isFirst = true;
  for await (const piece of answer.body ?? []) {
    text += decoder.decode(piece, { stream: true });
    if (isFirst) await meanwhile();
    isFirst = false;
    if (enough(text)) break;
  }
  stop.abort();
  return text;
}

const inTask = (command: string): Promise<Ran> =>
  say("alloc", "exec", "-i=false", "-t=false", alloc, "/bin/sh", "-c", command);

test.serial("logs: both streams, from start and end, plain, framed and followed", async (t) => {
  t.is(await get(`fs/logs/${alloc}?task=main&type=stdout&plain=true`), "out 1\n");
  t.is(await get(`fs/logs/${alloc}?task=main&type=stderr&plain=true`), "err 1\n");
  t.is(await get(`fs/logs/${alloc}?task=main&origin=end&offset=2&plain=true`), "1\n");
  t.is(await get(`fs/logs/${alloc}?task=main&origin=start&offset=4&plain=true`), "1\n");
  const [frame] = frames(await get(`fs/logs/${alloc}?task=main`));
  t.like(frame, { Offset: 0, File: "alloc/logs/main.stdout.0", Data: Buffer.from("out 1\n").toString("base64") });
  const heard = await follow(
    `fs/logs/${alloc}?task=main&follow=true&plain=true`,
    (text) => text.includes("second"),
    () => inTask("echo second >local/say"),
  );
  t.is(heard, "out 1\nsecond\n");
  for (const [query, status] of [
    ["task=nobody", 404],
    ["task=main&type=both", 400],
    ["task=main&origin=middle", 400],
    ["", 400],
  ] as const)
    t.is((await ask(`fs/logs/${alloc}?${query}`)).status, status, query);
  t.regex((await say("alloc", "logs", "-stderr", alloc)).stdout, /^err 1\n$/);
  t.is((await say("alloc", "logs", "-tail", "-n=1", alloc, "main")).stdout, "second\n");
  t.is((await say("alloc", "logs", "-tail", "-c=4", "-task=main", alloc)).stdout, "ond\n");
  const job = ["alloc", "logs", "-job", "-group=g", "-stdout", "-stderr", "-verbose", "seen/by-all"];
  const both = await say(...job);
  t.is(both.code, 0, both.stderr);
  t.true(both.stdout.startsWith("out 1\n") && both.stderr.includes("err 1\n"), "each where it belongs");
  t.regex((await say("alloc", "logs", "-job", "-group=none", "seen/by-all")).stderr, /no allocations of group "none"/);
});

test.serial("files: listed, described, read whole, in part and as they grow; nothing of other folders", async (t) => {
  const names = v.array(v.object({ Name: v.string(), IsDir: v.boolean(), ContentType: v.string() }));
  const local = v.parse(names, JSON.parse(await get(`fs/ls/${alloc}?path=main/local`)));
  t.like(
    local.find(({ Name }) => Name === "digits"),
    { IsDir: false, ContentType: "text/plain; charset=utf-8" },
  );
  t.like(await json(`fs/stat/${alloc}?path=main/local/digits`), {
    Name: "digits",
    Size: 10,
    IsDir: false,
    FileMode: "-rw-r--r--",
  });
  t.is(await get(`fs/cat/${alloc}?path=main/local/digits`), "0123456789");
  t.is(await get(`fs/readat/${alloc}?path=main/local/digits&offset=3&limit=4`), "3456");
  const still = frames(await get(`fs/stream/${alloc}?path=main/local/digits&follow=false&origin=end&offset=3`));
  t.like(still[0], { Offset: 7, Data: Buffer.from("789").toString("base64"), File: "digits" });
  // Each step when the one before was seen, however seldom the file is looked at.
  const steps = new Map([
    [Buffer.from("more").toString("base64"), "printf ab >local/digits"],
    [Buffer.from("ab").toString("base64"), "rm local/digits"],
  ]);
  const grown = await follow(
    `fs/stream/${alloc}?path=main/local/digits`,
    (text) => {
      for (const [seen, next] of steps) if (text.includes(seen) && steps.delete(seen)) void inTask(next);
      return text.includes("file deleted");
    },
    () => inTask("printf more >>local/digits"),
  );
  const told = frames(grown).filter(({ Data, FileEvent }) => Data !== "" || FileEvent !== "");
  t.deepEqual(
    told.map(({ Data, FileEvent }) => FileEvent || Buffer.from(Data, "base64").toString()),
    ["0123456789", "more", "file truncated", "ab", "file deleted"],
  );
  for (const [query, status] of [
    ["path=main/local/digits&origin=middle", 400],
    ["path=main/local/digits&offset=-1", 400],
    ["offset=0", 400],
    ["path=main/local", 400],
    ["path=main/local/none", 404],
  ] as const)
    t.is((await ask(`fs/stream/${alloc}?${query}`)).status, status, query);
  for (const path of ["../../../../../etc/passwd", "/../../etc/passwd", "main/secrets/api.sock"])
    t.true((await ask(`fs/cat/${alloc}?path=${encodeURIComponent(path)}`)).status >= 400, path);
  t.regex((await say("alloc", "fs", alloc, "alloc/data")).stdout, /-rw-r--r-- .* kept\n/);
  t.is((await say("alloc", "fs", alloc, "alloc/data/kept")).stdout, "kept\n");
  const archive = Buffer.from(await (await ask(`allocation/${alloc}/snapshot`)).arrayBuffer());
  t.regex(execFileSync("tar", ["-t"], { input: archive, encoding: "utf8" }), /alloc\/data\/kept/);
});

/** A size is told beside what is typed: it is there a moment later. */
const SHELL = `until [ "$(stty size)" = "33 77" ]; do sleep 0.1; done; echo first
read line; until [ "$(stty size)" = "44 88" ]; do sleep 0.1; done; echo "got $line"; exit 3`;

test.serial(
  "commands over a WebSocket: a terminal of a size, that changes; input, its end, and the exit code",
  async (t) => {
    const command = encodeURIComponent(JSON.stringify(["/bin/sh", "-c", SHELL]));
    const url = `${server.http.nomad}/v1/client/allocation/${alloc}/exec?task=main&tty=true&command=${command}`;
    const dialled = await dialWebSocket({ url, headers: {} });
    if (dialled.kind !== "open") throw new Error(await dialled.response.text());
    const { channel } = dialled;
    let shown = "";
    let code = -1;
    channel.onMessage((message) => {
      const frame = v.parse(
        v.object({
          stdout: v.optional(v.object({ data: v.optional(v.string(), "") })),
          exited: v.optional(v.boolean(), false),
          result: v.optional(v.object({ exit_code: v.number() })),
        }),
        JSON.parse(textOf(message)),
      );
      shown += Buffer.from(frame.stdout?.data ?? "", "base64").toString();
      if (frame.exited) code = frame.result?.exit_code ?? -2;
    });
    await channel.send(JSON.stringify({ tty_size: { height: 33, width: 77 } }));
    await until("the first size", () => shown.includes("first\r\n"));
    await channel.send(JSON.stringify({ tty_size: { height: 44, width: 88 } }));
    await channel.send(JSON.stringify({ stdin: { data: Buffer.from("words\n").toString("base64") } }));
    await until("its end", () => code !== -1);
    t.is(code, 3);
    t.regex(shown, /got words/);
    const piped = await say(
      "alloc",
      "exec",
      "-i=false",
      "-t=false",
      alloc,
      "/bin/sh",
      "-c",
      "echo out; echo err >&2; exit 6",
    );
    t.deepEqual([piped.code, piped.stdout, piped.stderr], [6, "out\n", "err\n"]);
  },
);

test.serial("actions and health checks, of an allocation and of whichever runs", async (t) => {
  const named = await say("job", "action", "-job=seen/by-all", `-allocation=${alloc}`, "greet");
  t.is(named.stdout, "hello from main\n", named.stderr);
  const url = `${server.http.nomad}/v1/job/${JOB_PATH}/action?action=greet&task=main&group=g`;
  const dialled = await dialWebSocket({ url, headers: {} });
  t.is(dialled.kind, "open", "any of the job's, without its name");
  if (dialled.kind === "open") dialled.channel.close();
  const checks = async () => {
    const told = await (await fetch(`${server.http.nomad}/v1/allocation/${alloc}/checks`)).json();
    return Object.values(v.parse(v.record(v.string(), v.object({ Service: v.string(), Status: v.string() })), told));
  };
  await until("the check was made", async () => (await checks()).length === 1);
  const [check] = await checks();
  t.is(check?.Service, "seen");
  t.regex((await say("alloc", "checks", alloc)).stdout, /seen/);
});

test.serial("figures of tasks and of the machine", async (t) => {
  const usage = v.object({ MemoryStats: v.object({ RSS: v.number() }), CpuStats: v.object({ Percent: v.number() }) });
  const stats = v.parse(
    v.object({ ResourceUsage: usage, Tasks: v.record(v.string(), v.object({ ResourceUsage: usage })) }),
    await json(`allocation/${alloc}/stats`),
  );
  t.true((stats.Tasks["main"]?.ResourceUsage.MemoryStats.RSS ?? 0) > 0);
  const node = (await running(server, JOB_PATH))[0]?.NodeID ?? "";
  const host = v.parse(
    v.looseObject({ Uptime: v.number(), DeviceStats: v.array(v.unknown()) }),
    await json(`stats?node_id=${node}`),
  );
  t.true(host.Uptime > 0);
  const known = v.parse(
    v.object({ Attributes: v.record(v.string(), v.string()) }),
    await (await fetch(`${server.http.nomad}/v1/node/${node}`)).json(),
  );
  t.like(known.Attributes, { "consul.datacenter": "dc1", "consul.server": "false", "unique.consul.name": "client1" });
  t.regex((await say("node", "status", "-stats", node)).stdout, /CPU|Memory/);
  t.regex((await say("alloc", "status", "-stats", alloc)).stdout, /Memory/);
  t.is((await ask(`gc?node_id=${node}`)).status, 200);
});

test.serial("signals, restarts, stops, and a job whose allocations are restarted one after the other", async (t) => {
  const logs = () => get(`fs/logs/${alloc}?task=main&plain=true`);
  t.is((await say("alloc", "signal", "-s=SIGHUP", alloc, "main")).code, 0);
  await until("the signal came", async () => (await logs()).includes("got hup"));
  const starts = async () => (await logs()).split("out 1").length - 1;
  t.is((await say("alloc", "restart", alloc, "main")).code, 0);
  await until("it starts again", async () => (await starts()) === 2);
  t.is((await say("alloc", "restart", "-all-tasks", alloc, "main")).code, 2);
  t.regex((await say("alloc", "restart", alloc, "nobody")).stderr, /has no task "nobody"/);
  const restarted = await say("job", "restart", "-batch-size=1", "-yes", "seen/by-all");
  t.regex(restarted.stdout, /2 of 2 allocations restarted/, restarted.stderr);
  await until("once more", async () => (await starts()) === 3);
  t.is((await say("alloc", "stop", "-detach", alloc)).code, 0);
  await until("another takes its place", async () => {
    const now = await running(server, JOB_PATH);
    return now.length === 2 && now.every(({ ID }) => ID !== alloc);
  });
});
