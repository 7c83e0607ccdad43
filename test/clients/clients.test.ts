import test, { type ExecutionContext } from "ava";
import { testAgent } from "../scenario/agent.ts";
import { type Client, drive, goClient, javaClient, pythonClient } from "./programs.ts";

/** Programs that people wrote for Nomad and Consul, unmodified, against an agent of ours. `checks`: how many each makes. */
const CLIENTS: readonly { readonly name: string; readonly make: () => Promise<Client>; readonly checks: number }[] = [
  { name: "HashiCorp's Go client for Nomad and Prometheus's discovery", make: () => goClient("."), checks: 44 },
  { name: "python-nomad", make: () => pythonClient("nomad_client.py"), checks: 9 },
  { name: "HashiCorp's Java SDK", make: javaClient, checks: 9 },
  { name: "HashiCorp's Go client for Consul and Prometheus's discovery", make: () => goClient("./consul"), checks: 35 },
  { name: "py-consul", make: () => pythonClient("consul_client.py"), checks: 8 },
];

for (const { name, make, checks } of CLIENTS) {
  test.serial(`${name} works unmodified`, async (t: ExecutionContext) => {
    t.timeout(15 * 60_000, "fetching and building a client takes its time on a new machine");
    const client = await make();
    const agent = await testAgent({
      flags: ["-dev"],
      logLevel: "info",
      docker: "unix:///nonexistent/docker.sock",
      config: "telemetry { prometheus_metrics = true }",
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
