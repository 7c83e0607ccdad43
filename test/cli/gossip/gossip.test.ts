import { execFile, spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import test from "ava";
import { startNode, tempFolder } from "../../daemons/discovery/node.ts";
import { startSerf } from "../../daemons/discovery/serf/live.ts";
import { until } from "../../daemons/discovery/serf/real-serf.ts";

const main = fileURLToPath(new URL("../../../cli/main.ts", import.meta.url));

function lares(url: string, ...words: readonly string[]) {
  const args = ["--disable-warning=ExperimentalWarning", main, ...words];
  const env = { ...process.env, CONSUL_HTTP_ADDR: url };
  return new Promise<{ readonly code: number; readonly output: string }>((resolve) => {
    const child = execFile(process.execPath, args, { env }, (_error, stdout, stderr) =>
      resolve({ code: child.exitCode ?? -1, output: stdout + stderr }),
    );
  });
}

test("keygen makes a key of 32 bytes, another one each time", async (t) => {
  const [one, two] = await Promise.all([lares("", "keygen"), lares("", "keygen")]);
  t.is(Buffer.from(one.output, "base64").length, 32);
  t.not(one.output, two.output);
});

test("members, join, event, rtt, info, keyring, force-leave and leave against an agent", async (t) => {
  const ours = await startSerf(t, "node-a", { tags: { role: "consul", dc: "dc1" } });
  const gossip = { serf: ours.serf, leave: () => ours.serf.leave() };
  const { url, discovery } = await startNode(t, {}, { surroundings: { gossip } });
  discovery.follow(ours.serf, { forgetAfterMs: 3_600_000 });
  const other = await startSerf(t, "other", { tags: { rack: "7" } });

  t.is((await lares(url, "join", "127.0.0.1:1")).code, 1);
  t.regex((await lares(url, "join", other.place)).output, /contacting 1 nodes/);
  await until(() => ours.statusOf("other") === "alive", "they met");
  const all = await lares(url, "members");
  t.regex(all.output, /node-a +127\.0\.0\.1:\d+ +alive +server/);
  t.regex(all.output, /other +127\.0\.0\.1:\d+ +alive/);
  const some = await lares(url, "members", "-detailed", "-tag", "rack=.*");
  t.regex(some.output, /rack=7/);
  t.notRegex(some.output, /node-a/);
  t.is((await lares(url, "members", "-status", "failed")).code, 2);
  t.is((await lares(url, "members", "-name", "(")).code, 2);

  t.regex((await lares(url, "event", "-name", "deploy", "v1")).output, /Event ID: [0-9a-f-]{36}/);
  await until(() => other.events.some((event) => event.kind === "user"), "the event came");
  t.regex((await lares(url, "info")).output, /serf_lan:\n(?:\t.*\n)*\tmembers = 2/);
  t.regex((await lares(url, "keyring", "-list")).output, /not encrypted/);
  t.is((await lares(url, "keyring")).code, 2);
  t.is((await lares(url, "rtt", "nobody")).code, 1);
  t.not((await lares(url, "force-leave", "nobody")).code, 0);
  await other.stop();
  await until(() => ours.statusOf("other") === "failed", "the other failed");
  t.is((await lares(url, "force-leave", "other")).code, 0);
  await until(() => ours.statusOf("other") === "left", "it counts as left");
  t.is((await lares(url, "leave")).code, 0);
  t.is(ours.serf.state, "left");
});

test("exec runs a command on the nodes that fit and allow it, and leaves nothing behind", async (t) => {
  const { url } = await startNode(t, { disableRemoteExec: false, dataDir: await tempFolder(t) });
  const none = await lares(url, "exec", "-node=other", "-wait=200ms", "true");
  t.is(none.code, 1, none.output);
  // Long enough for a node on a busy machine to say that it heard.
  const failed = await lares(url, "exec", "-wait=3s", "echo $((40 + 2)); printf no-end; echo wrong >&2; exit 3");
  t.is(failed.code, 2, failed.output);
  t.regex(failed.output, /^ {4}node-a: 42$/m);
  t.regex(failed.output, /no-end/);
  t.regex(failed.output, /wrong/);
  t.regex(failed.output, /==> node-a: finished with exit code 3\n1 \/ 1 node/);
  const many = await lares(url, "exec", "-wait=3s", "-shell=false", "seq", "-w", "1", "30000");
  t.is(many.code, 0);
  const lines = many.output.split("\n").filter((line) => line.startsWith("    node-a: "));
  t.deepEqual([lines.length, lines.at(0), lines.at(-1)], [30_000, "    node-a: 00001", "    node-a: 30000"]);
  t.regex((await lares(url, "exec", "-wait=3s", "-shell=false", "no-such-program")).output, /no-such-program/);
  t.is((await fetch(`${url}/v1/kv/_rexec/?keys`)).status, 404, "its keys are gone");
  t.deepEqual(await (await fetch(`${url}/v1/event/list`)).json(), [], "it is no event for others");
});

test("exec: whoever asks no longer ends what runs; a node that does not allow it does nothing", async (t) => {
  const { url } = await startNode(t, { disableRemoteExec: false, dataDir: await tempFolder(t) });
  const folder = await tempFolder(t);
  const file = `${folder}/pid`;
  const asking = spawn(process.execPath, [main, "exec", "-wait=100ms", `echo $$ > ${file}; exec sleep 1000`], {
    env: { ...process.env, CONSUL_HTTP_ADDR: url },
    stdio: "ignore",
  });
  await until(async () => (await readFile(file, "utf8").catch(() => "")) !== "", "it runs");
  const pid = Number(await readFile(file, "utf8"));
  asking.kill("SIGTERM");
  // One that nobody waited for yet has no command line any more.
  const isGone = (): boolean => !existsSync(`/proc/${pid}`) || readFileSync(`/proc/${pid}/cmdline`).length === 0;
  await until(isGone, "it ended");
  const closed = await startNode(t);
  const refused = await lares(closed.url, "exec", "-wait=300ms", "true");
  t.is(refused.code, 1, refused.output);
});
