import { spawn, spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import * as v from "valibot";
import { createEtcdClient } from "#base/platform/etcd/etcd-client.ts";
import { until, type TestAgent } from "../agent.ts";
import { GrowingCluster, stateOf } from "../servers/growth.ts";
import { SteadyWriter } from "../servers/steady-writer.ts";

const Authorities = v.array(v.object({ ID: v.string(), State: v.string() }));
const Certificate = v.object({ certificate: v.string(), key: v.string() });
const Members = v.array(v.object({ Issuer: v.string() }));

/** Small enough to be reached within seconds. */
const QUOTA_MIB = 8;
const STARTS_ANEW = "this server's etcd starts anew, to trust the authorities in force";
const VALUE = Buffer.alloc(500_000, "x").toString();

/** Three agents and three etcds start over and over here, on a machine that may be busy. */
const eventually = (what: string, holds: () => Promise<boolean> | boolean): Promise<void> =>
  until(what, holds, 180_000);

let cluster: GrowingCluster;
test.before(async () => {
  cluster = new GrowingCluster(`quota = "${QUOTA_MIB}MiB"`);
  for (const name of ["e0", "e1", "e2"]) await cluster.add(name);
  await whole();
});
test.after.always(() => cluster?.remove());

/** Three that vote, are well, and answer as servers that hold the state. */
async function whole(): Promise<void> {
  const [one] = cluster.agents;
  await eventually("all are servers", async () => {
    const peers = await one?.get("/v1/status/peers").catch(() => []);
    return Array.isArray(peers) && peers.length === 3;
  });
  await eventually("all members vote", async () => {
    const states = await Promise.all(cluster.agents.map((agent) => stateOf(agent).catch(() => undefined)));
    return states.every((state) => {
      const members = state?.Members ?? [];
      return members.length === 3 && members.every(({ Voter, Healthy }) => Voter && Healthy);
    });
  });
}

test.serial("the authority is replaced: one etcd after the other starts anew, and no write fails", async (t) => {
  t.timeout(600_000);
  const [one] = cluster.agents;
  if (one === undefined) return t.fail();
  const writers = cluster.agents.map(({ consul }, i) => new SteadyWriter([consul], `w${i}`));
  t.teardown(() => Promise.all(writers.map((writer) => writer.stop())));
  const restarts = (): number[] => cluster.agents.map((agent) => agent.log().split(STARTS_ANEW).length - 1);
  const [old] = v.parse(Authorities, await one.get("/v1/cluster/authorities"));
  t.is((await one.lares("authority", "rotate")).code, 0);
  await eventually("the new authority is alone, and signed for all", async () => {
    const authorities = v.parse(Authorities, await one.get("/v1/cluster/authorities"));
    const members = v.parse(Members, await one.get("/v1/cluster/members"));
    const [only] = authorities;
    return authorities.length === 1 && only?.ID !== old?.ID && members.every(({ Issuer }) => Issuer === only?.ID);
  });
  // Once to trust both, once to trust the new one alone; a start that failed is tried again.
  await eventually("every etcd trusts it alone", () => restarts().every((count) => count >= 2)).finally(() =>
    t.log(`etcd was started anew ${restarts().join(", ")} times`),
  );
  await whole();
  for (const writer of writers) {
    await writer.stop();
    t.deepEqual(writer.failures, []);
    await writer.verify(one.consul, t.deepEqual);
    t.log(`${writer.count} writes, longest pause ${Math.round(writer.longestPauseMs)} ms`);
  }
  for (const agent of cluster.agents) t.false(agent.log().includes("etcd ended"));
});

/** Status and text, or the code of what went wrong. */
function ask(url: string, tls: { cert?: string; key?: string }): Promise<string> {
  return new Promise((resolve) => {
    const call = request(url, { ...tls, rejectUnauthorized: false, agent: false }, (answer) => {
      let text = "";
      answer.on("data", (data: Buffer) => (text += data.toString()));
      answer.on("end", () => resolve(`${answer.statusCode} ${text}`));
    });
    call.on("error", (error) => resolve(`failed: ${error.message}`));
    call.end();
  });
}

test.serial(
  "a certificate of another cluster opens neither etcd nor the servers' port, and one of this cluster both",
  async (t) => {
    t.timeout(600_000);
    const [one] = cluster.agents;
    if (one === undefined) return t.fail();
    const dir = mkdtempSync(join(tmpdir(), "lares-foreign-"));
    // With all the names that a server's has, but of no authority of this cluster.
    const names = `subjectAltName=DNS:server.lares,DNS:${randomUUID()}.node.lares,IP:127.0.0.1`;
    const files = `-keyout ${join(dir, "key")} -out ${join(dir, "cert")}`;
    const words = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=server -days 2 -addext ${names} ${files}`;
    const made = spawnSync("openssl", words.split(" "));
    t.is(made.status, 0, String(made.stderr));
    const stranger = {
      certificate: readFileSync(join(dir, "cert"), "utf8"),
      key: readFileSync(join(dir, "key"), "utf8"),
    };
    const own = v.parse(Certificate, JSON.parse(readFileSync(join(one.dir, "data/cluster/member.json"), "utf8")));
    const port = (name: string): string =>
      new RegExp(`\\b${name} += (\\d+)`).exec(readFileSync(join(one.dir, "agent.hcl"), "utf8"))?.[1] ?? "";
    const ping = `https://127.0.0.1:${port("rpc")}/internal/1/ping`;
    t.regex(await ask(ping, { cert: stranger.certificate, key: stranger.key }), /^403 .*of another cluster/);
    t.regex(await ask(ping, {}), /^403 .*certificate is needed/);
    t.regex(await ask(ping, { cert: own.certificate, key: own.key }), /^200 /);
    for (const name of ["etcd", "etcd_peer"]) {
      const version = `https://127.0.0.1:${port(name)}/version`;
      t.regex(await ask(version, { cert: stranger.certificate, key: stranger.key }), /^failed: /, name);
      t.regex(await ask(version, {}), /^failed: /, name);
      t.regex(await ask(version, { cert: own.certificate, key: own.key }), /^200 .*etcdserver/, name);
    }
    rmSync(dir, { recursive: true, force: true });
  },
);

/** Forgets all history: what a week of work does. */
async function forgetHistory({ dir }: TestAgent): Promise<void> {
  const pem = (name: string): string => readFileSync(join(dir, "data/cluster", `etcd-${name}.pem`), "utf8");
  const port = /\betcd += (\d+)/.exec(readFileSync(join(dir, "agent.hcl"), "utf8"))?.[1];
  const client = createEtcdClient({
    endpoints: [`https://127.0.0.1:${port}`],
    tls: { ca: pem("ca"), cert: pem("cert"), key: pem("key"), serverName: "server.lares" },
  });
  try {
    const { revision } = await client.range({ span: { key: "now" } }, 5000);
    await client.compact(revision, 5000);
  } finally {
    await client.close();
  }
}

/** Of its etcd; 0: it does not run. */
function etcdOf({ dir }: TestAgent): number {
  const folder = `--data-dir=${join(dir, "data/etcd")}`;
  const isIt = (pid: string): boolean => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").includes(folder);
    } catch {
      return false;
    }
  };
  return Number(readdirSync("/proc").find((name) => /^\d+$/.test(name) && isIt(name)) ?? 0);
}

test.serial(
  "a server that slept while history was given up reads all anew, and whoever waits there is told",
  async (t) => {
    t.timeout(600_000);
    const [one, , sleeper] = cluster.agents;
    if (one === undefined || sleeper === undefined) return t.fail();
    const put = async (value: string): Promise<boolean> => {
      const answer = await fetch(`${one.consul}/v1/kv/slept`, { method: "PUT", body: value }).catch(() => undefined);
      return answer?.status === 200 && (await answer.text()).trim() === "true";
    };
    const read = async (query: string): Promise<{ readonly index: number; readonly value: string }> => {
      const answer = await fetch(`${sleeper.consul}/v1/kv/slept?raw${query}`).catch(() => undefined);
      const value = (await answer?.text().catch(() => "")) ?? "";
      return { index: Number(answer?.headers.get("x-consul-index") ?? 0), value };
    };
    await eventually("it is written", () => put("before"));
    await eventually("it is read", async () => (await read("")).value === "before");
    const { index } = await read("");
    const isAnew = (): boolean => sleeper.log().includes("reads the whole state anew");
    let last = "";
    for (let attempt = 1; !isAnew() && attempt <= 5; attempt++) {
      // What it follows is told by its own etcd then, unless that was slow to begin.
      await sleeper.kill();
      await sleeper.start();
      await whole();
      await eventually("its etcd runs", () => etcdOf(sleeper) > 0);
      const { index: before } = await read("");
      const waiting = read(`&index=${before}&wait=120s`);
      process.kill(sleeper.pid(), "SIGSTOP");
      const etcd = etcdOf(sleeper);
      if (etcd > 0) process.kill(etcd, "SIGKILL");
      for (let i = 0; i < 10; i++) {
        last = `${attempt}/${i}`;
        await eventually("writes go on", () => put(last));
      }
      await forgetHistory(one);
      process.kill(sleeper.pid(), "SIGCONT");
      await waiting;
      await eventually("it knows all that it missed", async () => {
        const now = await read(`&index=${before}&wait=1s`);
        return now.value === last && now.index > before;
      });
    }
    t.true(isAnew());
    // And one that was off meanwhile.
    await sleeper.kill();
    for (let i = 30; i < 40; i++) await eventually("writes go on", () => put(`${i}`));
    await forgetHistory(one);
    await sleeper.start();
    await eventually("it knows the last of them", async () => (await read(`&index=${index}&wait=1s`)).value === "39");
    await whole();
  },
);

/** What a household's new router does: no machine has the address that the others know. */
function move(agent: TestAgent, address: string): void {
  const file = join(agent.dir, "agent.hcl");
  const moved = readFileSync(file, "utf8").replace('bind_addr = "127.0.0.1"', `bind_addr = "${address}"`);
  // Where the test itself asks stays as it was.
  writeFileSync(
    file,
    `${moved}addresses {\n  http = "127.0.0.1"\n  consul = "127.0.0.1"\n}\nadvertise { http = "${address}" }\n`,
  );
}

const main = new URL("../../../cli/main.ts", import.meta.url).pathname;

/** A recovery whose power goes when the old data are out of force, and the new not yet in it. */
async function cutOff({ dir }: TestAgent): Promise<void> {
  const words = ["operator", "recover", "-config", join(dir, "agent.hcl"), "-yes"];
  const running = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", main, ...words], {
    stdio: "ignore",
  });
  const ended = once(running, "exit");
  await eventually("the old data are put aside", () =>
    readFileSync(join(dir, "data/state/engine.json"), "utf8").includes('"joining"'),
  );
  running.kill("SIGKILL");
  await ended;
}

test.serial("every server changed its address: the one that knows most goes on, the others follow it", async (t) => {
  t.timeout(600_000);
  const [one, two, three] = cluster.agents;
  if (one === undefined || two === undefined || three === undefined) return t.fail();
  for (let i = 0; i < 10; i++) await fetch(`${one.consul}/v1/kv/kept/${i}`, { method: "PUT", body: `${i}` });
  const index = Number((await fetch(`${one.consul}/v1/kv/kept/9`)).headers.get("x-consul-index"));
  for (const [i, agent] of cluster.agents.entries()) {
    await agent.kill();
    move(agent, `127.0.1.${i + 1}`);
  }
  const recover = (agent: TestAgent, ...words: string[]) =>
    agent.lares("operator", "recover", "-config", join(agent.dir, "agent.hcl"), ...words);
  const revisions = await Promise.all(
    cluster.agents.map(async (agent) => Number(/Revision += (\d+)/.exec((await recover(agent)).stdout)?.[1])),
  );
  const best = cluster.agents[revisions.indexOf(Math.max(...revisions))] ?? one;
  await cutOff(best);
  const done = await recover(best, "-yes");
  t.is(done.code, 0, done.stderr);
  await best.start();
  const rpc = /\brpc += (\d+)/.exec(readFileSync(join(best.dir, "agent.hcl"), "utf8"))?.[1];
  for (const agent of cluster.agents.filter((each) => each !== best)) {
    const told = await recover(agent, "-follow", `127.0.1.${cluster.agents.indexOf(best) + 1}:${rpc}`);
    t.is(told.code, 0, told.stderr);
    await agent.start();
  }
  await whole();
  for (const agent of cluster.agents) {
    const read = await fetch(`${agent.consul}/v1/kv/kept/9`);
    t.true(Number(read.headers.get("x-consul-index")) >= index);
    t.is(JSON.parse(await read.text())[0].Value, Buffer.from("9").toString("base64"));
    const put = await fetch(`${agent.consul}/v1/kv/after/${agent.dnsPort}`, { method: "PUT", body: "x" });
    t.is(await put.text(), "true");
  }
});

test.serial(
  "at the quota history is given up for room; where there is none, writes say so and a larger quota is the way out",
  async (t) => {
    t.timeout(600_000);
    const [one, two] = cluster.agents;
    if (one === undefined || two === undefined) return t.fail();
    let writes = 0;
    const put = async (key: string): Promise<string> => {
      // What is there already is not written again.
      const body = `${writes++}${VALUE}`;
      const answer = await fetch(`${two.consul}/v1/kv/${key}`, { method: "PUT", body });
      return `${answer.status} ${await answer.text()}`;
    };
    // One key over and over: nothing of this is needed.
    for (let i = 0; i < 2 * QUOTA_MIB; i++) await put("same");
    await eventually("it takes writes again", async () => (await put("same")) === "200 true");
    // And now all of it is.
    let refusal = "";
    const isSaid = (): boolean => cluster.agents.some((agent) => agent.log().includes("nears what etcd may hold"));
    await eventually("it is full, and the log says so", async () => {
      const said = await put(`much/${writes}`);
      if (said !== "200 true") refusal = said;
      return refusal !== "" && isSaid();
    });
    t.regex(refusal, /^507 etcd takes no more writes.*raise that \(state { etcd { quota } }/);
    t.is((await fetch(`${one.consul}/v1/kv/same?raw`)).status, 200, "reads go on");
    t.is((await fetch(`${one.consul}/v1/kv/same?raw&consistent`)).status, 200);
    await eventually("deletes go on", async () => (await fetch(`${one.consul}/v1/kv/same`, { method: "DELETE" })).ok);
    for (const agent of cluster.agents) {
      const file = join(agent.dir, "agent.hcl");
      writeFileSync(file, readFileSync(file, "utf8").replace(`${QUOTA_MIB}MiB`, "200MiB"));
    }
    await Promise.all(cluster.agents.map((agent) => agent.kill()));
    await Promise.all(cluster.agents.map((agent) => agent.start()));
    await eventually("writes go on", async () => (await put("more")) === "200 true");
    await whole();
  },
);
