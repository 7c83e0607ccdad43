import { cpSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { startEtcd } from "#test/base/platform/etcd/start-etcd.ts";
import { testAgent, until, type TestAgent } from "./agent.ts";
import { endTasks } from "./member-cluster.ts";
import { admit, admitClient, found } from "./servers/admit.ts";

const root = new URL("../..", import.meta.url).pathname;
const main = join(root, "cli/main.ts");
const ROOMS = ["base", "cli", "daemons", "drivers", "ingress", "os-image", "packs", "package.json"];

/** The next version: every table's rows have a new number, and those of the catalog of keys a shape that this one does not know. */
function nextBuild(): string {
  const folder = mkdtempSync(join(tmpdir(), "lares-next-"));
  for (const room of ROOMS) cpSync(join(root, room), join(folder, room), { recursive: true });
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  const change = (file: string, how: (text: string) => string): void => {
    const path = join(folder, file);
    writeFileSync(path, how(readFileSync(path, "utf8")));
  };
  change("base/state/tables.ts", (text) =>
    text.replaceAll(/schemaVersion: (\d+)/g, (_, version: string) => `schemaVersion: ${Number(version) + 1}`),
  );
  change("base/state/tables.ts", (text) => {
    const before = /schemaVersion: 2,\n  schema: KvEntrySchema,/;
    if (!before.test(text)) throw new Error("the table of keys looks different");
    const made = "schema: v.object({ ...KvEntrySchema.entries, Made: v.optional(v.string(), 'before') }),";
    const former = "before: { down: ({ Made, ...rest }) => rest },";
    return `import * as v from "valibot";\n${text.replace(before, `schemaVersion: 2,\n  ${made}\n  ${former}`)}`;
  });
  change("package.json", (text) => text.replace(/"version": "[^"]+"/, '"version": "99.0.0"'));
  return folder;
}

const job = (id: string, node: string | undefined) =>
  JSON.stringify({
    Job: {
      ID: id,
      Constraints: node === undefined ? [] : [{ LTarget: "${node.unique.name}", RTarget: node, Operand: "=" }],
      Type: "service",
      Datacenters: ["dc1"],
      TaskGroups: [
        {
          Name: "g",
          Count: 1,
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

async function submit({ nomad }: TestAgent, id: string, node?: string): Promise<number> {
  return (await fetch(`${nomad}/v1/jobs`, { method: "PUT", body: job(id, node) })).status;
}

async function isRunning({ nomad }: TestAgent, id: string): Promise<boolean> {
  const answer = await fetch(`${nomad}/v1/job/${id}/allocations`);
  return answer.status === 200 && (await answer.text()).includes('"ClientStatus":"running"');
}

async function put({ consul }: TestAgent, key: string): Promise<boolean> {
  const answer = await fetch(`${consul}/v1/kv/${key}`, { method: "PUT", body: key }).catch(() => undefined);
  return answer?.status === 200 && (await answer.text()).trim() === "true";
}

async function get({ consul }: TestAgent, key: string): Promise<string> {
  return (await fetch(`${consul}/v1/kv/${key}?raw&consistent`)).text();
}

/** The keys' rows as etcd has them, by key: https://etcd.io/docs/v3.4/dev-guide/api_grpc_gateway/ */
async function storedRows(endpoint: string): Promise<string[]> {
  const encoded = (text: string): string => Buffer.from(text).toString("base64");
  const body = JSON.stringify({ key: encoded("/lares/1/kv/"), range_end: encoded("/lares/1/kv0") });
  const answer = await fetch(`${endpoint}/v3/kv/range`, { method: "POST", body });
  const { kvs = [] }: { kvs?: { value: string }[] } = JSON.parse(await answer.text());
  return kvs.map(({ value }) => Buffer.from(value, "base64").toString());
}

test("two versions are servers side by side, the newer one goes on alone, and going back loses nothing", async (t) => {
  t.timeout(600_000);
  const etcd = await startEtcd(1);
  const next = nextBuild();
  const builds = mkdtempSync(join(tmpdir(), "lares-builds-"));
  const use = (build: string): void => {
    symlinkSync(build, join(builds, "new"));
    renameSync(join(builds, "new"), join(builds, "used"));
  };
  use(root);
  const agents: TestAgent[] = [];
  t.teardown(async () => {
    await Promise.all(agents.map((agent) => agent.remove()));
    // Tasks outlive their agents.
    for (const { dir } of agents) endTasks(dir);
    await etcd.stop();
    for (const folder of [next, builds]) rmSync(folder, { recursive: true, force: true });
  });
  const config = (name: string) =>
    `name = "${name}"\nstate {\n  migrate_after = "1s"\n  etcd {\n    endpoints = ${JSON.stringify(etcd.endpoints)}\n  }\n}`;
  let line: readonly string[] = [];
  const flags = [process.execPath, "--disable-warning=ExperimentalWarning"];
  const old = await testAgent({
    config: config("old"),
    command: [...flags, join(builds, "used/cli/main.ts")],
    prepare: (dir) => (line = found(dir)),
  });
  agents.push(old);
  t.is(await submit(old, "old"), 200);
  await until("the old version's job runs", () => isRunning(old, "old"));
  t.true(await put(old, "by-old"));
  // Nodes that are no servers, of both versions, from the first to the last.
  const client = (name: string, build: string) =>
    testAgent({
      config: `name = "${name}"`,
      command: [...flags, build],
      prepare: (dir) => admitClient(dir, line),
    });
  const oldClient = await client("old-client", main);
  agents.push(oldClient);
  const newClient = await client("new-client", join(next, "cli/main.ts"));
  agents.push(newClient);
  const keys = ["by-old", "by-newer", "alone", "back"];
  const clientsWork = async (server: TestAgent, stage: string): Promise<void> => {
    for (const [name, at] of [
      ["old-client", oldClient],
      ["new-client", newClient],
    ] as const) {
      const id = `${stage}-${name}`;
      await until(`${id} is written`, () => put(at, id));
      keys.push(id);
      await until(`${id} is taken`, async () => (await submit(server, id, name)) === 200);
      await until(`${id} runs`, () => isRunning(server, id));
      t.is(await get(at, "by-old"), "by-old");
    }
  };
  await clientsWork(old, "old-alone");

  const command = [...flags, join(next, "cli/main.ts")];
  const newer = await testAgent({ config: config("newer"), command, prepare: (dir) => admit(dir, line) });
  agents.push(newer);
  t.regex((await newer.lares("version")).stdout, /99\.0\.0|v/);
  t.is(await get(newer, "by-old"), "by-old");
  t.true(await isRunning(newer, "old"), "what the older one wrote, the newer one reads");
  t.true(await put(newer, "by-newer"));
  t.is(await submit(newer, "new"), 200);
  await until(
    "both see the job of the newer version run",
    async () => (await isRunning(old, "new")) && isRunning(newer, "new"),
  );
  t.is(await get(old, "by-newer"), "by-newer", "what the newer one wrote, the older one reads");

  for (const each of [oldClient, newClient])
    await until("a node has heard of both servers", async () => {
      const servers: unknown = await (await fetch(`${each.nomad}/v1/agent/servers`)).json();
      return Array.isArray(servers) && servers.length >= 2;
    });
  t.is(await old.stop(), 0);
  await until("the newer one goes on alone", () => put(newer, "alone"));
  await clientsWork(newer, "newer-alone");
  t.is(await newer.stop(), 0);

  await old.start();
  await until("the older one takes writes again", () => put(old, "back"));
  for (const key of keys) t.is(await get(old, key), key);
  t.is(await submit(old, "back"), 200);
  await until("it places jobs", () => isRunning(old, "back"));
  const [endpoint = ""] = etcd.endpoints;
  const isFormer = (row: string): boolean => row.startsWith('{"schema":1,') && !row.includes('"Made"');
  const rows = await storedRows(endpoint);
  t.is(rows.length, keys.length);
  t.deepEqual(
    rows.filter((row) => !isFormer(row)),
    [],
    "while one server does not know it, nothing has the new shape",
  );

  // Now both are of the new version.
  t.is(await old.stop(), 0);
  use(next);
  await Promise.all([old.start(), newer.start()]);
  await until("all rows have the new shape", async () =>
    (await storedRows(endpoint)).every((row) => row.startsWith('{"schema":2,') && row.includes('"Made":"before"')),
  );
  await clientsWork(newer, "new");
  for (const key of keys) t.is(await get(old, key), key);
  t.is(await old.stop(), 0);
  use(root);
  const refused = await t.throwsAsync(old.start());
  t.regex(refused?.message ?? "", /brought to the shape of a newer version of this program: kv/);
  t.is(await get(newer, "by-old"), "by-old");
});
