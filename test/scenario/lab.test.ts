import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { until } from "./agent.ts";
import { gauges, LabCluster, lares, leaderAmong, running, type Ran, type ShownNode } from "./lab-cluster.ts";
import { SteadyWriter } from "./servers/steady-writer.ts";
import { stateAt } from "./servers/growth.ts";

const packs = new URL("../../packs/redis-cache/", import.meta.url).pathname;
const small = new LabCluster();
const large = new LabCluster();
const broken = new LabCluster();
test.after.always(async () => {
  await small.remove();
  await large.remove();
  await broken.remove();
});

/** `where`: a constraint on the node's name. */
const job = (name: string, count: number, where: string) => `job "${name}" {
  group "g" {
    count = ${count}
    constraint {
      operator = "distinct_hosts"
      value    = "true"
    }
    constraint {
      attribute = "\${node.unique.name}"
      operator  = "regexp"
      value     = "${where}"
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

function named(nodes: readonly ShownNode[], name: string): ShownNode {
  const found = nodes.find((each) => each.name === name);
  if (found === undefined) throw new Error(`no node ${name}`);
  return found;
}

/** Asks Redis on a node; empty: it does not answer. */
function redis(at: ShownNode, ...words: readonly string[]): string {
  const { hostname } = new URL(at.http.nomad);
  const ran = spawnSync("redis-cli", ["-h", hostname, "-p", "6379", ...words], { encoding: "utf8", timeout: 10_000 });
  return ran.status === 0 ? ran.stdout.trim() : "";
}

/** Of the pack, out of Debian's packages. */
async function buildRedis(): Promise<{ readonly ran: Ran; readonly image: string }> {
  const image = join(small.root, "redis.tar");
  const cache = join(tmpdir(), "lares-image-cache");
  const flags = ["-no-compress", "-cache", cache, "-output", image];
  return { ran: await lares("image", "build", ...flags, `${packs}redis.image.hcl`), image };
}

test.serial(
  "a lab: the Redis job runs its two instances, one's machine dies, and a third takes its place",
  async (t) => {
    t.timeout(480_000, "building the image");
    // While the lab comes up: nothing of it is needed for the image.
    const building = process.getuid?.() === 0 ? buildRedis() : undefined;
    const nodes = await small.up("-clients", "3");
    t.deepEqual(
      nodes.map(({ name, role, state }) => `${name} ${role} ${state}`),
      ["server1 server running", "client1 client running", "client2 client running", "client3 client running"],
    );
    t.deepEqual(await small.status(), nodes);
    const server = named(nodes, "server1");
    const clients = nodes.filter(({ role }) => role === "client");
    // Where nodes share this machine's network, they share its port 6379 and its Docker engine too.
    const hasEngines = clients.every(({ docker }) => docker !== "");
    if (process.getuid?.() === 0) t.true(hasEngines, "each client has a Docker engine of its own");
    const id = hasEngines ? "redis-cache" : "pair";
    if (hasEngines) {
      const { ran, image } = await (building ?? buildRedis());
      t.is(ran.code, 0, ran.stderr);
      await small.lab("load", image);
      await small.run(server, readFileSync(`${packs}redis-cache.nomad.hcl`, "utf8"));
    } else await small.run(server, job(id, 2, "^client"));
    await until("two instances run", async () => (await running(server, id)).length === 2);
    const on = async (): Promise<readonly ShownNode[]> => {
      const allocs = await running(server, id);
      return clients.filter((client) => allocs.some(({ NodeID }) => NodeID === client.id));
    };
    const works = (at: ShownNode): boolean => !hasEngines || redis(at, "set", "who", at.name) === "OK";
    const [victim, other] = await on();
    if (victim === undefined || other === undefined) throw new Error("they are not on two nodes");
    for (const each of [victim, other]) await until(`${each.name} answers`, () => works(each));
    await small.lab("kill", victim.name);
    if (hasEngines) t.is(redis(victim, "ping"), "", "a container dies with its machine");
    await until("its instance runs elsewhere", async () => {
      const now = await on();
      return now.length === 2 && now.every(({ name }) => name !== victim.name);
    });
    for (const each of await on()) await until(`${each.name} answers`, () => works(each));
    if (hasEngines) t.is(redis(other, "get", "who"), other.name, "each is a Redis of its own");
    // Its power comes back when there is no server: it runs what it ran, and is what the server takes it for afterwards.
    const before = await running(server, id);
    await small.lab("kill", server.name);
    if (hasEngines) t.is(redis(other, "ping"), "PONG", "without a server all goes on");
    await small.lab("kill", other.name);
    await small.lab("start", other.name);
    if (hasEngines) await until("it runs again without a server", () => redis(other, "ping") === "PONG");
    await small.lab("start", server.name);
    await until("the server counts it as running", async () => {
      const ids = (await running(server, id)).map(({ ID }) => ID);
      return before.every(({ ID }) => ids.includes(ID));
    });

    await small.lab("pause", other.name);
    const states = await small.status();
    t.deepEqual(
      [victim, other].map(({ name }) => states.find((each) => each.name === name)?.state),
      ["down", "paused"],
    );
    await small.lab("resume", other.name);
    await small.lab("start", victim.name);
    t.regex((await small.try("kill", "nobody")).stderr, /there are server1, client1, client2, client3/);
    await small.lab("down");
    t.true(states.every(({ dataDir }) => !existsSync(dataDir)));
  },
);

test.serial("three servers: the leader dies under writes, another leads, and nothing is lost", async (t) => {
  t.timeout(600_000);
  const nodes = await large.up("-servers", "3", "-clients", "1", "-docker=shared");
  const servers = nodes.filter(({ role }) => role === "server");
  const writer = new SteadyWriter(servers.map(({ http }) => http.consul));
  try {
    const client = named(nodes, "client1");
    await large.run(client, job("stays", 1, "client1"));
    await until("it runs", async () => (await running(client, "stays")).length === 1);
    const before = await running(client, "stays");
    let dead: ShownNode | undefined;
    await until("they agree who leads", async () => (dead = await leaderAmong(servers)) !== undefined);
    if (dead === undefined) throw new Error("nobody leads");
    const { name } = dead;
    const others = servers.filter((each) => each.name !== name);
    const [one] = others;
    if (one === undefined) throw new Error("no other server");
    await until("writes flow", () => writer.count > 30);
    await large.lab("kill", name);
    const written = writer.count;
    await until("another leads", async () => (await leaderAmong(others)) !== undefined);
    await until("writes go on", () => writer.count > written + 30);
    const stale = await fetch(`${one.http.consul}/v1/kv/steady/1?raw&stale`);
    t.is(await stale.text(), "1", "each server answers reads");
    await large.run(client, job("after", 1, "client1"));
    await until("new jobs are placed", async () => (await running(one, "after")).length === 1);
    t.deepEqual(await running(one, "stays"), before, "what ran was left alone");

    await until("the metrics tell who is missing", async () => {
      const up = (await gauges(one)).filter(({ Name }) => Name === "lares.etcd.up");
      return up.length === 3 && up.reduce((sum, { Value }) => sum + Value, 0) === 2;
    });

    await large.lab("start", name);
    await until("all three hold the state again", async () => {
      const { Members } = await stateAt(one.http.nomad);
      return Members.length === 3 && Members.every(({ Voter, Healthy }) => Voter && Healthy);
    });
    await writer.stop();
    for (const server of servers) await writer.verify(server.http.consul, t.deepEqual);
    t.log(`longest pause of writes: ${Math.round(writer.longestPauseMs)} ms`);
  } finally {
    await writer.stop();
  }
});

test.serial("slow lines, wrong clocks, full disks: each is there, and is over when it is healed", async (t) => {
  t.timeout(600_000);
  t.is(process.getuid?.(), 0, "only root can make these faults");
  const [server] = await broken.up("-clients", "0", "-disk=256MB");
  if (server === undefined) throw new Error("no server");
  let puts = 0;
  const put = async (): Promise<boolean> => {
    puts += 1;
    const answer = await fetch(`${server.http.consul}/v1/kv/a${puts}`, { method: "PUT", body: "x".repeat(300_000) });
    return answer.status === 200 && (await answer.text()) === "true";
  };
  const tookMs = async (): Promise<number> => {
    const began = performance.now();
    await (await fetch(`${server.http.nomad}/v1/agent/health`)).text();
    return performance.now() - began;
  };
  await broken.lab("slow", "server1", "-delay=150ms");
  t.true((await tookMs()) >= 300, "there and back");
  t.true(await put(), "what is larger than a packet passes, too");
  await broken.lab("heal", "server1");
  await until("it is near again", async () => (await tookMs()) < 150);

  // A snapshot says when it was made, by the agent's own clock.
  const clockOff = async (): Promise<number> => {
    const head = (await (await fetch(`${server.http.nomad}/v1/operator/snapshot`)).text()).split("\n")[1] ?? "";
    return JSON.parse(head).createdMs - Date.now();
  };
  await broken.lab("skew", "server1", "-by=-2h");
  await until("its clock is two hours behind", async () => Math.abs((await clockOff()) + 7_200_000) < 60_000);
  await broken.lab("skew", "server1", "-by=0s");
  await until("it is right again", async () => Math.abs(await clockOff()) < 60_000);

  await broken.lab("fill-disk", "server1");
  // What the log has room for already still goes in.
  await until("a full disk takes nothing more", async () => !(await put()));
  await broken.lab("heal", "server1");
  await until("it takes writes again", put);
});
