import { createServer } from "node:net";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { promisify } from "node:util";
import test from "ava";
import { service, startNode, until } from "./node.ts";

const run = promisify(execFile);

async function dig(port: number, ...words: string[]): Promise<string> {
  const { stdout } = await run("dig", ["@127.0.0.1", "-p", String(port), "+time=10", "+tries=3", ...words]);
  return stdout.trim();
}

test("a task's service answers in DNS once its check passes, and no longer when it fails", async (t) => {
  const { discovery, dnsPort } = await startNode(t);
  const listener = createServer((socket) => socket.destroy()).listen(0, "127.0.0.1");
  await once(listener, "listening");
  t.teardown(() => listener.close());
  const { port } = listener.address() as { port: number };
  const seen: string[] = [];
  discovery.registry.onStatus((id, status) => seen.push(`${id} ${status}`));
  await discovery.registry.register(
    service({
      ID: "_task-1",
      Name: "fun-redis",
      Port: port,
      Check: { TCP: `127.0.0.1:${port}`, Interval: "1s", Timeout: "1s" },
    }),
  );
  await until(async () => (await dig(dnsPort, "+short", "fun-redis.service.consul")) === "127.0.0.1", "an A record");
  t.is(await dig(dnsPort, "+short", "fun-redis.service.consul", "SRV"), `1 1 ${port} node-a.node.dc1.consul.`);
  t.is(seen.at(-1), "_task-1 passing");
  listener.close();
  await until(async () => (await dig(dnsPort, "+short", "fun-redis.service.consul")) === "", "no A record");
  t.is(seen.at(-1), "_task-1 critical");
  await discovery.registry.deregister("_task-1");
  t.deepEqual(discovery.registry.registered("_task"), []);
});
