import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import * as v from "valibot";
import { makeTestImage } from "../../drivers/test-image.ts";
import { docker, testAgent, until, type TestAgent } from "../agent.ts";

/** Groups with a network of their own, on real bridges by real plugins. */
const IMAGE = "lares-bridge-test:1";
const folder = mkdtempSync(join(tmpdir(), "lares-bridge-"));
const bridge = `lxb${process.pid % 100_000}`;
/** Of the range for tests of RFC 2544, which nobody routes. */
const subnet = `198.18.${process.pid % 256}.0/24`;
const pairs = `198.19.${process.pid % 256}`;
/** A network of the node's own that speaks IPv6, and addresses of that family for allocations; not where the kernel has none. */
const hasIpv6 =
  existsSync("/proc/net/if_inet6") &&
  readFileSync("/proc/sys/net/ipv6/conf/default/disable_ipv6", "utf8").trim() === "0" &&
  spawnSync("ip6tables", ["-w", "10", "-t", "nat", "-S"]).status === 0;
const six = { device: `lx6${process.pid % 100_000}`, address: `fd5a:${(process.pid % 65_535).toString(16)}::1` };
const subnet6 = `fd5b:${(process.pid % 65_535).toString(16)}::/64`;
const FORWARDING = "/proc/sys/net/ipv6/conf/all/forwarding";
const forwarding = hasIpv6 ? readFileSync(FORWARDING, "utf8") : "";
let agent: TestAgent;

test.before(async (t) => {
  t.timeout(120_000);
  makeTestImage(IMAGE, {});
  const config = join(folder, "bridge.hcl");
  writeFileSync(
    config,
    `client {\n  bridge_network_name = "${bridge}"\n  bridge_network_subnet = "${subnet}"\n  cni_config_dir = "${folder}"\n${ofSix()}}\n`,
  );
  const plugins = [
    {
      type: "ptp",
      ipMasq: false,
      ipam: { type: "host-local", subnet: `${pairs}.0/24`, dataDir: join(folder, "ipam") },
    },
    { type: "portmap", capabilities: { portMappings: true }, snat: true },
  ];
  writeFileSync(join(folder, "pair.conflist"), JSON.stringify({ cniVersion: "1.0.0", name: "pair", plugins }));
  agent = await testAgent({ flags: ["-config", config] });
});

function ofSix(): string {
  if (!hasIpv6) return "";
  execFileSync("ip", ["link", "add", six.device, "type", "bridge"]);
  execFileSync("ip", ["link", "set", six.device, "up"]);
  execFileSync("ip", ["address", "add", `${six.address}/64`, "dev", six.device, "nodad"]);
  return `  bridge_network_subnet_ipv6 = "${subnet6}"\n  host_network "six" { interface = "${six.device}" }\n`;
}

test.after.always(async () => {
  await agent?.stop();
  await agent?.remove();
  docker("rmi", "-f", IMAGE);
  for (const device of [bridge, six.device]) spawnSync("ip", ["link", "delete", device]);
  if (hasIpv6) writeFileSync(FORWARDING, forwarding);
  rmSync(folder, { recursive: true, force: true });
});

const AllocSchema = v.object({
  ID: v.string(),
  ClientStatus: v.string(),
  NetworkStatus: v.nullable(v.object({ InterfaceName: v.string(), Address: v.string() })),
  AllocatedResources: v.object({
    Shared: v.object({ Ports: v.array(v.object({ Value: v.number(), To: v.number(), HostIP: v.string() })) }),
  }),
  TaskStates: v.nullable(v.record(v.string(), v.object({ State: v.string(), Restarts: v.number() }))),
});

/** Answers with its own address; and what its task sees of the world. */
const SERVER = `
  const { networkInterfaces } = require("node:os");
  require("node:http").createServer((_, answer) =>
    answer.end(JSON.stringify({
      eth0: networkInterfaces().eth0?.[0]?.address,
      ...(process.env.NOMAD_JOB_ID === "sixth"
        ? { six: networkInterfaces().eth0?.find((each) => each.family === "IPv6" && !each.address.startsWith("fe80"))?.address }
        : {}),
      env: process.env.NOMAD_ALLOC_ADDR_http,
    }))).listen(8000);
`;

async function run(name: string, text: string) {
  const path = join(folder, `${name}.nomad.hcl`);
  writeFileSync(path, text);
  const { code, stdout, stderr } = await agent.lares("job", "run", path);
  if (code !== 0) throw new Error(`${stdout}${stderr}\n${agent.log().slice(-3000)}`);
  return newest(name);
}

async function newest(job: string) {
  const [stub] = v.parse(v.array(v.object({ ID: v.string() })), await agent.get(`/v1/job/${job}/allocations`));
  return v.parse(AllocSchema, await agent.get(`/v1/allocation/${stub?.ID ?? ""}`));
}

function job(name: string, mode: string, tasks: string): string {
  return `job "${name}" {
  group "g" {
    network {
      mode = "${mode}"
      hostname = "inside"
      dns {
        servers  = ["192.0.2.53"]
        searches = ["lab.example"]
        options  = ["ndots:2"]
      }
      port "http" { to = 8000 }
    }
    service {
      name     = "${name}"
      port     = "http"
      provider = "nomad"
      check {
        type     = "http"
        path     = "/"
        interval = "1s"
        timeout  = "1s"
      }
    }
    service {
      name         = "${name}-within"
      port         = "http"
      provider     = "nomad"
      address_mode = "alloc"
    }
    task "web" {
      driver = "raw_exec"
      kill_timeout = "1s"
      config {
        command = "${process.execPath}"
        args    = ["-e", ${JSON.stringify(SERVER)}]
      }
    }
    ${tasks}
  }
}`;
}

const BOX = `task "box" {
      driver = "docker"
      kill_timeout = "1s"
      config {
        image   = "${IMAGE}"
        command = "/bin/sh"
        args    = ["-c", "cat /proc/net/fib_trie /etc/hosts /etc/resolv.conf; exec sleep 100000"]
      }
    }`;
const SIDE = `task "side" {
      driver = "exec"
      kill_timeout = "1s"
      config {
        command = "/bin/sh"
        args    = ["-c", "cat /proc/net/fib_trie /etc/hosts /etc/resolv.conf; exec sleep 100000"]
      }
    }`;

for (const [name, task, side] of [
  ["boxed", BOX, "box"],
  ["plain", SIDE, "side"],
] as const) {
  test.serial(
    `tasks of a group share a network, reached by its port (${side}), over an agent's crash, and nothing stays`,
    async (t) => {
      t.timeout(120_000);
      const alloc = await run(name, job(name, "bridge", task));
      const { InterfaceName = "", Address = "" } = alloc.NetworkStatus ?? {};
      t.is(InterfaceName, "eth0");
      t.true(Address.startsWith(subnet.replace(/0\/24$/, "")), Address);
      const [port] = alloc.AllocatedResources.Shared.Ports;
      const url = `http://127.0.0.1:${port?.Value}/`;
      const told = await (await fetch(url)).json();
      t.deepEqual(told, { eth0: Address, env: `${Address}:8000` });
      const logs = async () => (await agent.lares("alloc", "logs", "-task", side, alloc.ID)).stdout;
      // In three pieces, and what a container writes is handed on in its engine's own time.
      await until("the other task's output", async () => /inside[^]*options ndots:2/.test(await logs()));
      t.true((await logs()).includes(Address), "the other task has the same addresses");
      for (const line of ["search lab.example", "nameserver 192.0.2.53", "options ndots:2"])
        t.true((await logs()).includes(line), line);
      const within = await agent.get(`/v1/service/${name}-within`);
      t.like(within, [{ Address, Port: 8000 }]);

      await agent.kill();
      t.deepEqual(await (await fetch(url)).json(), told, "its tasks run on");
      await agent.start();
      await until("it is known again", async () => (await newest(name)).NetworkStatus?.Address === Address);
      const after = await newest(name);
      t.deepEqual(
        Object.values(after.TaskStates ?? {}).map(({ State, Restarts }) => [State, Restarts]),
        [
          ["running", 0],
          ["running", 0],
        ],
      );

      t.is((await agent.lares("job", "stop", "-purge", name)).code, 0);
      await until("everything is gone", () => Promise.resolve(traces(alloc.ID, Address).length === 0)).catch(
        () => undefined,
      );
      t.deepEqual(traces(alloc.ID, Address), []);
      await t.throwsAsync(fetch(url));
    },
  );
}

/** What of an allocation's network can be found on the machine. */
function traces(allocId: string, address: string): string[] {
  const spaces = execFileSync("ip", ["netns", "list"], { encoding: "utf8" }).split("\n");
  const rules = ["iptables-save", "ip6tables-save"].flatMap((program) =>
    spawnSync(program, { encoding: "utf8" }).stdout.split("\n"),
  );
  const notes = `/run/lares/cni/${bridge}`;
  const leases = existsSync(notes) ? readdirSync(notes) : [];
  const containers = docker("ps", "-aq", "--filter", `label=com.hashicorp.nomad.alloc_id=${allocId}`).split("\n");
  return [
    ...spaces.filter((line) => line.includes(allocId)),
    ...rules.filter((line) => line.includes(`LARES-PORTS-${bridge}`)),
    ...rules.filter((line) => line.includes(allocId) || line.includes(`${address}:`) || line.includes(`${address}/`)),
    ...leases.filter((name) => name === address),
    ...containers.filter((line) => line !== ""),
  ];
}

test.serial(
  "a port on an address of IPv6 leads to the allocation's; all ends with it, though the agent was killed",
  async (t) => {
    t.timeout(120_000);
    if (!hasIpv6) return void t.pass("this kernel has no IPv6");
    const text = job("sixth", "bridge", "").replace(
      "{ to = 8000 }",
      '{\n        to           = 8000\n        host_network = "six"\n      }',
    );
    const alloc = await run("sixth", text);
    const [port] = alloc.AllocatedResources.Shared.Ports;
    t.is(port?.HostIP, six.address);
    const url = `http://[${six.address}]:${port?.Value}/`;
    await until("it answers", async () => (await fetch(url).catch(() => undefined))?.status === 200);
    const told = v.parse(v.object({ six: v.string() }), await (await fetch(url)).json());
    t.true(told.six.startsWith(subnet6.replace("::/64", "")), told.six);
    // Stopped by the servers, its process ended, and the agent dead: the next one takes the network down.
    await agent.kill();
    await agent.start();
    t.is((await agent.lares("job", "stop", "-purge", "sixth")).code, 0);
    await agent.kill();
    await agent.start();
    const left = () => [...traces(alloc.ID, alloc.NetworkStatus?.Address ?? ""), ...traces(alloc.ID, told.six)];
    await until("everything is gone", () => Promise.resolve(left().length === 0)).catch(() => undefined);
    t.deepEqual(left(), []);
  },
);

test.serial("a network of the operator's own, and one that is not there", async (t) => {
  t.timeout(120_000);
  const alloc = await run("paired", job("paired", "cni/pair", SIDE));
  const shown = async () => (await agent.lares("alloc", "logs", "-task", "side", alloc.ID)).stdout;
  await until("its output", async () => (await shown()).includes("nameserver 192.0.2.53"));
  t.true((await shown()).includes(`${pairs}.`));
  const [port] = alloc.AllocatedResources.Shared.Ports;
  const told = await (await fetch(`http://127.0.0.1:${port?.Value}/`, { signal: AbortSignal.timeout(20_000) })).json();
  t.like(told, { eth0: alloc.NetworkStatus?.Address }, "a port of the node leads there");
  t.is((await agent.lares("job", "stop", "-purge", "paired")).code, 0);
  const address = alloc.NetworkStatus?.Address ?? "";
  await until("everything is gone", () => Promise.resolve(traces(alloc.ID, address).length === 0)).catch(
    () => undefined,
  );
  t.deepEqual(traces(alloc.ID, address), []);
  const path = join(folder, "lost.nomad.hcl");
  writeFileSync(path, job("lost", "cni/nowhere", ""));
  t.regex((await agent.lares("job", "run", "-detach", path)).stdout, /Evaluation/);
  await until("it is not placed", async () =>
    JSON.stringify(await agent.get("/v1/job/lost/evaluations")).includes("missing network"),
  );
  await agent.lares("job", "stop", "-purge", "lost");
});
