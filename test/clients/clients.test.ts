import { type ChildProcess, spawn } from "node:child_process";
import test, { type ExecutionContext } from "ava";
import { deriveKey } from "#base/platform/derive-key.ts";
import { createSystemRandom } from "#base/platform/random.ts";
import { hashPassword } from "#daemons/dns/http/password.ts";
import { testAgent, type TestAgent, until } from "../scenario/agent.ts";
import { type Act, faultsOf, guardedResource, type Resource, type Road, roadTo } from "./fencing.ts";
import { startApi } from "../daemons/dns/http/api-world.ts";
import { type Client, drive, goClient, javaClient, pythonClient } from "./programs.ts";

/** Programs that people wrote for Nomad and Consul, unmodified, against an agent of ours. `checks`: how many each makes. */
const CLIENTS: readonly {
  readonly name: string;
  readonly make: () => Promise<Client>;
  readonly checks: number;
  /** Of the agent. */
  readonly config?: string;
}[] = [
  { name: "HashiCorp's Go client for Nomad and Prometheus's discovery", make: () => goClient("."), checks: 45 },
  {
    name: "HashiCorp's Go client for Nomad, under access control,",
    make: async () => [...(await goClient(".")), "acl"],
    checks: 6,
    config: "acl { enabled = true }",
  },
  { name: "python-nomad", make: () => pythonClient("nomad_client.py"), checks: 9 },
  { name: "HashiCorp's Java SDK", make: javaClient, checks: 9 },
  { name: "HashiCorp's Go client for Consul and Prometheus's discovery", make: () => goClient("./consul"), checks: 39 },
  {
    name: "HashiCorp's Go client for Consul, under access control,",
    make: async () => [...(await goClient("./consul")), "acl"],
    checks: 7,
    config: "acl { enabled = true }",
  },
  { name: "py-consul", make: () => pythonClient("consul_client.py"), checks: 8 },
];

for (const { name, make, checks, config = "telemetry { prometheus_metrics = true }" } of CLIENTS) {
  test.serial(`${name} works unmodified`, async (t: ExecutionContext) => {
    t.timeout(15 * 60_000, "fetching and building a client takes its time on a new machine");
    const client = await make();
    const agent = await testAgent({
      flags: ["-dev"],
      logLevel: "info",
      docker: "unix:///nonexistent/docker.sock",
      config,
    });
    t.teardown(async () => {
      await agent.stop();
      await agent.remove();
    });
    const { passed, failed } = await drive(client, { NOMAD_ADDR: agent.nomad, CONSUL_HTTP_ADDR: agent.consul });
    t.deepEqual(failed, [], agent.log().slice(-2000));
    t.is(passed.length, checks);
  });
}

test.serial(
  "holders of a lock who are stopped, cut off or crashed upon never act with an old fencing token",
  async (t) => {
    t.timeout(15 * 60_000);
    const [program = ""] = await goClient("./holder");
    const agent = await testAgent({ logLevel: "info", docker: "unix:///nonexistent/docker.sock" });
    const resource = await guardedResource();
    const holders = await Promise.all(
      ["ann", "bob", "cid"].map((name) => startHolder(agent, { program, name, resource })),
    );
    t.teardown(async () => {
      for (const { child } of holders) child.kill("SIGKILL");
      await Promise.all([...holders.map(({ road }) => road.close()), resource.close()]);
      await agent.remove();
    });
    for (const { name, child, road } of holders) {
      // Stopped in the middle of an act, until others have had the lock: the rest of what it meant to do is refused.
      const { token, answer } = await resource.hold(name);
      child.kill("SIGSTOP");
      await mark(agent, { name, status: "critical" });
      await othersActed(resource, name);
      await mark(agent, { name, status: "passing" });
      answer();
      child.kill("SIGCONT");
      await until(`${name} is refused`, () =>
        resource.acts.some((act) => act.name === name && act.token === token && !act.accepted),
      );
      await acted(resource, name);

      // Cut off from its agent, and given up.
      road.cut();
      await mark(agent, { name, status: "critical" });
      await othersActed(resource, name);
      road.mend();
      await mark(agent, { name, status: "passing" });
      await acted(resource, name);
    }
    await agent.kill();
    await agent.start();
    // Whoever had it then could not end its session: others have to be let in.
    for (const { name } of holders) {
      await mark(agent, { name, status: "critical" });
      await mark(agent, { name, status: "passing" });
    }
    for (const { name } of holders) await acted(resource, name);
    t.deepEqual(faultsOf(resource.acts), []);
    t.true(new Set(resource.acts.map(({ session }) => session)).size > 10);
  },
);

test.serial("clients of Pi-hole 6, one of them Home Assistant's, work unmodified on the DNS API", async (t) => {
  t.timeout(15 * 60_000, "fetching clients takes its time on a new machine");
  const client = await pythonClient("pihole_client.py");
  const passwordHash = await hashPassword("secret", { random: createSystemRandom(), deriveKey });
  const world = await startApi(t, { api: { addresses: ["127.0.0.1:0"], passwordHash } });
  await world.ask("www.example");
  await world.ask("www.example");
  const { passed, failed } = await drive(client, { PIHOLE_URL: world.url, PIHOLE_PASSWORD: "secret" });
  t.deepEqual(failed, []);
  t.is(passed.length, 9);
});

test("a history of a broken lock is told from one of a sound one", (t) => {
  const act = (name: string, token: number, at: number): Act => ({ name, session: name, token, at, accepted: true });
  t.deepEqual(faultsOf([act("a", 1, 5), act("a", 1, 5), act("b", 2, 9)]), []);
  t.is(faultsOf([act("a", 1, 5), act("b", 1, 9)]).length, 2, "one token for two");
  t.is(faultsOf([act("a", 2, 5), act("b", 1, 9)]).length, 2, "a token that falls");
  t.is(faultsOf([act("a", 1, 5), act("a", 2, 5)]).length, 1, "two tokens of one holding");
  t.is(faultsOf([act("b", 2, 9), act("a", 1, 5)]).length, 1, "two act at once");
});

interface Holder {
  readonly name: string;
  readonly child: ChildProcess;
  readonly road: Road;
}

/** One of those that want the lock, with a way of its own to the agent and a check that its sessions depend on. */
async function startHolder(
  agent: TestAgent,
  { program, name, resource }: { readonly program: string; readonly name: string; readonly resource: Resource },
): Promise<Holder> {
  const check = { ID: `alive-${name}`, Name: name, TTL: "1h", Status: "passing" };
  await put(`${agent.consul}/v1/agent/check/register`, JSON.stringify(check));
  const road = await roadTo(agent.consul);
  const child = spawn(program, [resource.url, name, check.ID], {
    env: { ...process.env, CONSUL_HTTP_ADDR: road.url },
    stdio: "ignore",
  });
  return { name, child, road };
}

function mark(
  agent: TestAgent,
  { name, status }: { readonly name: string; readonly status: "critical" | "passing" },
): Promise<void> {
  return put(`${agent.consul}/v1/agent/check/update/alive-${name}`, JSON.stringify({ Status: status }));
}

async function put(url: string, body: string): Promise<void> {
  const response = await fetch(url, { method: "PUT", body });
  if (response.status !== 200) throw new Error(`PUT ${url}: ${response.status} ${await response.text()}`);
}

/** Waits for an accepted act that is still to come. */
function acted({ acts }: Resource, name: string): Promise<void> {
  const from = acts.length;
  return until(`${name} acts`, () => acts.slice(from).some((act) => act.accepted && act.name === name));
}

function othersActed({ acts }: Resource, name: string): Promise<void> {
  const from = acts.length;
  return until(`another than ${name} acts`, () => acts.slice(from).some((act) => act.accepted && act.name !== name));
}
