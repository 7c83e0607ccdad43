import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import test from "ava";
import { startNode } from "../../daemons/discovery/node.ts";
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
