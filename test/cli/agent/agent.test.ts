import { Resolver } from "node:dns/promises";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import * as v from "valibot";
import { testAgent, until } from "#test/scenario/agent.ts";

const root = mkdtempSync(join(tmpdir(), "lares-agent-config-"));
test.after.always(() => rmSync(root, { recursive: true, force: true }));

const Configuration = v.object({ SchedulerConfig: v.record(v.string(), v.unknown()) });
const Ids = v.array(v.object({ ID: v.string() }));

/** A second configuration file: blocks of one file may not come twice. */
function beside(name: string, text: string): { readonly flags: readonly string[] } {
  writeFileSync(join(root, name), text);
  return { flags: ["-config", join(root, name)] };
}

test("service TTLs reach DNS, and a node has one id wherever its notes are kept", async (t) => {
  const config = `client {
  state_dir = "${root}/notes"
}
discovery {
  dns {
    service_ttl = { "web*" = "30s" }
  }
}`;
  const agent = await testAgent(beside("ttl.hcl", config));
  t.teardown(() => agent.remove());
  for (const Name of ["web-1", "db"]) {
    const body = JSON.stringify({ Name, Port: 80 });
    t.is((await fetch(`${agent.consul}/v1/agent/service/register`, { method: "PUT", body })).status, 200);
    await until(`${Name} is in the catalog`, async () => {
      const found = await fetch(`${agent.consul}/v1/catalog/service/${Name}`);
      return (await found.text()).includes(`"ServiceName":"${Name}"`);
    });
  }
  const resolver = new Resolver();
  resolver.setServers([`127.0.0.1:${agent.dnsPort}`]);
  const ttlOf = async (name: string): Promise<number | undefined> =>
    (await resolver.resolve4(`${name}.service.consul`, { ttl: true }))[0]?.ttl;
  t.deepEqual([await ttlOf("web-1"), await ttlOf("db")], [30, 0]);
  const idsAt = async (url: string): Promise<string[]> =>
    v.parse(Ids, await (await fetch(url)).json()).map(({ ID }) => ID);
  t.deepEqual(await idsAt(`${agent.nomad}/v1/nodes`), await idsAt(`${agent.consul}/v1/catalog/nodes`));
});

for (const [name, config, says] of [
  ["plugin", 'plugin "raw_exce" {\n  config { enabled = true }\n}', /no plugin "raw_exce"[^]*did you mean "raw_exec"/],
  ["option", 'plugin "raw_exec" {\n  config { enable = true }\n}', /no key "enable"[^]*did you mean enabled/],
] as const) {
  test(`an agent does not start with a misspelt ${name}`, async (t) => {
    const error = await t.throwsAsync(testAgent(beside(`${name}.hcl`, config)));
    t.regex(error.message, says);
  });
}

test("the scheduler starts as the file says, and stays as it was set afterwards", async (t) => {
  const config = `server {
  default_scheduler_config {
    scheduler_algorithm             = "spread"
    memory_oversubscription_enabled = true
    preemption_config {
      service_scheduler_enabled = true
    }
  }
}`;
  const agent = await testAgent(beside("scheduler.hcl", config));
  t.teardown(() => agent.remove());
  const read = async () =>
    v.parse(Configuration, await agent.get("/v1/operator/scheduler/configuration")).SchedulerConfig;
  const first = await read();
  t.like(first, { SchedulerAlgorithm: "spread", MemoryOversubscriptionEnabled: true });
  t.like(first["PreemptionConfig"], { ServiceSchedulerEnabled: true, SystemSchedulerEnabled: true });
  t.is((await agent.lares("operator", "scheduler", "set-config", "-scheduler-algorithm=binpack")).code, 0);
  await agent.stop();
  await agent.start();
  t.is((await read())["SchedulerAlgorithm"], "binpack");
});
