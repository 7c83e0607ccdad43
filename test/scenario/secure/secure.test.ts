import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import test from "ava";
import * as v from "valibot";
import { startEtcd, type TestEtcd } from "#test/base/platform/etcd/start-etcd.ts";
import { removeFolder } from "#test/remove-folder.ts";
import { testAgent, until, type TestAgent } from "../agent.ts";
import { admit, admitClient, found } from "../servers/admit.ts";

const Nodes = v.array(v.object({ Name: v.string(), Status: v.string() }));
const Allocs = v.array(v.object({ ID: v.string(), ClientStatus: v.string() }));
const Health = v.object({ Healthy: v.boolean(), Leader: v.string() });
const State = v.object({ Problems: v.array(v.string()) });

const folder = mkdtempSync(join(tmpdir(), "lares-secure-"));
let etcd: TestEtcd;
const servers: TestAgent[] = [];
const SESSION = '{"TTL":"10s","NodeChecks":[]}';
let client: TestAgent;
let line: readonly string[] = [];

const NAMES = ["t0", "t1", "t2"];
const clockOf = (name: string): string => join(folder, `${name}.clock`);

test.before(async () => {
  etcd = await startEtcd(1);
  for (const name of NAMES) servers.push(await start(name));
  client = await start("c0");
});
test.after.always(async () => {
  const [any] = servers;
  if (any !== undefined) {
    await fetch(`${any.nomad}/v1/job/far`, { method: "DELETE" }).catch(() => undefined);
    await until("its task ends", async () => (await allocs(any)).every((one) => one.ClientStatus !== "running"));
  }
  await Promise.all([...servers, client].map((agent) => agent?.remove()));
  await etcd?.stop();
  removeFolder(folder);
});

/** One whose APIs speak TLS with the cluster's own certificates, and whose clock a file sets. */
async function start(name: string): Promise<TestAgent> {
  writeFileSync(clockOf(name), "0\n");
  const isServer = name !== "c0";
  const endpoints = `state {\n  etcd {\n    endpoints = ${JSON.stringify(etcd.endpoints)}\n  }\n}`;
  const prepare = (dir: string): void => {
    if (!isServer) return admitClient(dir, line);
    if (line.length > 0) return void admit(dir, line);
    line = found(dir);
  };
  const agent = await testAgent({
    config: `name = "${name}"\ntls { http = true }\n${isServer ? endpoints : ""}`,
    https: true,
    env: {
      LARES_CLOCK_FILE: clockOf(name),
      NOMAD_CACERT: join(folder, "ca.pem"),
      CONSUL_CACERT: join(folder, "ca.pem"),
    },
    prepare,
  });
  const ca = readFileSync(join(agent.dir, "data/ca.pem"), "utf8");
  writeFileSync(join(folder, "ca.pem"), ca);
  setDefaultCACertificates([...getCACertificates("default"), ca]);
  return agent;
}

async function leader(asked: TestAgent): Promise<TestAgent | undefined> {
  const health = v.safeParse(Health, await asked.get("/v1/operator/autopilot/health").catch(() => undefined));
  return health.success ? servers[NAMES.findIndex((name) => health.output.Leader === `${name}.global`)] : undefined;
}

async function allocs(asked: TestAgent): Promise<v.InferOutput<typeof Allocs>> {
  const read = v.safeParse(Allocs, await asked.get("/v1/job/far/allocations").catch(() => undefined));
  return read.success ? read.output : [];
}

const put = async ({ consul }: TestAgent, path: string, body = ""): Promise<string> => {
  const answer = await fetch(`${consul}${path}`, { method: "PUT", body });
  return `${answer.status} ${(await answer.text()).trim()}`;
};

const job = `job "far" {
  group "g" {
    constraint {
      attribute = "\${node.unique.name}"
      value     = "c0"
    }
    task "t" {
      driver = "raw_exec"
      config {
        command = "/bin/sh"
        args    = ["-c", "echo far away; exec sleep 600"]
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
  "three servers and a client whose APIs speak TLS answer, forward, run jobs and lose their leader",
  async (t) => {
    t.timeout(600_000);
    const all = [...servers, client];
    const [one] = servers;
    if (one === undefined) return t.fail();
    await until("the client is ready", async () => {
      const nodes = v.safeParse(Nodes, await one.get("/v1/nodes"));
      return nodes.success && nodes.output.some(({ Name, Status }) => Name === "c0" && Status === "ready");
    });
    const plain = await fetch(one.nomad.replace("https:", "http:")).then(
      ({ status }) => `${status}`,
      () => "refused",
    );
    t.regex(plain, /400|refused/);
    for (const [i, agent] of all.entries()) {
      t.is(await put(agent, `/v1/kv/by/${i}`, `${i}`), "200 true");
      // Only the leader does that. These agents do not gossip with each other.
      t.regex(await put(agent, "/v1/session/create", SESSION), /^200 .*"ID"/);
    }
    for (const agent of all)
      for (const i of all.keys()) t.is(await (await fetch(`${agent.consul}/v1/kv/by/${i}?raw`)).text(), `${i}`);
    writeFileSync(join(folder, "far.hcl"), job);
    const ran = await client.lares("job", "run", "-detach", join(folder, "far.hcl"));
    t.is(ran.code, 0, ran.stderr);
    await until("the client runs it", async () => (await allocs(one)).some((each) => each.ClientStatus === "running"));
    const id = (await allocs(one))[0]?.ID ?? "";
    for (const agent of all) {
      await until("the log is there", async () => (await agent.lares("alloc", "logs", id)).stdout === "far away\n");
      t.regex((await agent.lares("operator", "raft", "list-peers")).stdout, /t0[^]*t1[^]*t2/);
    }
    const dead = await leader(one);
    if (dead === undefined) return t.fail("nobody leads");
    await dead.kill();
    const alive = servers.filter((agent) => agent !== dead);
    for (const agent of [...alive, client]) {
      await until(
        "writes go on",
        async () => (await put(agent, "/v1/kv/after", agent.dir).catch(() => "")) === "200 true",
      );
      await until("another leads", async () =>
        (await put(agent, "/v1/session/create", SESSION).catch(() => "")).startsWith("200"),
      );
    }
    await dead.start();
    await until("it answers again", async () => (await fetch(`${dead.consul}/v1/kv/by/0?raw`)).status === 200);
    t.true((await allocs(dead)).some((each) => each.ID === id && each.ClientStatus === "running"));
  },
);

test.serial(
  "a server whose clock goes wrong while it runs is named by all, with what to do, until it is right",
  async (t) => {
    t.timeout(600_000);
    let one: TestAgent | undefined;
    await until("all agree who leads", async () => {
      one = await leader(servers[0] ?? client);
      const told = await Promise.all(servers.map(leader));
      return one !== undefined && told.every((each) => each === one);
    });
    const wrong = servers.find((agent) => agent !== one);
    if (one === undefined || wrong === undefined) return t.fail();
    const asked = one;
    const name = NAMES[servers.indexOf(wrong)] ?? "";
    const problems = async (agent: TestAgent): Promise<readonly string[]> =>
      v.parse(State, await agent.get("/v1/operator/state")).Problems;
    await until("nothing is wrong", async () => (await problems(asked)).length === 0);
    writeFileSync(clockOf(name), "3600000\n");
    await until("all say so", async () => {
      // On a machine that is busy another may lead meanwhile, and that one would take the others for wrong.
      if ((await leader(asked)) === wrong)
        await fetch(`${wrong.nomad}/v1/operator/raft/transfer-leadership`, { method: "PUT" });
      const said = await Promise.all(servers.map(problems));
      return said.every((each) => each.length === 1 && each.join().includes(`the clock of ${name} `));
    });
    const shown = (await asked.lares("operator", "state")).stdout;
    t.regex(
      shown,
      new RegExp(`Warning += the clock of ${name} is (59|60) min ahead of the leader's: set it right there`),
    );
    await until("so does its log", () => wrong.log().includes("this server's clock and the leader's differ"));
    await until(
      "not all are well",
      async () => !v.parse(Health, await asked.get("/v1/operator/autopilot/health")).Healthy,
    );
    t.is(await put(wrong, "/v1/kv/while-wrong", "x"), "200 true", "it goes on");
    writeFileSync(clockOf(name), "0\n");
    for (const agent of servers) await until("it is over", async () => (await problems(agent)).length === 0);
    await until("all are well", async () => v.parse(Health, await asked.get("/v1/operator/autopilot/health")).Healthy);
  },
);
