import { readFileSync } from "node:fs";
import test from "ava";
import { notLinearizable } from "#sim/checkers/linearizable.ts";
import { startEtcd, type TestEtcd } from "#test/base/platform/etcd/start-etcd.ts";
import { Certificates } from "#test/base/platform/etcd/certificates.ts";
import { removeFolder } from "#test/remove-folder.ts";
import { testAgent, until, type TestAgent } from "../agent.ts";
import { GrowingCluster, stateOf } from "./growth.ts";
import { RecordedCallers } from "./recorded-callers.ts";
import { SteadyWriter } from "./steady-writer.ts";
import { threeServers, type Three } from "./three.ts";

let etcd: TestEtcd;
let three: Three;
let refusals: Promise<readonly string[]>;
const [certificates, foreign] = [new Certificates(), new Certificates()];
test.before(async () => {
  etcd = await startEtcd(3, certificates);
  three = await threeServers(etcd.endpoints, tlsOf(certificates, certificates));
  refusals = Promise.all([refusal(foreign, certificates), refusal(certificates, foreign)]);
});
test.after.always(async () => {
  // Tasks outlive their agents: they are ended first.
  const [any] = three?.agents ?? [];
  if (any !== undefined) {
    for (const id of JOBS) await fetch(`${any.nomad}/v1/job/${id}`, { method: "DELETE" });
    await until(
      "all tasks end",
      async () => (await Promise.all(JOBS.map((id) => running(any, id)))).flat().length === 0,
    );
  }
  await three?.remove();
  await etcd?.stop();
  for (const each of [certificates, foreign]) each.remove();
});

/** As a configuration says whom to believe and what to show. */
function tlsOf({ folder: ca }: Certificates, { folder: own }: Certificates): string {
  return `ca_file = "${ca}/ca.crt"\n    cert_file = "${own}/node.crt"\n    key_file = "${own}/node.key"`;
}

/** What an agent says that cannot open the etcd; it is tried for a while. */
async function refusal(ca: Certificates, own: Certificates): Promise<string> {
  const endpoints = JSON.stringify(etcd.endpoints);
  const config = `state {\n  etcd {\n    endpoints = ${endpoints}\n    ${tlsOf(ca, own)}\n  }\n}`;
  let dir = "";
  const prepare = (made: string): void => void (dir = made);
  const said = await testAgent({ config, prepare }).then(
    async (agent) => {
      await agent.remove();
      return "it serves";
    },
    (thrown: unknown) => String(thrown),
  );
  removeFolder(dir);
  return said;
}

/** All that are submitted here. */
const JOBS = ["spread", "after", "new", "during"];
/** `without`: the node it may not run on, because nobody there would start it. */
const job = (id: string, count: number, without: string) =>
  JSON.stringify({
    Job: {
      ID: id,
      Constraints: [{ LTarget: "${node.unique.name}", RTarget: without, Operand: "!=" }],
      Type: "service",
      Datacenters: ["dc1"],
      TaskGroups: [
        {
          Name: "g",
          Count: count,
          Tasks: [
            {
              Name: "t",
              Driver: "raw_exec",
              Config: { command: "sleep", args: ["600"] },
              Resources: { CPU: 20, MemoryMB: 20 },
            },
          ],
        },
      ],
    },
  });
const nameOf = (agent: TestAgent) => three.names[three.agents.indexOf(agent)] ?? "";
const submit = async (agent: TestAgent, id: string, { count = 1, without = "nobody" }) => {
  const response = await fetch(`${agent.nomad}/v1/jobs`, { method: "PUT", body: job(id, count, without) });
  if (response.status !== 200) throw new Error(`${response.status}: ${await response.text()}`);
};
const running = async (agent: TestAgent, id: string) => {
  const response = await fetch(`${agent.nomad}/v1/job/${id}/allocations`);
  const allocs: { ClientStatus: string; ID: string }[] = JSON.parse(await response.text());
  return allocs.filter(({ ClientStatus }) => ClientStatus === "running").map(({ ID }) => ID);
};
const others = (leader: TestAgent) => three.agents.filter((one) => one !== leader);
const at = (agents: readonly TestAgent[], i: number): TestAgent => {
  const found = agents[i];
  if (found === undefined) throw new Error(`no agent ${i}`);
  return found;
};

test.serial("every server answers, takes writes and knows who leads", async (t) => {
  t.timeout(600_000);
  const leader = await three.agreed();
  const [follower, another] = [at(others(leader), 0), at(others(leader), 1)];
  const put = await fetch(`${follower.consul}/v1/kv/a`, { method: "PUT", body: "1" });
  t.is(await put.text(), "true");
  // Read at once where it was not written.
  const read = await fetch(`${another.consul}/v1/kv/a?raw`);
  t.is(await read.text(), "1");
  t.is(read.headers.get("x-consul-knownleader"), "true");
  t.is(read.headers.get("x-consul-effective-consistency"), "leader");
  const stale = await fetch(`${another.consul}/v1/kv/a?stale`);
  t.is(stale.status, 200);
  t.true(Number(stale.headers.get("x-consul-lastcontact")) < 5000);
  await until("each names the same three", async () => {
    const peers = await Promise.all(three.agents.map((agent) => agent.get("/v1/status/peers")));
    const [named] = peers;
    return (
      Array.isArray(named) && new Set(named).size === 3 && new Set(peers.map((one) => JSON.stringify(one))).size === 1
    );
  });
  await submit(follower, "spread", { count: 3 });
  await until("three run", async () => (await running(another, "spread")).length === 3);
});

test.serial(
  "a session made at one server is renewed and ended through others, and its lock is the leader's",
  async (t) => {
    t.timeout(600_000);
    const leader = await three.agreed();
    const [one, two] = [at(others(leader), 0), at(others(leader), 1)];
    const made = await fetch(`${one.consul}/v1/session/create`, {
      method: "PUT",
      body: JSON.stringify({ TTL: "10s" }),
    });
    const { ID } = JSON.parse(await made.text());
    const lock = (agent: TestAgent, verb: string) =>
      fetch(`${agent.consul}/v1/kv/lock?${verb}=${ID}`, { method: "PUT" }).then((answer) => answer.text());
    t.is(await lock(two, "acquire"), "true");
    t.is((await fetch(`${two.consul}/v1/session/renew/${ID}`, { method: "PUT" })).status, 200);
    t.is(await lock(leader, "release"), "true");
    t.is((await fetch(`${one.consul}/v1/session/destroy/${ID}`, { method: "PUT" })).status, 200);
    t.deepEqual(await two.get(`/consul/v1/session/info/${ID}`), []);
  },
);

test.serial("the leadership is handed over, and no request fails meanwhile", async (t) => {
  t.timeout(600_000);
  const before = await three.agreed();
  const target = at(others(before), 0);
  const asked = at(others(before), 1);
  let over = false;
  const failures: string[] = [];
  const load = three.agents.map(async (agent, i) => {
    for (let n = 0; !over; n++) {
      const answer = await fetch(`${agent.consul}/v1/kv/load/${i}`, { method: "PUT", body: `${n}` });
      const text = await answer.text();
      if (answer.status !== 200 || text !== "true") failures.push(`${answer.status}: ${text}`);
      // What only the leader can do goes to it, or to whoever leads by then. These servers do not gossip with each other.
      const session = await fetch(`${agent.consul}/v1/session/create`, {
        method: "PUT",
        body: '{"TTL":"10s","NodeChecks":[]}',
      });
      if (session.status !== 200) failures.push(`${session.status}: ${await session.text()}`);
      const read = await fetch(`${agent.consul}/v1/kv/load/${i}?raw`);
      if ((await read.text()) !== `${n}`) failures.push(`${agent.nomad} did not read what it wrote`);
    }
  });
  const id = `${nameOf(target)}.global`;
  // At a server that does not lead: it is passed on.
  // On a machine that is busy it may miss its turn, which is said.
  await until("it leads", async () => {
    const answer = await fetch(`${asked.nomad}/v1/operator/raft/transfer-leadership?id=${id}`, { method: "PUT" });
    const text = await answer.text();
    return answer.status === 200 || /leads already/.test(text);
  });
  t.is(await three.agreed(), target);
  over = true;
  await Promise.all(load);
  t.deepEqual(failures, []);
  await submit(before, "after", {});
  await until("it runs", async () => (await running(target, "after")).length === 1);
});

test.serial("the leader is killed: another leads, places jobs, and what runs keeps running", async (t) => {
  t.timeout(600_000);
  const dead = await three.agreed();
  const alive = others(dead);
  const before = await running(at(alive, 0), "spread");
  await dead.kill();
  const leader = await three.agreed(alive);
  await submit(at(alive, 0), "new", { without: nameOf(dead) });
  await until("the new job runs", async () => (await running(at(alive, 1), "new")).length === 1);
  t.deepEqual(new Set(await running(leader, "spread")), new Set(before), "nothing was moved");
  await dead.start();
  await three.agreed();
  t.is(new Set(await running(dead, "spread")).size, 3);
});

test.serial("the leader is paused: another takes over, and the woken one commits nothing", async (t) => {
  t.timeout(600_000);
  const paused = await three.agreed();
  const alive = others(paused);
  process.kill(paused.pid(), "SIGSTOP");
  try {
    const leader = await three.agreed(alive);
    await submit(leader, "during", { without: nameOf(paused) });
    await until("it runs", async () => (await running(leader, "during")).length >= 1);
  } finally {
    process.kill(paused.pid(), "SIGCONT");
  }
  await three.agreed();
  await until("the woken one has noticed", () => paused.log().includes("this server follows"));
  await until("and knows what was placed meanwhile", async () => (await running(paused, "during")).length >= 1);
  t.is((await running(paused, "during")).length, 1);
});

test.serial(
  "an etcd of somebody else's that is not believed, or does not believe us, is named with what is wrong",
  async (t) => {
    t.timeout(600_000);
    const [wrongAuthority = "", wrongCertificate = ""] = await refusals;
    t.regex(wrongAuthority, /no etcd member answered: https:.*signed by none of the authorities in ca_file/);
    t.regex(wrongCertificate, /no etcd member answered: https:.*refuses the certificate in cert_file/);
  },
);

test.serial("an etcd member is killed: writes go on", async (t) => {
  t.timeout(600_000);
  const [member] = etcd.members;
  member?.kill("SIGKILL");
  for (const [i, agent] of three.agents.entries()) {
    const put = await fetch(`${agent.consul}/v1/kv/without/${i}`, { method: "PUT", body: "x" });
    t.is(await put.text(), "true");
  }
  await member?.restart();
});

test.serial(
  "what callers of all servers see has one order, while servers and members are killed and paused",
  async (t) => {
    t.timeout(600_000);
    const callers = new RecordedCallers(
      three.agents.map(({ consul }) => consul),
      "history",
    );
    const some = () => Array.from(callers.calls.values()).reduce((sum, calls) => sum + calls.length, 0);
    const further = async (): Promise<void> => {
      const before = some();
      await until("callers are answered", () => some() > before + 30);
    };
    await further();
    const killed = await three.agreed();
    await killed.kill();
    await further();
    etcd.members[1]?.kill("SIGKILL");
    await further();
    await killed.start();
    await etcd.members[1]?.restart();
    const paused = await three.agreed();
    process.kill(paused.pid(), "SIGSTOP");
    await further();
    etcd.members[2]?.kill("SIGSTOP");
    await further();
    process.kill(paused.pid(), "SIGCONT");
    etcd.members[2]?.kill("SIGCONT");
    await further();
    await callers.stop();
    for (const [key, calls] of callers.calls) t.is(notLinearizable(calls), undefined, key);
    t.true(some() > 150);
  },
);

/** More than fit into one transaction. */
const MANY = 10_050;
const PER_TXN = 64;
const LANES = 4;

test.serial("a server that restores a snapshot is killed in the middle: all of it is there, or nothing", async (t) => {
  t.timeout(600_000);
  const [one, two, other] = [at(three.agents, 0), at(three.agents, 1), at(three.agents, 2)];
  await three.agreed();
  const lanes = Array.from({ length: LANES }, async (_, lane) => {
    for (let from = lane * PER_TXN; from < MANY; from += LANES * PER_TXN) {
      const keys = Array.from({ length: Math.min(PER_TXN, MANY - from) }, (_, i) => `many/${from + i}`);
      const body = JSON.stringify(keys.map((Key) => ({ KV: { Verb: "set", Key, Value: "eA==" } })));
      t.is((await fetch(`${one.consul}/v1/txn`, { method: "PUT", body })).status, 200);
    }
  });
  await Promise.all(lanes);
  const snapshot = await (await fetch(`${one.nomad}/v1/operator/snapshot`)).arrayBuffer();
  const seen = new Set<number>();
  const count = async (agent: TestAgent): Promise<number> => {
    const answer = await fetch(`${agent.consul}/v1/kv/many/?keys&stale`);
    const keys: unknown = answer.status === 200 ? await answer.json() : [];
    return Array.isArray(keys) ? keys.length : -1;
  };
  // While it is put beside the state, and while it is written.
  for (const further of [2, 5]) {
    t.is((await fetch(`${one.consul}/v1/kv/many/?recurse`, { method: "DELETE" })).status, 200);
    await until("it is seen that they are gone", async () => (await count(two)) + (await count(other)) === 0);
    const before = (await stateOf(two)).Revision;
    const restoring = fetch(`${one.nomad}/v1/operator/snapshot`, { method: "PUT", body: snapshot }).catch(() => {});
    await until("it has come so far", async () => {
      for (const agent of [two, other]) seen.add(await count(agent));
      return (await stateOf(two)).Revision >= before + further;
    });
    await one.kill();
    await restoring;
    await one.start();
    await until("all three show the same, and are done", async () => {
      const counts = await Promise.all([one, two, other].map(count));
      for (const each of counts) seen.add(each);
      const put = await fetch(`${two.consul}/v1/kv/done/${further}`, { method: "PUT", body: "x" });
      return (await put.text()) === "true" && new Set(counts).size === 1;
    });
    t.log(`cut off after ${further} writes: ${await count(one)} keys`);
  }
  t.deepEqual(
    [...seen].filter((each) => each !== 0 && each !== MANY),
    [],
  );
});

const portOf = (agent: TestAgent, name: string): string =>
  new RegExp(`\\b${name} += (\\d+)`).exec(readFileSync(`${agent.dir}/agent.hcl`, "utf8"))?.[1] ?? "";

test.serial("from one server to three and back: no write is lost, and indexes never fall", async (t) => {
  t.timeout(600_000);
  const cluster = new GrowingCluster();
  let writer: SteadyWriter | undefined;
  try {
    const one = await cluster.add("g0");
    for (let i = 0; i < 300; i++) await fetch(`${one.consul}/v1/kv/old/${i}`, { method: "PUT", body: `${i}` });
    writer = new SteadyWriter([one.consul]);
    const before = await stateOf(one);
    t.is(before.Engine, "sqlite");
    const heard = `discovery { retry_join = ["127.0.0.1:${portOf(one, "gossip")}"] }`;
    const two = await cluster.add("g1", heard);
    t.regex(cluster.said, /the cluster has 2 servers now: an even number survives no more losses/);
    await until("it stands by", () => two.log().includes("stands by"));
    t.is((await stateOf(one)).Engine, "sqlite");
    t.is(await (await fetch(`${two.consul}/v1/kv/old/7?raw`)).text(), "7", "it answers for the cluster meanwhile");
    const refused = async (): Promise<void> => {
      const cloned = await t.throwsAsync(cluster.clone(two));
      t.regex(cloned?.message ?? "", /a node with this one's identity runs already/);
    };
    await refused();
    // Nobody tells the state to move.
    const three = await cluster.add("g2", heard);
    await until("all members vote", () =>
      stateOf(three).then(
        ({ Members }) => Members.length === 3 && Members.every(({ Voter, Healthy }) => Voter && Healthy),
        () => false,
      ),
    );
    t.true((await stateOf(one)).Revision > before.Revision);
    await writer.verify(three.consul, t.deepEqual);
    t.is(await (await fetch(`${two.consul}/v1/kv/old/299?raw`)).text(), "299");

    await refused();

    // The leader dies for good: writes go on, its member is taken out, and a new one takes its place.
    const leads = async (): Promise<boolean> =>
      JSON.stringify(await three.get("/v1/status/leader")).includes(`:${portOf(three, "rpc")}"`);
    await until("it leads", async () => {
      await three.lares("operator", "raft", "transfer-leadership", "-peer-id", "g2.global");
      return leads();
    });
    await three.kill();
    // Who found its new leader by then; the other is not waited for as long as nobody knew that it is gone.
    await until(
      "its node is down, within less than a new leader gives to all",
      async () => /g2 .*down/.test((await one.lares("node", "status")).stdout),
      200_000,
    );
    await until("the dead member is taken out", () =>
      stateOf(one).then(
        ({ Members }) => Members.length === 2,
        () => false,
      ),
    );
    t.regex((await one.lares("operator", "state")).stdout, /Warning += an even number of servers \(2\)/);
    const four = await cluster.add("g3", heard);
    await until("three members again", async () => (await stateOf(two)).Members.length === 3);
    await until("it has left, as everybody sees", async () => {
      const { stdout } = await two.lares("server", "members");
      return /^g2\.global .* left /m.test(stdout) && (stdout.match(/ alive /g) ?? []).length === 3;
    });
    t.regex((await one.lares("member", "list")).stdout, /^g2 +server +left /m);
    const nodes = async (): Promise<unknown> => two.get("/consul/v1/catalog/nodes");
    await until("the catalog has lost it", async () => !JSON.stringify(await nodes()).includes('"g2"'));
    // It was given up meanwhile, and takes part anew.
    await three.start();
    await until("four members", async () => {
      const { Members } = await stateOf(two);
      return Members.length === 4 && Members.every(({ Voter, Healthy }) => Voter && Healthy);
    });
    await until(
      "it is there again",
      async () => (await one.lares("member", "list")).stdout.match(/ alive /g)?.length === 4,
    );

    // Back to one.
    for (const [agent, name] of [
      [four, "g3"],
      [three, "g2"],
      [two, "g1"],
    ] as const) {
      // Whichever leads: a leader is asked to let another one lead first.
      await until(`${name} is out`, async () => {
        const { code } = await one.lares("operator", "raft", "remove-peer", "-peer-id", `${name}.global`);
        if (code !== 0) await one.lares("operator", "raft", "transfer-leadership", "-peer-id", "g0.global");
        return code === 0;
      });
      if (agent !== four) await agent.kill();
    }
    await until("a server that was taken out goes on as a client", () =>
      four.log().includes("none of the cluster's servers any more"),
    ).catch((thrown: unknown) => {
      t.log(four.log().slice(-4000));
      throw thrown;
    });
    const high = (await stateOf(one)).Revision;
    const back = await one.lares("operator", "state", "move", "-to", "sqlite");
    t.is(back.code, 0, back.stderr);
    await until("it serves from SQLite", () =>
      stateOf(one).then(
        ({ Engine }) => Engine === "sqlite",
        () => false,
      ),
    );
    t.true((await stateOf(one)).Revision >= high);
    await writer.stop();
    await writer.verify(one.consul, t.deepEqual);
    t.is(await (await fetch(`${one.consul}/v1/kv/old/0?raw`)).text(), "0");
    t.is(writer.indexFell, "");
    await one.stop();
    await one.start();
    await writer.verify(one.consul, t.deepEqual);
    t.log(`longest pause of writes: ${Math.round(writer.longestPauseMs)} ms`);
  } finally {
    await writer?.stop();
    await cluster.remove();
  }
});
