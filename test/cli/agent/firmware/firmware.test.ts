import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import * as v from "valibot";
import { succeed } from "#base/env/errors.ts";
import { silentLog } from "#base/env/log.ts";
import { createEnv } from "#base/platform/create-env.ts";
import { fullAccess, noAccess, type AccessPolicy } from "#base/http/access.ts";
import { createApi } from "#base/http/api.ts";
import { nomadDialect } from "#base/http/dialect.ts";
import type { Exchange, ExchangeRequest } from "#base/http/exchange.ts";
import { GLOBAL } from "#base/protocol/keys.ts";
import type { NodeUpdate, Rollout } from "#base/protocol/rollout.ts";
import { BlockingQueries } from "#base/state/blocking.ts";
import { put } from "#base/state/codec.ts";
import { MemoryStore } from "#base/state/memory/memory-store.ts";
import { versionsOf } from "#base/state/shapes/shape-keeper.ts";
import * as tables from "#base/state/tables.ts";
import { followView } from "#base/state/view.ts";
import { knownShapes } from "#cli/agent/cluster/known-shapes.ts";
import { serveFirmware } from "#cli/agent/firmware/firmware-calls.ts";
import { firmwareRoutes } from "#cli/agent/firmware/firmware-routes.ts";
import { rolloutOfServers } from "#cli/agent/firmware/rollout-of-servers.ts";
import { createFirmwareNode, runsFirmware, type FirmwareNode } from "#cli/agent/firmware/firmware-node.ts";
import { MachineChecks, type MachineChecksDeps } from "#cli/agent/firmware/machine-checks.ts";
import { rolloutRoutes } from "#daemons/rollout/http/rollout-routes.ts";
import { CURRENT, RolloutKeeper, type RolloutPorts } from "#daemons/rollout/rollout-keeper.ts";
import { treeSubject } from "#os-image/firmware/check/tree.ts";
import { requestOf, serve, textOf } from "#test/base/http/serve.ts";
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
function machine(t: ExecutionContext, script: string) {
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
  return { node, folder, places };
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

const NODE_ID = "0b9b2c1e-6f2e-4c7b-8f3e-0123456789ab";

test("a server says that it knows no new shape of the state for as long as its machine may go back", (t) => {
  const { places } = machine(t, "exit 0");
  const known = versionsOf(Object.values(tables));
  t.true(Object.keys(known).length > 0);
  t.deepEqual(knownShapes(places), known);
  writeFileSync(join(places.run, "judged"), "go-back");
  t.deepEqual(knownShapes(places), {});
  rmSync(join(places.run, "slot"));
  t.deepEqual(knownShapes(places), known, "another system");
});

/** Whoever holds no token may nothing, `operator` all but what takes a management token. */
const access: AccessPolicy = (token) => {
  if (token === "") return succeed(noAccess);
  if (token === "management") return succeed(fullAccess);
  return succeed({ ...noAccess, isAnonymous: false, allows: (resource) => resource !== "management" });
};

/** A server's API for the update of all nodes, and a node's that asks it there. */
async function twoApis(t: ExecutionContext, firmware: FirmwareNode | undefined) {
  const store = new MemoryStore();
  const view = await followView(store, [tables.rollouts]);
  const blocking = new BlockingQueries({ view, clock: env.clock, random: env.random });
  t.teardown(async () => {
    blocking.close();
    view.close();
    await store.close();
  });
  const api = (routes: Parameters<typeof createApi>[0]["routes"]): Exchange =>
    createApi({ env, blocking, dialect: nomadDialect, routes, access });
  // It never leads here.
  const keeper = new RolloutKeeper({ env, store, view, ports: {} as RolloutPorts });
  const server = await serve(t, api(rolloutRoutes(keeper, view)));
  const set = {
    request: async ({ path, ...call }: Parameters<Parameters<typeof rolloutOfServers>[0]["request"]>[0]) =>
      env.http.request({
        url: `${server}${path.replace("/nomad/", "/")}`,
        timeoutMs: call.timeoutMs,
        headers: call.headers ?? {},
      }),
  };
  const node = api(
    firmwareRoutes({ firmware, nodeId: NODE_ID, nodeName: "pi", rollout: (token) => rolloutOfServers(set, token) }),
  );
  const reset = async (body: unknown, token = "management", nodeId = NODE_ID): Promise<string> => {
    const text = typeof body === "string" ? body : JSON.stringify(body);
    const url = `/v1/client/firmware/reset?node_id=${nodeId}`;
    const answer = await node(requestOf({ method: "PUT", url, headers: { "x-nomad-token": token }, text }));
    return `${answer.status} ${textOf(answer)}`;
  };
  const roll = async (State: Rollout["State"], node: NodeUpdate["State"]): Promise<void> => {
    const rest = { From: "", To: "", Bundle: "", Since: 0, Reason: "", Restore: false, Before: "" };
    const wish = { Source: "x", Window: "", Older: false };
    const row: Rollout = {
      ...wish,
      State,
      Reason: "",
      StartedAt: 1,
      EndedAt: 0,
      Nodes: [{ NodeID: NODE_ID, Name: "pi", State: node, ...rest }],
    };
    const { revision } = await store.txn({ then: [put(tables.rollouts, { namespace: GLOBAL, id: CURRENT }, row)] });
    await view.reached(revision);
  };
  return { reset, roll };
}

test("whoever manages the cluster resets a node by its name, and nothing else does", async (t) => {
  const { node, folder } = machine(
    t,
    `echo "$@" >> $(dirname $0)/calls; [ ! -e $(dirname $0)/broken ] || { echo 'lares: no' >&2; exit 1; }`,
  );
  const { reset, roll } = await twoApis(t, node);
  const all = { What: "all", Confirm: "pi" };
  t.regex(await reset(all, ""), /^403 /);
  t.regex(await reset(all, "operator"), /^403 /);
  t.regex(await reset({ Confirm: "pi" }), /^400 .*What is missing/);
  t.regex(await reset({ What: "some", Confirm: "pi" }), /^400 .*expected \("data" \| "all"\), got "some"/);
  t.regex(await reset({ What: "all" }), /^400 .*Confirm: expected "pi", the name of the node .*got ""/);
  t.regex(await reset({ What: "all", Confirm: "pi2" }), /^400 .*expected "pi".*got "pi2"/);
  t.regex(await reset(""), /^400 /);
  t.regex(await reset(all, "management", NODE_ID.replace("0", "1")), /^404 Unknown node/);
  t.regex(await (await twoApis(t, undefined)).reset(all), /^404 this node does not run the Lares firmware/);
  for (const state of ["draining", "updating"] as const) {
    await roll("running", state);
    t.regex(await reset(all), /^409 the update of the cluster's firmware is at this node/);
  }
  const record = join(folder, "state/update.json");
  await roll("running", "waiting");
  writeFileSync(record, JSON.stringify({ ...RECORD, state: "installing" }));
  t.regex(await reset(all), /^409 an update of this node's firmware is being written/);
  writeFileSync(record, JSON.stringify(RECORD));
  t.false(existsSync(join(folder, "calls")));
  writeFileSync(join(folder, "broken"), "");
  t.regex(await reset(all), /^500 this node was not reset: lares: no/);
  rmSync(join(folder, "broken"));
  t.is(await reset({ What: "data", Confirm: "pi" }), `200 {"What":"data","Node":"${NODE_ID}"}`);
  t.is(readFileSync(join(folder, "calls"), "utf8"), "os reset -yes -reboot\nos reset -yes -data -reboot\n");
  t.regex(await reset(all), /^409 it is reset already/);
  t.throws(() => node.order({ Source: "http://x/a.raucb", Older: false }), { message: "it is reset now" });
});

test("a node that writes an update is reset once that is over, also where none of all nodes was ever begun", async (t) => {
  const { node, folder } = machine(
    t,
    `echo "$@" >> $(dirname $0)/calls; until [ -e $(dirname $0)/go ]; do sleep 0.05; done`,
  );
  const { reset } = await twoApis(t, node);
  node.order({ Source: "http://x/a.raucb", Older: false });
  t.regex(await reset({ What: "all", Confirm: "pi" }), /^409 an update of this node's firmware is being written/);
  writeFileSync(join(folder, "go"), "");
  await until("the order is over", async () => (await node.state()).Order?.Running === false);
  t.is(await reset({ What: "all", Confirm: "pi" }), `200 {"What":"all","Node":"${NODE_ID}"}`);
});

const NODE = `${NODE_ID}.node.lares`;

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

test("who may write nodes may read how one stands and not reset it; who manages is told that this is no firmware", async (t) => {
  const agent = await testAgent({ config: "acl { enabled = true }" });
  t.teardown(() => agent.remove());
  const ask = async (method: string, path: string, token: string, body?: unknown): Promise<Response> =>
    fetch(agent.nomad + path, {
      method,
      headers: { "x-nomad-token": token },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  const secret = async (answer: Promise<Response>): Promise<string> =>
    v.parse(v.object({ SecretID: v.string() }), await (await answer).json()).SecretID;
  const manager = await secret(ask("POST", "/v1/acl/bootstrap", ""));
  const policy = { Name: "nodes", Rules: 'node { policy = "write" }' };
  t.is((await ask("PUT", "/v1/acl/policy/nodes", manager, policy)).status, 200);
  const writer = await secret(ask("PUT", "/v1/acl/token", manager, { Type: "client", Policies: ["nodes"] }));
  const known = v.array(v.object({ Name: v.string(), ID: v.string() }));
  let node: v.InferOutput<typeof known>[number] | undefined;
  await until("the node is known", async () => {
    [node] = v.parse(known, await (await ask("GET", "/v1/nodes", writer)).json());
    return node !== undefined;
  });
  const reset = async (token: string): Promise<string> => {
    const path = `/v1/client/firmware/reset?node_id=${node?.ID}`;
    const answer = await ask("PUT", path, token, { What: "all", Confirm: node?.Name });
    return `${answer.status} ${await answer.text()}`;
  };
  t.regex(await reset(""), /^403 /);
  t.regex(await reset(writer), /^403 /);
  t.regex(await reset(manager), /^404 this node does not run the Lares firmware/);
  t.is((await ask("GET", "/v1/client/firmware", "")).status, 403);
  t.is((await ask("GET", "/v1/client/firmware", writer)).status, 404, "let in, and told so");
});

/** As on a machine with our firmware: what its start leaves in /run, and the image's checks in /usr. */
const AS_FIRMWARE = `mount -t tmpfs run /run
mkdir /run/lares-os
echo A >/run/lares-os/slot
echo confirm >/run/lares-os/judged
echo 'the cable is loose' >/run/lares-os/troubles
mount -t overlay -o "lowerdir=/usr/lib,upperdir=$0/upper,workdir=$0/work" overlay /usr/lib
mkdir -p /usr/lib/lares/checks
cp "$0"/*.checks.hcl /usr/lib/lares/checks
exec "$@"`;
const canMount = process.getuid?.() === 0;

(canMount ? test : test.skip)("an agent on our firmware tells the image's checks as those of its node", async (t) => {
  t.timeout(240_000);
  const folder = mkdtempSync(join(tmpdir(), "lares-as-firmware-"));
  for (const each of ["upper", "work"]) mkdirSync(join(folder, each));
  const put = (name: string, body: string): void =>
    writeFileSync(join(folder, `${name}.checks.hcl`), `checks "${name}" {\n${body}\n}\n`);
  put("machine", '  file "/etc/passwd" {\n    contains = "^root:"\n  }\n  mount "/run" {\n    type = "tmpfs"\n  }');
  put("network", '  interface "nosuch*" {}\n  command "true" {}');
  const main = new URL("../../../../cli/main.ts", import.meta.url).pathname;
  const apart = ["unshare", "-m", "--propagation", "private", "sh", "-ec", AS_FIRMWARE, folder];
  const agent = await testAgent({
    command: [...apart, process.execPath, "--disable-warning=ExperimentalWarning", main],
  });
  t.teardown(async () => {
    await agent.remove();
    rmSync(folder, { recursive: true });
  });
  const [node] = v.parse(v.array(v.object({ Node: v.string() })), await agent.get("/consul/v1/catalog/nodes"));
  const CheckSchema = v.object({
    CheckID: v.string(),
    ServiceName: v.string(),
    Status: v.string(),
    Output: v.string(),
  });
  const checks = async () => {
    const all = v.parse(v.array(CheckSchema), await agent.get(`/consul/v1/health/node/${node?.Node}`));
    return all
      .filter(({ ServiceName }) => ServiceName === "lares-firmware")
      .toSorted((a, b) => (a.CheckID < b.CheckID ? -1 : 1));
  };
  await until(
    "the machine was asked",
    async () => (await checks()).some(({ Status }) => Status !== "passing"),
    180_000,
  );
  await until("all was", async () => (await checks()).every(({ Output }) => Output !== ""), 60_000);
  const told = (await checks()).map(({ CheckID, Status, Output }) => `${CheckID} ${Status}: ${Output}`);
  t.is(told.length, 3);
  t.regex(told[0] ?? "", /^lares-firmware:hardware warning: (.*\n)*the cable is loose$/);
  t.is(told[1], "lares-firmware:machine passing: 2 as they have to be");
  t.is(told[2], "lares-firmware:network critical: interface nosuch*: there is none that is up");
  t.like(await agent.get("/v1/client/firmware"), { Slot: "A", Judged: true, Troubles: ["the cable is loose"] });
});

test("a cluster of other machines has nothing to update, and says so", async (t) => {
  const agent = await testAgent();
  t.teardown(() => agent.remove());
  await until("the node is ready", async () =>
    JSON.stringify(await agent.get("/v1/nodes")).includes('"Status":"ready"'),
  );
  t.is((await fetch(`${agent.nomad}/v1/client/firmware`)).status, 404);
  const [stub] = (await agent.get("/v1/nodes")) as readonly { readonly ID: string; readonly Name: string }[];
  const reset = await agent.lares("os", "reset", `-node=${stub?.Name}`, "-data", "-yes");
  t.is(reset.code, 1);
  t.regex(reset.stderr, /this node does not run the Lares firmware/);
  t.regex((await agent.lares("os", "reset", `-node=${stub?.ID}`)).stderr, /there is nobody to ask: Forget everything/);
  const begun = await agent.lares("os", "rollout", "http://127.0.0.1:1/stable.json");
  t.is(begun.code, 1);
  t.regex(begun.stderr, /no node of this cluster runs the Lares firmware/);
  const window = await agent.lares("os", "rollout", "http://127.0.0.1:1/stable.json", "-window", "soon");
  t.regex(window.stderr, /"soon" is no window for updates/);
  t.regex((await agent.lares("os", "rollout")).stdout, /No update of the cluster was begun yet/);
  t.is((await agent.lares("os", "rollout", "-stop")).code, 1);
});
