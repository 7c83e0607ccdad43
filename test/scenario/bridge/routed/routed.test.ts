import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, rmSync } from "node:fs";
import { isIP } from "node:net";
import { join } from "node:path";
import test from "ava";
import * as v from "valibot";
import { until } from "../../agent.ts";
import { LabCluster, lares, running, type ShownNode } from "../../lab-cluster.ts";

/** Bridges of two nodes, each in a network of its own, with a firewall that lets nothing through by itself. */
const lab = new LabCluster();
const NAMESPACES = "/run/netns";
const allocIds = new Set<string>();
test.after.always(async () => {
  await lab.remove();
  // A lab ends as by a power cut: the names of its allocations' networks, held by nobody now, are left.
  for (const name of existsSync(NAMESPACES) ? readdirSync(NAMESPACES) : [])
    if (allocIds.has(name.slice(-36))) rmSync(join(NAMESPACES, name));
});

const SERVER = `
  require("node:http").createServer((request, answer) =>
    answer.end(JSON.stringify({ from: request.socket.remoteAddress, said: request.url }))).listen(8000, "::");
`;
const JOB = `job "web" {
  group "g" {
    count = 2
    constraint {
      operator = "distinct_hosts"
      value    = "true"
    }
    constraint {
      attribute = "\${attr.network.bridge.routed}"
      value     = "true"
    }
    network {
      mode = "bridge"
      port "http" { to = 8000 }
    }
    service {
      name         = "web-v6"
      port         = "http"
      provider     = "nomad"
      address_mode = "alloc_ipv6"
    }
    task "web" {
      driver       = "raw_exec"
      kill_timeout = "1s"
      config {
        command = "${process.execPath}"
        args    = ["-e", ${JSON.stringify(SERVER)}]
      }
      resources {
        cpu    = 20
        memory = 60
      }
    }
  }
}
`;

const AllocSchema = v.object({
  ID: v.string(),
  NodeID: v.string(),
  NetworkStatus: v.object({ Address: v.string(), AddressIPv6: v.string() }),
  AllocatedResources: v.object({
    Shared: v.object({ Ports: v.array(v.object({ Value: v.number(), HostIP: v.string() })) }),
  }),
});
type Alloc = v.InferOutput<typeof AllocSchema>;

/** In the network of a node. */
function within({ pid }: ShownNode, ...words: readonly string[]): string {
  const ran = spawnSync("nsenter", ["-t", String(pid), "-n", ...words], { encoding: "utf8" });
  if (ran.status !== 0) throw new Error(`${words.join(" ")}: ${ran.stderr}`);
  return ran.stdout;
}

test("allocations of two nodes reach each other by the addresses of their bridges, and themselves by the node's port", async (t) => {
  t.timeout(170_000);
  t.is(process.getuid?.(), 0, "only root can make bridges");
  const nodes = await lab.up("-clients", "1", "-network=namespaces");
  for (const node of nodes)
    for (const program of ["iptables", "ip6tables"]) within(node, program, "-P", "FORWARD", "DROP");
  const [server, client] = nodes;
  if (server === undefined || client === undefined) throw new Error("two nodes");
  await lab.run(server, JOB);
  await until("both run", async () => (await running(server, "web")).length === 2);
  const allocs = await Promise.all(
    (await running(server, "web")).map(async ({ ID }): Promise<Alloc> =>
      v.parse(AllocSchema, await (await fetch(`${server.http.nomad}/v1/allocation/${ID}`)).json()),
    ),
  );
  for (const { ID } of allocs) allocIds.add(ID);
  const [one, other] = allocs;
  if (one === undefined || other === undefined) throw new Error("two allocations");
  /** What a program in an allocation gets from an address. */
  const ask = async (from: Alloc, url: string): Promise<{ from: string }> => {
    const look = `fetch("${url}",{signal:AbortSignal.timeout(3000)}).then(r=>r.text()).then(x=>console.log(x),e=>console.log(JSON.stringify({from:String(e.cause??e)})))`;
    const at = `-address=${client.http.nomad}`;
    const ran = await lares("alloc", "exec", at, "-task", "web", from.ID, process.execPath, "-e", look);
    if (ran.code !== 0) return { from: `not even run: ${ran.stderr}` };
    return v.parse(v.object({ from: v.string() }), JSON.parse(ran.stdout));
  };
  const six = (alloc: Alloc): string => `http://[${alloc.NetworkStatus.AddressIPv6}]:8000/`;
  const four = (alloc: Alloc): string => `http://${alloc.NetworkStatus.Address}:8000/`;
  const plain = (address: string): string => address.replace(/^::ffff:/, "");
  /** Each node makes its routes and rules in its own time: asks until it is so; what is seen last is what is judged. */
  const seenAs = async (from: Alloc, url: string, expected: (seen: string) => boolean): Promise<string> => {
    let seen = "";
    await until(`what ${from.NetworkStatus.Address} gets from ${url}`, async () =>
      expected((seen = plain((await ask(from, url)).from))),
    ).catch((thrown: unknown) => t.log(String(thrown)));
    return seen;
  };
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    const { Address, AddressIPv6 } = from.NetworkStatus;
    t.is(await seenAs(from, four(to), (seen) => seen === Address), Address, "its own address is what the other sees");
    t.is(await seenAs(from, six(to), (seen) => seen === AddressIPv6), AddressIPv6);
  }

  const port = (alloc: Alloc): string => {
    const [{ HostIP, Value } = { HostIP: "", Value: 0 }] = alloc.AllocatedResources.Shared.Ports;
    return `http://${HostIP}:${Value}/`;
  };
  const isAddress = (seen: string): boolean => isIP(seen) !== 0;
  t.true(isAddress(await seenAs(one, port(one), isAddress)), "itself, by the port of its node");
  t.true(isAddress(await seenAs(one, port(other), isAddress)), "the other, by the port of its node");
  const servicesNow = async () =>
    v.parse(
      v.array(v.object({ Address: v.string() })),
      await (await fetch(`${client.http.nomad}/v1/service/web-v6`)).json(),
    );
  await until("both are registered", async () => (await servicesNow()).length === 2);
  const services = await servicesNow();
  t.deepEqual(
    services.map(({ Address }) => Address).toSorted(),
    allocs.map(({ NetworkStatus }) => NetworkStatus.AddressIPv6).toSorted(),
  );

  // A link that was down has lost its routes; they come back by themselves.
  const routes = () => within(server, "ip", "route", "show", "proto", "211");
  t.not(routes(), "");
  within(server, "ip", "route", "flush", "proto", "211");
  await until("the route is back", () => routes() !== "");

  // Switched off, nothing of it stays.
  const config = `${client.dataDir.replace(/\/data$/, "")}/agent.hcl`;
  t.true(within(client, "nft", "list", "tables").includes("lares_"));
  const sed = spawnSync("sed", ["-i", "s/bridge_network_routed *= true/bridge_network_routed = false/", config]);
  t.is(sed.status, 0);
  await lab.lab("kill", client.name);
  await lab.lab("start", client.name);
  const again = (await lab.status()).find(({ name }) => name === client.name) ?? client;
  await until("its routes are gone", () => within(again, "ip", "route", "show", "proto", "211") === "");
  await until("so are its tables", () => !within(again, "nft", "list", "tables").includes("lares_"));
  await until("and its chains", () => !within(again, "iptables-save").includes("LARES-ROUTES"));
  await until("the other forgets it", () => routes() === "");
});
