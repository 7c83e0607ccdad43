import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import test from "ava";
import * as v from "valibot";
import { notLinearizable } from "#sim/checkers/linearizable.ts";
import { until } from "./agent.ts";
import { befall } from "./chaos/faults.ts";
import { Counter, Reader } from "./chaos/observers.ts";
import { Transactions } from "./chaos/transactions.ts";
import { LabCluster, leaderAmong, running, type ShownNode } from "./lab-cluster.ts";
import { RecordedCallers } from "./servers/recorded-callers.ts";
import { SteadyWriter } from "./servers/steady-writer.ts";
import { stateAt } from "./servers/growth.ts";

/** `npm run chaos` is the long mode, of ten minutes; LARES_CHAOS_SEED=N draws other faults. */
const SHORT_MS = 45_000;
const FOR_MS = Number(process.env["LARES_CHAOS_SECONDS"] ?? SHORT_MS / 1000) * 1000;
const SEED = Number(process.env["LARES_CHAOS_SEED"] ?? "964037668");
/** Histories are judged in pieces: the search for an order grows with their length. */
const PIECE_MS = 15_000;

const cluster = new LabCluster();
const lost = new LabCluster();
let stopObserving = (): Promise<void> => Promise.resolve();
test.after.always(() => Promise.all([cluster.remove(), lost.remove()]));
test.afterEach.always(async (t) => {
  await stopObserving();
  if (t.passed) return;
  for (const name of ["server1", "server2", "server3"]) {
    const [log = ""] = [cluster, lost]
      .map(({ dir }) => join(dir, name, "agent.log"))
      .filter((path) => existsSync(path));
    if (log !== "") t.log(name, readFileSync(log, "utf8").split("\n").slice(-40).join("\n"));
  }
});

const job = (id: string) => `job "${id}" {
  group "g" {
    constraint {
      attribute = "\${node.unique.name}"
      value     = "client1"
    }
    task "t" {
      driver = "raw_exec"
      config {
        command = "/bin/sleep"
        args    = ["3600"]
      }
      resources {
        cpu    = 20
        memory = 20
      }
    }
  }
}
`;

test.serial(
  "whatever befalls one of three servers, what was acknowledged stands, and no caller sees what cannot be",
  async (t) => {
    t.timeout(FOR_MS + 300_000);
    t.log(`seed ${SEED}`);
    const nodes = await cluster.up("-servers", "3", "-clients", "1", "-docker=shared");
    // Members are replaced: the list is of those that are servers now.
    const servers = nodes.filter(({ role }) => role === "server");
    const client = nodes.find(({ role }) => role === "client");
    if (client === undefined) throw new Error("no client");
    await cluster.run(client, job("before"));
    await until("it runs", async () => (await running(client, "before")).length === 1);
    const before = await running(client, "before");
    const consul = servers.map(({ http }) => http.consul);
    const writer = new SteadyWriter(consul);
    const counter = new Counter(consul);
    const transactions = new Transactions(consul);
    const readers = consul.map((url) => new Reader(url, counter));
    const histories: RecordedCallers[] = [];
    const told: string[] = [];
    const faults = befall(cluster, servers, {
      told,
      seed: SEED,
      forMs: FOR_MS,
      isLong: FOR_MS > SHORT_MS,
      onReplaced: (old, now) => {
        consul[consul.indexOf(old.http.consul)] = now.http.consul;
        readers.push(new Reader(now.http.consul, counter));
      },
    });
    let isOver = false;
    stopObserving = async () => {
      isOver = true;
      await Promise.all([
        writer.stop(),
        counter.stop(),
        transactions.stop(),
        ...readers.map((reader) => reader.stop()),
      ]);
    };
    const record = async (): Promise<void> => {
      while (!isOver) {
        const callers = new RecordedCallers(consul, `chaos${histories.length}`);
        histories.push(callers);
        await delay(PIECE_MS);
        await callers.stop();
      }
    };
    const recording = record();
    await faults.finally(() => t.log(told.join(", ")));
    isOver = true;
    await recording;
    await until("the servers agree who leads", async () => (await leaderAmong(servers)) !== undefined);
    await until("all three hold the state", async () => {
      const { Members } = await stateAt(servers[0]?.http.nomad ?? "").catch(() => ({ Members: [] }));
      return Members.length === 3 && Members.every(({ Voter, Healthy }) => Voter && Healthy);
    });
    const written = writer.count;
    await until("writes flow", () => writer.count > written + 10);
    await stopObserving();

    for (const url of consul)
      await writer.verify(url, (found, wanted) => t.deepEqual(found, wanted, "a write is lost"));
    t.is(writer.indexFell === "" ? "" : `the index fell ${writer.indexFell}`, "");
    for (const reader of readers) t.deepEqual(reader.violations, []);
    t.true(readers.slice(0, 3).every(({ staleReads, wakes }) => staleReads > 0 && wakes > 0));
    for (const url of consul) await transactions.verify(url);
    t.deepEqual(transactions.violations, []);
    t.true(transactions.count > 0);
    let calls = 0;
    for (const history of histories)
      for (const [key, each] of history.calls) {
        calls += each.length;
        t.is(notLinearizable(each), undefined, key);
      }
    t.deepEqual(await running(client, "before"), before, "what ran was left alone");
    await cluster.run(client, job("after"));
    await until("new jobs are placed", async () => (await running(client, "after")).length === 1);
    t.log(
      `${calls} calls, ${writer.count} writes, ${transactions.count} transactions, ${counter.highest} counts, longest pause ${Math.round(writer.longestPauseMs)} ms`,
    );
    await cluster.remove();
  },
);

const main = new URL("../../cli/main.ts", import.meta.url).pathname;
const LabSchema = v.object({
  nodes: v.array(v.object({ name: v.string(), dir: v.string(), namespace: v.string(), address: v.string() })),
});

/** `lares operator recover …` on a node, in its network. */
function recover(name: string, ...flags: string[]): { code: number; text: string } {
  const lab = v.parse(LabSchema, JSON.parse(readFileSync(join(lost.root, "lab/lab.json"), "utf8")));
  const node = lab.nodes.find((each) => each.name === name);
  const within = node?.namespace === "" ? [] : ["ip", "netns", "exec", node?.namespace ?? ""];
  const words = [...within, process.execPath, "--disable-warning=ExperimentalWarning", main, "operator", "recover"];
  const [program = "", ...args] = [...words, "-config", join(node?.dir ?? "", "agent.hcl"), ...flags];
  const ran = spawnSync(program, args, { encoding: "utf8", timeout: 120_000 });
  return { code: ran.status ?? 128, text: `${ran.stdout}${ran.stderr}` };
}

test.serial(
  "two of three servers are lost for good: the third says what it knows, goes on alone, and others join it",
  async (t) => {
    t.timeout(600_000);
    const nodes = await lost.up("-servers", "3", "-clients", "0");
    const [first, second, third] = nodes;
    if (first === undefined || second === undefined || third === undefined) throw new Error("no three servers");
    const put = (at: ShownNode, key: string): Promise<boolean> =>
      fetch(`${at.http.consul}/v1/kv/${key}`, { method: "PUT", body: key, signal: AbortSignal.timeout(5000) }).then(
        async (answer) => (await answer.text()).trim() === "true",
        () => false,
      );
    const get = (at: ShownNode, key: string): Promise<string> =>
      fetch(`${at.http.consul}/v1/kv/${key}?raw`).then(
        (answer) => answer.text(),
        () => "no answer",
      );
    await until("they agree who leads", async () => (await leaderAmong(nodes)) !== undefined);
    for (let i = 0; i < 20; i += 1) t.true(await put(first, `kept/${i}`));
    const index = Number((await fetch(`${first.http.consul}/v1/kv/kept/0`)).headers.get("x-consul-index"));
    const running = recover(third.name, "-yes");
    t.regex(running.text, /this server's agent runs/);
    await lost.lab("kill", third.name);
    t.regex(recover(third.name, "-yes").text, /a server that holds the state answers at/);
    await lost.lab("start", third.name);
    await until("all three hold the state", async () => {
      const { Members } = await stateAt(third.http.nomad);
      return Members.length === 3 && Members.every(({ Healthy }) => Healthy);
    });
    for (const { name } of nodes) await lost.lab("kill", name);

    const asked = recover(third.name);
    t.is(asked.code, 1, asked.text);
    t.regex(
      asked.text,
      /Given up += server1 \(.*\), server2 \(.*\)[\s\S]*kv +20[\s\S]*What may be missing[\s\S]*Nothing was changed/,
    );
    const done = recover(third.name, "-yes");
    t.is(done.code, 0, done.text);
    t.true(existsSync(/What was there is in (\S+);/.exec(done.text)?.[1] ?? ""));
    await lost.lab("start", third.name);
    await until("it takes writes alone", () => put(third, "after"));
    for (let i = 0; i < 20; i += 1) t.is(await get(third, `kept/${i}`), `kept/${i}`);
    const after = Number((await fetch(`${third.http.consul}/v1/kv/kept/0`)).headers.get("x-consul-index"));
    t.true(after > index, `indexes go on rising: ${index}, then ${after}`);
    t.is((await stateAt(third.http.nomad)).Members.length, 1);

    // One is told whom to follow, as after a change of addresses; the other finds out that it was given up.
    const followed = recover(second.name, "-follow", `${new URL(third.http.nomad).hostname}:4647`);
    t.is(followed.code, 0, followed.text);
    await lost.lab("start", second.name);
    await lost.lab("start", first.name);
    await until("both hold the state again", async () => {
      const { Members } = await stateAt(third.http.nomad);
      return Members.length === 3 && Members.every(({ Voter, Healthy }) => Voter && Healthy);
    });
    await until(
      "they answer with it",
      async () => (await get(first, "after")) === "after" && (await get(second, "after")) === "after",
    );
  },
);
