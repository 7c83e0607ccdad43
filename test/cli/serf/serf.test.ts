import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import test, { type ExecutionContext } from "ava";
import fc from "fast-check";
import { freePort } from "#test/free-ports.ts";
import { readAgentOptions } from "#cli/serf/agent-options.ts";
import { readEventHandler } from "#cli/serf/event-handlers.ts";
import { wordsAs } from "#cli/command/link-name.ts";
import type { FlagValues } from "#cli/command/command.ts";
import { tempFolder } from "../../daemons/discovery/node.ts";
import { until } from "../../daemons/discovery/serf/real-serf.ts";

const main = fileURLToPath(new URL("../../../cli/main.ts", import.meta.url));
const OURS = [process.execPath, "--disable-warning=ExperimentalWarning", main, "serf"];
const THEIRS = ["serf"];

function run(program: readonly string[], ...words: readonly string[]) {
  const [file = "", ...first] = program;
  return new Promise<{ readonly code: number; readonly output: string }>((resolve) => {
    const child = execFile(file, [...first, ...words], (_error, stdout, stderr) =>
      resolve({ code: child.exitCode ?? -1, output: stdout + stderr }),
    );
  });
}

interface RunningAgent {
  readonly rpc: string;
  readonly place: string;
  readonly ended: Promise<unknown>;
  kill(signal: NodeJS.Signals): void;
}

async function startAgent(t: ExecutionContext, program: readonly string[], ...words: readonly string[]) {
  const [place, rpcAt] = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`];
  const [file = "", ...first] = program;
  const args = [...first, "agent", "-bind", place, "-rpc-addr", rpcAt, "-profile=local", ...words];
  const child = spawn(file, args, { stdio: "ignore" });
  t.teardown(() => child.kill("SIGKILL"));
  const rpc = `-rpc-addr=${rpcAt}`;
  await until(async () => (await run(THEIRS, "info", rpc)).code === 0, "the agent serves its port");
  return {
    rpc,
    place,
    ended: once(child, "exit"),
    kill: (signal: NodeJS.Signals) => void child.kill(signal),
  } satisfies RunningAgent;
}

test("the command line of serf, against an agent of ours and one of HashiCorp's in one cluster", async (t) => {
  const folder = await tempFolder(t);
  const log = `${folder}/events`;
  const handler = `printf '%s %s%s %s\\n' "$SERF_EVENT" "$SERF_USER_EVENT" "$SERF_QUERY_NAME" "$(cat)" >> ${log}`;
  const ours = await startAgent(
    t,
    OURS,
    "-node=ours",
    "-tag=role=web",
    `-event-handler=${handler}`,
    "-event-handler=query:load=echo 0.5",
  );
  const theirs = await startAgent(t, THEIRS, "-node=theirs", "-event-handler=query=echo theirs");
  t.regex((await run(OURS, "join", ours.rpc, theirs.place)).output, /contacting 1 nodes/);
  await until(async () => /theirs .* alive/.test((await run(THEIRS, "members", ours.rpc)).output), "theirs joined");
  for (const { rpc } of [ours, theirs]) {
    const listed = await run(OURS, "members", rpc);
    t.regex(listed.output, /^ours {4}127\.0\.0\.1:\d+ {2}alive {2}role=web$/m);
    t.regex(listed.output, /^theirs {2}127\.0\.0\.1:\d+ {2}alive$/m);
    t.is((await run(OURS, "members", rpc, "-tag=role=none")).code, 2);
    const json = JSON.parse((await run(OURS, "members", rpc, "-format=json", "-name=ours")).output);
    t.deepEqual(json, JSON.parse((await run(THEIRS, "members", rpc, "-format=json", "-name=ours")).output));
    const asked = JSON.parse((await run(OURS, "query", rpc, "-format=json", "-timeout=5s", "load")).output);
    t.deepEqual(asked.Responses, { ours: "0.5", theirs: "theirs" });
    t.deepEqual(asked.Acks.toSorted(), ["ours", "theirs"]);
    t.is((await run(OURS, "reachability", rpc)).code, 0);
    t.regex((await run(OURS, "info", rpc)).output, /members = 2/);
    t.regex((await run(OURS, "rtt", rpc, "ours", "theirs")).output, /Estimated ours <-> theirs rtt: [\d.]+ ms/);
  }
  t.is((await run(OURS, "force-leave", ours.rpc, "nobody")).code, 1);
  t.is((await run(OURS, "event", theirs.rpc, "deploy", "v3")).code, 0);
  t.is((await run(OURS, "tags", theirs.rpc, "-set", "rack=7")).code, 0);
  t.is((await run(OURS, "leave", theirs.rpc)).code, 0);
  await theirs.ended;
  for (const event of ["user deploy", "member-update", "member-leave"])
    await until(async () => (await readFile(log, "utf8")).includes(event), `${event} was handled`);
  const told = await readFile(log, "utf8");
  t.regex(told, /^member-join {2}theirs\t127\.0\.0\.1\t\t$/m);
  t.regex(told, /^user deploy v3$/m);
  t.regex(told, /^member-update {2}theirs\t127\.0\.0\.1\t\track=7$/m);
  ours.kill("SIGINT");
  await ours.ended;
});

test("keys are changed while an encrypted agent runs, and kept; a token is asked for", async (t) => {
  const folder = await tempFolder(t);
  const [one, two] = await Promise.all([run(OURS, "keygen"), run(OURS, "keygen")]);
  const [first, second] = [one.output.trim(), two.output.trim()];
  const ring = `${folder}/keys.json`;
  const config = `${folder}/serf.json`;
  await writeFile(ring, JSON.stringify([first]));
  await writeFile(config, JSON.stringify({ node_name: "closed", keyring_file: ring }));
  const agent = await startAgent(t, OURS, `-config-file=${config}`);
  t.regex((await run(OURS, "keys", agent.rpc, "-list")).output, /\[1\/1\]/);
  t.is((await run(OURS, "keys", agent.rpc, "-install", second)).code, 0);
  t.is((await run(OURS, "keys", agent.rpc, "-use", second)).code, 0);
  t.is((await run(OURS, "keys", agent.rpc, "-remove", first)).code, 0);
  await until(async () => JSON.parse(await readFile(ring, "utf8")).join() === second, "the new key alone is kept");
  await writeFile(config, JSON.stringify({ nod_name: "x" }));
  const bad = await run(OURS, "agent", `-config-file=${config}`);
  t.regex(bad.output, /unknown key "nod_name"\n.*did you mean "node_name"/s);
  t.regex((await run(OURS, "members", "-rpc-addr=127.0.0.1:1")).output, /cannot connect to 127\.0\.0\.1:1/);
});

test("event handlers are split at their filter, any text is read or refused", (t) => {
  t.deepEqual(readEventHandler("user:deploy=./a.sh x=1"), {
    filter: [{ kind: "user", name: "deploy" }],
    command: "./a.sh x=1",
  });
  t.deepEqual(readEventHandler("A=1 ./a.sh"), { filter: [{ kind: "*", name: "" }], command: "A=1 ./a.sh" });
  t.throws(() => readEventHandler("member-gone=./a.sh"), { message: /no kind of event/ });
  fc.assert(
    fc.property(fc.string(), (text) => {
      try {
        t.true(text.endsWith(readEventHandler(text).command));
      } catch (error) {
        t.true(error instanceof Error);
      }
    }),
  );
  t.deepEqual(wordsAs(["/usr/bin/serf"], ["members", "-detailed"]), ["serf", "members", "-detailed"]);
  t.deepEqual(wordsAs(["/usr/bin/serf"], ["--version"]), ["version"]);
  const none: FlagValues = { on: () => false, value: () => undefined, values: () => [] };
  t.like(readAgentOptions(none, "host"), { name: "host", bind: "0.0.0.0", profile: "lan" });
});
