import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { spawn } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { prefixVariables, secretVariables, serviceVariables } from "#cli/envconsul/environment.ts";
import { lares, startCluster } from "../cluster.ts";

const main = new URL("../../../cli/main.ts", import.meta.url).pathname;

async function folderOf(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "lares-envconsul-"));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** The tool in a process of its own, as its program writes to its output. */
function tool(t: ExecutionContext, environment: Readonly<Record<string, string>>, words: readonly string[]) {
  const child = spawn(process.execPath, [main, "envconsul", ...words], {
    env: { ...process.env, ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const said = { out: "", err: "" };
  child.stdout.on("data", (data: Buffer) => (said.out += data.toString()));
  child.stderr.on("data", (data: Buffer) => (said.err += data.toString()));
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  t.teardown(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  return { child, said, ended };
}

async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const end = Date.now() + 60_000;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`did not happen within a minute: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const plain = { sanitize: false, upcase: false };

test("names of variables", (t) => {
  const items = [
    { key: "db/host", value: "h" },
    { key: "folder/", value: "" },
  ];
  const source = { path: "app/config", format: "", noPrefix: undefined, keys: [] };
  t.deepEqual(prefixVariables(source, items, plain), [["db/host", "h"]]);
  t.deepEqual(prefixVariables(source, items, { sanitize: true, upcase: true }), [["DB_HOST", "h"]]);
  t.deepEqual(prefixVariables({ ...source, noPrefix: false }, items, plain), [["app_config_db/host", "h"]]);
  t.deepEqual(prefixVariables({ ...source, format: "x_{{ key }}" }, items, plain), [["x_db/host", "h"]]);
  const secret = [
    { key: "user", value: "u" },
    { key: "pw", value: "p" },
  ];
  t.deepEqual(secretVariables({ ...source, path: "secret/app" }, secret, plain), [
    ["secret_app_user", "u"],
    ["secret_app_pw", "p"],
  ]);
  t.deepEqual(
    secretVariables({ ...source, noPrefix: true, keys: [{ name: "pw", format: "MY_{{key}}" }] }, secret, plain),
    [["MY_pw", "p"]],
  );
  const service = {
    query: "web",
    formatId: "",
    formatName: "",
    formatAddress: "HOST",
    formatTag: "",
    formatPort: "{{service}}_{{key}}",
  };
  const web = { id: "i", name: "web", address: "10.0.0.1", tag: "a,b", port: "80" };
  t.deepEqual(serviceVariables(service, [web], plain), [
    ["web/id", "i"],
    ["web/name", "web"],
    ["HOST", "10.0.0.1"],
    ["web/tag", "a,b"],
    ["web_port", "80"],
  ]);
});

test("keys become the environment; the program's exit code is the tool's", async (t) => {
  const { environment } = await startCluster(t);
  await lares(environment, ["kv", "put", "global/A", "1"]);
  await lares(environment, ["kv", "put", "global/B", "1"]);
  await lares(environment, ["kv", "put", "app/A", "2"]);
  const prefixes = ["-prefix", "global", "-prefix", "app"];
  const once = tool(t, environment, [...prefixes, "-once", "-pristine", "/bin/sh", "-c", "echo $A $B $HOME.; exit 3"]);
  t.is(await once.ended, 3, once.said.err);
  t.is(once.said.out, "2 1 .\n");
  t.is((await lares(environment, ["envconsul", ...prefixes])).code, 14);
  t.is((await lares(environment, ["envconsul", "-nope"])).code, 13);
});

test("a change starts the program anew; other signals reach it, the kill signal ends both", async (t) => {
  const folder = await folderOf(t);
  const { environment } = await startCluster(t);
  const log = (): Promise<string> => readFile(join(folder, "log"), "utf8").catch(() => "");
  await lares(environment, ["kv", "put", "app/color", "red"]);
  const program = join(folder, "program.sh");
  await writeFile(
    program,
    `trap 'echo usr1 >> ${folder}/log' USR1\ntrap 'echo end >> ${folder}/log; exit 0' TERM\necho start $COLOR >> ${folder}/log\nwhile :; do sleep 0.05; done\n`,
  );
  const { child, ended, said } = tool(t, environment, ["-prefix", "app", "-upcase", "sh", program]);
  await until(async () => (await log()) === "start red\n", `the program starts: ${said.err}`);
  child.kill("SIGUSR1");
  await until(async () => /usr1\n/.test(await log()), "a signal is passed on");
  await lares(environment, ["kv", "put", "app/color", "blue"]);
  await until(async () => (await log()).endsWith("end\nstart blue\n"), "a change starts it anew");
  child.kill("SIGINT");
  t.is(await ended, 12, said.err);
  t.regex(await log(), /blue\nend\n$/);
});
