import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { silentLog } from "#base/env/log.ts";
import { createEnv } from "#base/platform/create-env.ts";
import type { ExchangeRequest } from "#base/http/exchange.ts";
import { serveFirmware } from "#cli/agent/firmware/firmware-calls.ts";
import { createFirmwareNode, runsFirmware, type FirmwareNode } from "#cli/agent/firmware/firmware-node.ts";
import { MachineChecks, type MachineChecksDeps } from "#cli/agent/firmware/machine-checks.ts";
import { treeSubject } from "#os-image/firmware/check/tree.ts";
import { testAgent, until } from "#test/scenario/agent.ts";

const system = createEnv({ logLevel: "error" });
const env = { ...system, log: silentLog };
test.after.always(() => system.close());

const RECORD = {
  schema: 1,
  state: "confirmed",
  slot: "B",
  version: "2.0.0",
  from: "1.0.0",
  at: "2026-01-01T00:00:00.000Z",
  hadNetwork: true,
  hadCluster: true,
};

/** A machine's folders, and a program in the place of `lares` that runs this script. */
function machine(t: ExecutionContext, script: string): { readonly node: FirmwareNode; readonly folder: string } {
  const folder = mkdtempSync(join(tmpdir(), "lares-firmware-"));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const places = { run: join(folder, "run"), state: join(folder, "state"), boot: join(folder, "boot") };
  for (const each of Object.values(places)) mkdirSync(each);
  writeFileSync(join(places.run, "slot"), "B\n");
  writeFileSync(join(places.run, "judged"), "confirm");
  writeFileSync(join(places.run, "troubles"), "the cable is loose\n");
  writeFileSync(join(places.state, "update.json"), JSON.stringify(RECORD));
  writeFileSync(join(folder, "os-release"), "ID=lares\nVERSION_ID=2.0.0\n");
  const program = join(folder, "lares");
  writeFileSync(program, `#!/bin/sh\n${script}\n`);
  chmodSync(program, 0o755);
  t.true(runsFirmware(places));
  const node = createFirmwareNode({ env, self: [program], places, releasePath: join(folder, "os-release") });
  return { node, folder };
}

test("a node says how its firmware stands", async (t) => {
  const { node } = machine(t, "exit 0");
  t.deepEqual(await node.state(), {
    Version: "2.0.0",
    Slot: "B",
    Judged: true,
    Update: { Version: "2.0.0", From: "1.0.0", Slot: "B", State: "confirmed", At: RECORD.at, Reason: "" },
    Order: null,
    Troubles: ["the cable is loose"],
  });
});

test("an order runs the update, once at a time, and what went wrong is kept", async (t) => {
  const { node, folder } = machine(
    t,
    `echo "$@" >> $(dirname $0)/calls; until [ -e $(dirname $0)/go ]; do sleep 0.05; done; echo 'lares: no space' >&2; exit 1`,
  );
  const order = { Source: "http://x/a.raucb", Older: true };
  node.order(order);
  node.order(order);
  t.throws(() => node.order({ ...order, Source: "http://x/b.raucb" }), {
    message: /it writes http:\/\/x\/a\.raucb now/,
  });
  t.like((await node.state()).Order, { Running: true, Problem: "" });
  writeFileSync(join(folder, "go"), "");
  await until("the order is over", async () => (await node.state()).Order?.Running === false);
  t.is((await node.state()).Order?.Problem, "lares: no space");
  t.is(readFileSync(join(folder, "calls"), "utf8"), "os update http://x/a.raucb -reboot -older\n");
});

const NODE = "0b9b2c1e-6f2e-4c7b-8f3e-0123456789ab.node.lares";

interface Asking {
  /** Of the certificate; absent: none was shown. */
  readonly names?: readonly string[];
  readonly verb?: string;
  readonly body?: string;
}

/** Status of what a node answers. */
async function ask(firmware: FirmwareNode | undefined, { names, verb = "state", body = "" }: Asking): Promise<number> {
  const request: ExchangeRequest = {
    method: "PUT",
    url: `/firmware/${verb}`,
    headers: {},
    body: (async function* () {
      yield Buffer.from(body);
    })(),
    remote: { host: "127.0.0.1", port: 1 },
    peer: names === undefined ? undefined : { problem: "", names, serial: "" },
    signal: new AbortController().signal,
  };
  return (await serveFirmware(firmware)(request)).status;
}

test("only servers of the cluster give orders", async (t) => {
  const { node } = machine(t, "exit 0");
  t.is(await ask(node, {}), 403);
  t.is(await ask(node, { names: ["client.lares", NODE] }), 403);
  const names = ["server.lares", NODE];
  t.is(await ask(node, { names }), 200);
  t.is(await ask(node, { names, verb: "order", body: "{" }), 409);
  t.is(await ask(node, { names, verb: "else", body: '{"Source":"x"}' }), 404);
  t.is(await ask(undefined, { names }), 404);
});

test("the image's checks, sensors and troubles become checks of the node", async (t) => {
  const { folder } = machine(t, "exit 0");
  const put = (path: string, text: string): void => {
    mkdirSync(join(folder, path, ".."), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  put("checks/machine.checks.hcl", 'checks "machine" {\n  file "/etc/there" {}\n}\n');
  put("checks/notes.txt", "no checks");
  put("etc/there", "");
  put("sys/class/hwmon/hwmon0/name", "cpu_thermal\n");
  put("sys/class/hwmon/hwmon0/temp1_input", "48312\n");
  put("sys/class/hwmon/hwmon1/name", "rpi_volt\n");
  put("sys/class/hwmon/hwmon1/in0_lcrit_alarm", "0\n");
  const told = new Map<string, string>();
  const troubles: string[] = [];
  const registered: string[] = [];
  const deps: MachineChecksDeps = {
    env,
    registry: {
      register: async ({ Checks }) => void registered.push(...Checks.map(({ CheckID }) => CheckID)),
      report: (id, status, output) => void told.set(id, `${status}: ${output}`),
    },
    subject: treeSubject(folder),
    folder: join(folder, "checks"),
    root: folder,
    troubles: async () => troubles,
  };
  const checks = new MachineChecks(deps);
  await checks.start();
  t.teardown(() => checks.stop());
  t.deepEqual(registered, ["lares-firmware:machine", "lares-firmware:hardware"]);
  await checks.look();
  t.deepEqual([...told.values()], ["passing: 1 as they have to be", "passing: nothing went wrong"]);
  rmSync(join(folder, "etc/there"));
  put("sys/class/hwmon/hwmon0/temp1_input", "85400\n");
  put("sys/class/hwmon/hwmon1/in0_lcrit_alarm", "1\n");
  troubles.push("the data partition was repaired");
  await checks.look();
  t.deepEqual(
    [...told.values()],
    [
      "critical: file /etc/there: exists is false, expected true",
      "warning: the power supply is too weak\ncpu_thermal temp1 is at 85 degrees or more\nthe data partition was repaired",
    ],
  );
  put("checks/machine.checks.hcl", "checks {");
  await t.throwsAsync(new MachineChecks(deps).start());
});

test("a cluster of other machines has nothing to update, and says so", async (t) => {
  const agent = await testAgent();
  t.teardown(() => agent.remove());
  await until("the node is ready", async () =>
    JSON.stringify(await agent.get("/v1/nodes")).includes('"Status":"ready"'),
  );
  t.is((await fetch(`${agent.nomad}/v1/client/firmware`)).status, 404);
  const begun = await agent.lares("os", "rollout", "http://127.0.0.1:1/stable.json");
  t.is(begun.code, 1);
  t.regex(begun.stderr, /no node of this cluster runs the Lares firmware/);
  const window = await agent.lares("os", "rollout", "http://127.0.0.1:1/stable.json", "-window", "soon");
  t.regex(window.stderr, /"soon" is no window for updates/);
  t.regex((await agent.lares("os", "rollout")).stdout, /No update of the cluster was begun yet/);
  t.is((await agent.lares("os", "rollout", "-stop")).code, 1);
});
