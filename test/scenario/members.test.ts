import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { createServer } from "node:net";
import anyTest from "ava";
import type { TestFn } from "ava";
import * as v from "valibot";
import { until } from "./agent.ts";
import { memberCluster, type MemberCluster, type TestNode } from "./member-cluster.ts";

const test = anyTest as TestFn<{ cluster: MemberCluster }>;

test.before(async (t) => {
  t.context.cluster = await memberCluster();
});
test.after.always((t) => t.context.cluster.remove());

const Allocs = v.array(v.object({ ID: v.string(), NodeID: v.string(), ClientStatus: v.string() }));
const Nodes = v.array(v.object({ ID: v.string(), Name: v.string(), Status: v.string() }));
const Members = v.array(v.object({ NodeID: v.string(), Name: v.string(), Role: v.string(), Issuer: v.string() }));
const Authorities = v.array(v.object({ ID: v.string(), State: v.string() }));
const Tokens = v.array(v.object({ ID: v.string(), Revoked: v.string() }));

const job = `job "everywhere" {
  type = "system"
  group "g" {
    service {
      name     = "everywhere"
      provider = "consul"
    }
    task "t" {
      driver = "raw_exec"
      config {
        command = "/bin/sh"
        args    = ["-c", "echo here is $NOMAD_ALLOC_ID; exec sleep 3600"]
      }
      resources {
        cpu    = 20
        memory = 20
      }
    }
  }
}
`;

async function join(cluster: MemberCluster, node: TestNode, ...more: string[]): Promise<void> {
  const joined = await cluster.lares([...cluster.line, "-config", node.config, ...more]);
  if (joined.code !== 0) throw new Error(`${node.name}: ${joined.stderr}`);
  await node.start();
}

test.serial("what may not join is told why, and is no half member", async (t) => {
  t.timeout(600_000);
  const { cluster } = t.context;
  const [command = "", address = "", token = ""] = cluster.line;
  const node = await cluster.node("refused");
  // As where a firewall swallows what is sent; told at the end, when it has waited long enough.
  const silence = createServer().listen(0, "127.0.0.1");
  await once(silence, "listening");
  t.teardown(() => silence.close());
  const nobody = silence.address();
  const silent = typeof nobody === "object" ? `127.0.0.1:${nobody?.port}` : "";
  const unheard = cluster.lares([command, silent, token, "-config", node.config]);
  const refused = async (says: RegExp, at: string, by: string, ...more: string[]): Promise<void> => {
    const ran = await cluster.lares([command, at, by, "-config", node.config, ...more]);
    t.not(ran.code, 0);
    t.regex(ran.stderr, says);
    t.false(existsSync(`${node.dir}/data/cluster`));
  };
  const [prefix, id, secret, pin = ""] = token.split(".");
  await refused(/no join token, or not all of it/, address, token.slice(0, -9));
  await refused(
    /of another cluster than the token/,
    address,
    [prefix, id, secret, pin.split("").toReversed().join("")].join("."),
  );
  await refused(/knows no such join token/, address, [prefix, id, `${secret}x`, pin].join("."));
  await refused(/cannot reach a server at 127\.0\.0\.1:1\b/, "127.0.0.1:1", token);
  await refused(/no internal API of a server/, cluster.server.nomad.slice(7), token);
  await refused(/makes this node no server/, address, token, "-server");
  const made = await cluster.lares(["join-token", "create", "-uses=1"]);
  const [, , , short = ""] = made.stdout.trim().split(" ");
  const shortId = short.split(".")[1] ?? "";
  t.is((await cluster.lares(["join-token", "revoke", shortId])).code, 0);
  await refused(/was revoked/, address, short);
  const listed = v.parse(Tokens, await cluster.get("/v1/cluster/join-tokens"));
  t.deepEqual(Object.fromEntries(listed.map(({ ID, Revoked }) => [ID, Revoked !== ""])), {
    [id ?? ""]: false,
    [shortId]: true,
  });
  const server = await cluster.node("refused-server", "server");
  mkdirSync(`${server.dir}/data/state`, { recursive: true });
  writeFileSync(`${server.dir}/data/state/log`, "");
  const foreign = await cluster.lares([command, address, token, "-config", server.config, "-server"]);
  t.regex(foreign.stderr, /holds the state of a server already/);
  t.false(existsSync(`${server.dir}/data/cluster`));
  const { code, stderr } = await unheard;
  t.not(code, 0);
  t.regex(stderr, new RegExp(`cannot reach a server at ${silent}: .*[^]*is port 4647 open in the firewalls between`));
  t.false(existsSync(`${node.dir}/data/cluster`));
  const stranger = await t.throwsAsync(node.start());
  t.regex(stranger?.message ?? "", /no member of a cluster/);
});

test.serial("clients join, run tasks, and answer for the whole cluster", async (t) => {
  t.timeout(600_000);
  const { cluster } = t.context;
  const [one, two] = [await cluster.node("one"), await cluster.node("two")];
  await join(cluster, one);
  await join(cluster, two);
  await until("all nodes are ready", async () => {
    const nodes = v.parse(Nodes, await cluster.get("/v1/nodes", two));
    return nodes.length === 3 && nodes.every(({ Status }) => Status === "ready");
  });
  const copy = await cluster.node("copy");
  cpSync(`${one.dir}/data/client`, `${copy.dir}/data/client`, { recursive: true });
  const cloned = await cluster.lares([...cluster.line, "-config", copy.config]);
  t.regex(cloned.stderr, /belongs to one .*copy of its disk.*remove the folder `client`/s);
  // A copy of the whole disk, under another address.
  const whole = await cluster.node("whole");
  spawnSync("cp", ["-a", `${one.dir}/data`, `${whole.dir}/data`]);
  const refusal = await t.throwsAsync(whole.start());
  t.regex(refusal?.message ?? "", /a node with this one's identity runs already .*copy of its disk.*`client`/s);
  const registered = await fetch(`${one.nomad}/v1/jobs/parse`, {
    method: "POST",
    body: JSON.stringify({ JobHCL: job }),
  });
  t.is(registered.status, 403, "access is controlled on every node");
  const ran = await cluster.lares(["job", "run", "-detach", jobFile(cluster)], one);
  t.is(ran.code, 0, ran.stderr);
  const allocs = await runningOn(cluster, 3);
  for (const at of [cluster.server, one, two]) {
    for (const { ID } of allocs) {
      // A task that runs has not written yet.
      const logs = async () => (await cluster.lares(["alloc", "logs", ID], at)).stdout.trim();
      await until(`${at.name} has the log of ${ID}`, async () => (await logs()) === `here is ${ID}`);
    }
  }
  const away = allocs.find(({ NodeID }) => NodeID !== allocs[0]?.NodeID)?.ID ?? "";
  for (const at of [cluster.server, one, two]) {
    const inside = await cluster.lares(["alloc", "exec", "-t=false", "-i=false", away, "/bin/echo", "hello"], at);
    t.is(inside.stdout.trim(), "hello", `${at.name}: ${inside.stderr}`);
  }
  await until("every node is in the catalog of each", async () => {
    const found = await Promise.all(
      [cluster.server, one].map((at) => cluster.get("/consul/v1/catalog/service/everywhere", at)),
    );
    return found.every((list) => Array.isArray(list) && list.length === 3);
  });
  t.is((await cluster.lares(["kv", "put", "a/b", "by one"], one)).code, 0);
  t.is((await cluster.lares(["kv", "get", "a/b"], two)).stdout.trim(), "by one");
  // A lock goes with the node that holds it, not with the server that was asked.
  const done = `${cluster.dir}/done`;
  const locking = (async () => {
    // Refused as long as gossip of a busy machine has given the node up.
    while (!existsSync(done)) await cluster.lares(["lock", "a/lock", `until [ -e ${done} ]; do sleep 0.1; done`], one);
  })();
  await until("the session is of the node that asked", async () => {
    const sessions = await cluster.get("/consul/v1/session/list");
    return JSON.stringify(sessions).includes('"Node":"one"');
  });
  writeFileSync(done, "");
  await locking;
});

const keeper = `job "keeper" {
  group "g" {
    ephemeral_disk {
      migrate = true
      size    = 200
    }
    task "t" {
      driver       = "raw_exec"
      kill_timeout = "1s"
      config {
        command = "/bin/sh"
        args    = ["-c", "echo $NOMAD_ALLOC_ID >>$NOMAD_ALLOC_DIR/data/ran; cat $NOMAD_ALLOC_DIR/data/ran; exec sleep 3600"]
      }
      resources {
        cpu    = 20
        memory = 20
      }
    }
  }
}
`;

test.serial("a disk moves with its allocation, from any node to any other", async (t) => {
  t.timeout(600_000);
  const { cluster } = t.context;
  writeFileSync(`${cluster.dir}/keeper.hcl`, keeper);
  const registered = await cluster.lares(["job", "run", "-detach", `${cluster.dir}/keeper.hcl`]);
  t.is(registered.code, 0, registered.stderr);
  const ran: string[] = [];
  for (let move = 0; move < 3; move++) {
    let now: v.InferOutput<typeof Allocs>[number] | undefined;
    await until("it runs on another node", async () => {
      const read = v.safeParse(Allocs, await cluster.get("/v1/job/keeper/allocations"));
      now = read.success ? read.output.find((each) => each.ClientStatus === "running" && !ran.includes(each.ID)) : now;
      return now !== undefined;
    });
    ran.push(now?.ID ?? "");
    await until("it finds what those before it wrote", async () => {
      const { stdout } = await cluster.lares(["alloc", "logs", now?.ID ?? ""]);
      return stdout === ran.map((id) => `${id}\n`).join("");
    });
    // Nodes that were left stay closed, so that it is on each of the three once.
    const drained = await cluster.lares([
      "node",
      "drain",
      "-enable",
      "-ignore-system",
      "-detach",
      "-yes",
      now?.NodeID ?? "",
    ]);
    t.is(drained.code, 0, drained.stderr);
  }
  t.is((await cluster.lares(["job", "stop", "-purge", "-detach", "keeper"])).code, 0);
  for (const { ID } of v.parse(Nodes, await cluster.get("/v1/nodes")))
    t.is((await cluster.lares(["node", "drain", "-disable", "-yes", ID])).code, 0);
});

test.serial("tasks outlive servers and agents, and are known again afterwards", async (t) => {
  t.timeout(600_000);
  const { cluster } = t.context;
  const before = await runningOn(cluster, 3);
  const two = nodeNamed(cluster, "two");
  await cluster.server.end("SIGKILL");
  await two.end("SIGTERM");
  // Nobody tells it what to run, nor who the others are.
  await two.start();
  await cluster.server.start();
  await until("all nodes are ready again", async () => {
    const nodes = await cluster.get("/v1/nodes", two);
    const read = v.safeParse(Nodes, nodes);
    return read.success && read.output.length === 3 && read.output.every(({ Status }) => Status === "ready");
  });
  const after = await runningOn(cluster, 3);
  t.deepEqual(after.map(({ ID }) => ID).toSorted(), before.map(({ ID }) => ID).toSorted());
});

test.serial("the authority is replaced while everything runs", async (t) => {
  t.timeout(600_000);
  const { cluster } = t.context;
  const [old] = v.parse(Authorities, await cluster.get("/v1/cluster/authorities"));
  t.is((await cluster.lares(["authority", "rotate"])).code, 0);
  await until("the new authority is alone, and signed for all", async () => {
    const authorities = v.parse(Authorities, await cluster.get("/v1/cluster/authorities"));
    const members = v.parse(Members, await cluster.get("/v1/cluster/members"));
    const [only] = authorities;
    return authorities.length === 1 && only?.ID !== old?.ID && members.every(({ Issuer }) => Issuer === only?.ID);
  });
  const logs = await cluster.lares(
    ["alloc", "logs", (await runningOn(cluster, 3))[2]?.ID ?? ""],
    nodeNamed(cluster, "one"),
  );
  t.regex(logs.stdout, /here is/);
});

function nodeNamed(cluster: MemberCluster, name: string): TestNode {
  const found = cluster.nodes().find((each) => each.name === name);
  if (found === undefined) throw new Error(`no node ${name}`);
  return found;
}

function jobFile({ dir }: MemberCluster): string {
  writeFileSync(`${dir}/job.hcl`, job);
  return `${dir}/job.hcl`;
}

async function runningOn(cluster: MemberCluster, count: number): Promise<v.InferOutput<typeof Allocs>> {
  let found: v.InferOutput<typeof Allocs> = [];
  await until(`${count} allocations run`, async () => {
    const read = v.safeParse(Allocs, await cluster.get("/v1/job/everywhere/allocations"));
    found = read.success ? read.output.filter(({ ClientStatus }) => ClientStatus === "running") : [];
    return found.length === count;
  });
  return found;
}

const Items = v.object({ Items: v.record(v.string(), v.string()) });
const GaugesSchema = v.object({ Gauges: v.array(v.object({ Name: v.string(), Value: v.number() })) });
const Checks = v.array(v.object({ CheckID: v.string(), Status: v.string(), Output: v.string() }));

/** A cluster whose first server makes backups into `folder`. */
async function withBackups(folder: string, interval: string): Promise<MemberCluster> {
  const cluster = await memberCluster();
  const { server } = cluster;
  await server.end("SIGTERM");
  const text = readFileSync(server.config, "utf8").replace("server { enabled = true }", () => serverBlock);
  writeFileSync(
    server.config,
    `${text}\nbackup {\n  interval = "${interval}"\n  target "nas" {\n    folder = "${folder}"\n  }\n}\n`,
  );
  await server.start();
  return cluster;
}

const serverBlock = `server {
  enabled      = true
  snapshot_key = "a long passphrase"
}`;

test.serial(
  "a cluster that is lost comes back from its backup on another machine, secrets and certificates too",
  async (t) => {
    t.timeout(600_000);
    const lost = await withBackups("/tmp/not/there", "1h");
    t.teardown(() => lost.remove());
    const folder = `${lost.dir}/nas`;
    const failing = async () => v.safeParse(Checks, await lost.get("/consul/v1/health/checks/lares-backup"));
    await until("the catalog says that it fails", async () => {
      const checks = await failing();
      return checks.success && checks.output[0]?.Status === "critical" && /no folder/.test(checks.output[0].Output);
    });
    const status = await lost.lares(["operator", "snapshot", "status"]);
    t.is(status.code, 1);
    t.regex(status.stdout, /nas fails .*there is no folder \/tmp\/not\/there/);
    mkdirSync(folder);
    await lost.server.end("SIGTERM");
    writeFileSync(lost.server.config, readFileSync(lost.server.config, "utf8").replace("/tmp/not/there", folder));
    await lost.server.start();
    t.is((await lost.lares(["var", "put", "secret/tv", "pin=1234"])).code, 0);
    t.is((await lost.lares(["kv", "put", "color", "green"])).code, 0);
    const ran = await lost.lares(["operator", "snapshot", "run"]);
    t.is(ran.code, 0, ran.stderr);
    const { Gauges } = v.parse(GaugesSchema, await lost.get("/v1/metrics"));
    t.is(Gauges.find(({ Name }) => Name === "lares.backup.failing")?.Value, 0);
    await lost.server.end("SIGKILL");

    const found = await withBackups(folder, "0s");
    t.teardown(() => found.remove());
    const restore = (...flags: string[]) =>
      found.lares(["operator", "snapshot", "restore", ...flags, "-from=nas", "latest"]);
    const refused = await restore();
    t.is(refused.code, 1);
    t.regex(refused.stderr, /nothing was restored: the snapshot is of the cluster [\s\S]*restore with -force/);
    const done = await restore("-force");
    t.is(done.code, 0, done.stderr);
    // The lost cluster's token holds here now.
    await until("the server is of the restored cluster", async () => {
      const read = await lost.lares(["var", "get", "-json", "secret/tv"], found.server);
      return read.code === 0 && v.parse(Items, JSON.parse(read.stdout)).Items["pin"] === "1234";
    });
    t.is((await lost.lares(["kv", "get", "color"], found.server)).stdout.trim(), "green");
    await until("nodes can join it", async () => {
      const made = await lost.lares(["join-token", "create", "-json"], found.server);
      if (made.code !== 0) return false;
      const { Token } = v.parse(v.object({ Token: v.string() }), JSON.parse(made.stdout));
      const second = await found.node(`second-${readdirSync(found.dir).length}`);
      const joined = await found.lares(["join", found.server.internal, Token, "-config", second.config, "-no-start"]);
      return joined.code === 0;
    });
  },
);
