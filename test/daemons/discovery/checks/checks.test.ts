import { createSocket } from "node:dgram";
import { createServer } from "node:http";
import { createServer as createH2, type ServerHttp2Stream } from "node:http2";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer as createTcpServer } from "node:net";
import test from "ava";
import fc from "fast-check";
import * as v from "valibot";
import { AgentCheckDefinitionSchema, NODE_CHECKS, type CheckStatus } from "#base/protocol/catalog.ts";
import { readCheckSpec } from "#daemons/discovery/checks/check-spec.ts";
import { readNodeHealth } from "#daemons/discovery/checks/node-health.ts";
import { runProbe } from "#daemons/discovery/checks/run-probe.ts";
import { observe, worstStatus, type Thresholds } from "#daemons/discovery/checks/threshold.ts";
import { createEnv } from "#base/platform/create-env.ts";
import { call, service, startNode, until, type Owner } from "../node.ts";

const statuses = fc.constantFrom<CheckStatus>("passing", "warning", "critical");
const counts = fc.integer({ min: 0, max: 4 });
const thresholds: fc.Arbitrary<Thresholds> = fc.record({
  successBeforePassing: counts,
  failuresBeforeWarning: counts,
  failuresBeforeCritical: counts,
});

test("a check moves only after as many results in a row as it takes", (t) => {
  fc.assert(
    fc.property(thresholds, statuses, fc.array(statuses, { maxLength: 20 }), (limits, start, results) => {
      let progress = { status: start, successes: 0, failures: 0 };
      for (const [i, result] of results.entries()) {
        const before = progress.status;
        progress = observe(progress, result, limits);
        const well = (one: CheckStatus | undefined): boolean => one !== "critical";
        const since = results.slice(0, i + 1).findLastIndex((one) => well(one) !== well(result));
        const inRow = i - since;
        if (result !== "critical") {
          t.is(progress.status, inRow >= limits.successBeforePassing ? result : before);
        } else if (inRow >= limits.failuresBeforeCritical) {
          t.is(progress.status, "critical");
        } else {
          t.true(progress.status === before || (before === "passing" && progress.status === "warning"));
        }
      }
    }),
  );
  t.is(worstStatus(["passing", "critical", "warning"]), "critical");
  t.is(worstStatus([]), "passing");
});

test("any definition is read or refused with a reason", (t) => {
  const word = fc.oneof(
    fc.constantFrom("", "10s", "1h", "-1s", "x", "127.0.0.1:80", "[::1]:80", "http://a/", "passing"),
    fc.string(),
  );
  const definition = fc.record(
    {
      TTL: word,
      TCP: word,
      HTTP: word,
      Interval: word,
      Timeout: word,
      Status: word,
      DeregisterCriticalServiceAfter: word,
      ScriptArgs: fc.array(word, { maxLength: 2 }),
      AliasService: word,
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(definition, fc.boolean(), (input, enableScriptChecks) => {
      const read = readCheckSpec(v.parse(AgentCheckDefinitionSchema, input), { enableScriptChecks, nodeName: "n" });
      if (!read.ok) return void t.true(read.error.message.length > 10);
      t.true(read.value.intervalMs >= 1000 && read.value.timeoutMs > 0);
      if (read.value.probe.kind === "tcp") t.true(read.value.probe.port > 0 && read.value.probe.port < 65_536);
    }),
  );
});

test("HTTP: 2xx passes, 429 warns, the rest is critical; redirects, headers, body and time limit", async (t) => {
  const env = createEnv({ logLevel: "error" });
  const server = createServer((request, response) => {
    const path = request.url ?? "";
    if (path === "/slow") return;
    if (path === "/trickle") {
      response.write("a");
      return;
    }
    if (path === "/moved") return void response.writeHead(302, { location: "/200" }).end();
    if (path === "/round") return void response.writeHead(302, { location: "/round" }).end();
    if (path === "/endless") {
      const more = (): void => {
        if (response.write("x".repeat(10_000))) setImmediate(more);
        else response.once("drain", more);
      };
      more();
      return;
    }
    request.toArray().then(
      (parts) =>
        response.writeHead(Number(path.slice(1))).end(`${request.method} ${request.headers["x-a"]} ${parts.join("")}`),
      () => {},
    );
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
    env.close();
  });
  const { port } = server.address() as { port: number };
  const probe = async (path: string, extra: object = {}, timeoutMs = 5000) => {
    const definition = v.parse(AgentCheckDefinitionSchema, {
      HTTP: `http://127.0.0.1:${port}${path}`,
      Interval: "1s",
      ...extra,
    });
    const spec = readCheckSpec(definition, { enableScriptChecks: false, nodeName: "n" });
    if (!spec.ok || spec.value.probe.kind !== "http") throw new Error("no spec");
    return runProbe(env, spec.value.probe, { timeoutMs, maxOutputBytes: 4096, signal: new AbortController().signal });
  };
  t.is((await probe("/204")).status, "passing");
  t.is((await probe("/429")).status, "warning");
  t.is((await probe("/500")).status, "critical");
  t.is((await probe("/404")).status, "critical");
  t.regex(
    (await probe("/200", { Method: "post", Header: { "X-A": ["b"] }, Body: "hello" })).output,
    /200 Output: POST b hello/,
  );
  t.is((await probe("/moved")).status, "passing");
  t.is((await probe("/moved", { DisableRedirects: true })).status, "critical");
  t.regex((await probe("/round")).output, /10 redirects/);
  t.regex((await probe("/slow", {}, 100)).output, /no answer within 100 ms/);
  t.is((await probe("/trickle", {}, 100)).status, "critical");
  t.true((await probe("/endless")).output.length < 5000);
});

test("scripts: exit codes, time limit, and only when they are allowed", async (t) => {
  const { discovery, url } = await startNode(t, { enableScriptChecks: true });
  const register = (Name: string, script: string, extra: object = {}) =>
    discovery.registry.register(
      service({ Name, Check: { ScriptArgs: ["sh", "-c", script], Interval: "1s", ...extra } }),
    );
  await register("good", "echo fine");
  await register("meh", "echo hm; exit 1");
  await register("bad", "exit 2");
  await register("slow", "sleep 60", { Timeout: "100ms" });
  const output = async (name: string) => (await call(`${url}/v1/health/checks/${name}`)).json[0];
  await until(async () => (await output("good")).Status === "passing", "a passing script");
  t.is((await output("good")).Output, "fine\n");
  await until(async () => (await output("meh")).Status === "warning", "a warning script");
  await until(async () => /Timed out/.test((await output("slow")).Output), "a script out of time");
  t.is((await output("bad")).Status, "critical");
});

test("a TTL check fails when nobody reports, and an alias follows at once", async (t) => {
  const { discovery, url } = await startNode(t);
  const seen: string[] = [];
  discovery.registry.onStatus((id, status) => seen.push(`${id} ${status}`));
  await discovery.registry.register(service({ Name: "main", Check: { TTL: "300ms", Status: "passing" } }));
  await discovery.registry.register(service({ Name: "shadow", Check: { AliasService: "main" } }));
  const status = async (name: string) => (await call(`${url}/v1/health/checks/${name}`)).json[0].Status;
  const passes = async (): Promise<boolean> => {
    await call(`${url}/v1/agent/check/pass/service:main`, "PUT");
    return (await status("shadow")) === "passing";
  };
  await until(passes, "the alias to pass");
  await until(async () => (await status("main")) === "critical", "the TTL to run out");
  await until(async () => (await status("shadow")) === "critical", "the alias to fail");
  t.regex((await call(`${url}/v1/health/checks/main`)).json[0].Output, /TTL expired/);
  await until(passes, "the alias to pass again");
  t.true(seen.includes("shadow critical"));
});

test("what does not change is not written, and output alone can wait", async (t) => {
  const { discovery, store, url } = await startNode(t, { checkUpdateIntervalMs: 5000 });
  const definition = service({ Name: "web", Check: { TTL: "60s", Status: "passing" } });
  await discovery.registry.register(definition);
  await call(`${url}/v1/agent/check/pass/service:web?note=first`, "PUT");
  t.is((await call(`${url}/v1/health/checks/web`)).json[0].Output, "first");
  const { revision } = store.status();
  await discovery.registry.register(definition);
  await call(`${url}/v1/agent/check/pass/service:web?note=first`, "PUT");
  t.is(store.status().revision, revision);
  await call(`${url}/v1/agent/check/pass/service:web?note=new`, "PUT");
  t.is(store.status().revision, revision);
  t.is((await call(`${url}/v1/health/checks/web`)).json[0].Output, "first");
  t.is((await call(`${url}/v1/agent/checks`)).json["service:web"].Output, "new");
  await until(async () => (await call(`${url}/v1/health/checks/web`)).json[0].Output === "new", "the output");
  t.is(store.status().revision, revision + 1);
  await discovery.registry.register(service({ Name: "web", Tags: ["x"], Check: { TTL: "60s", Status: "" } }));
  t.is((await call(`${url}/v1/health/checks/web`)).json[0].Status, "passing", "a new tag keeps the check's state");
  const long = await call(`${url}/v1/agent/check/update/service:web`, "PUT", {
    Status: "warning",
    Output: "ä".repeat(5000),
  });
  t.is(long.status, 200);
  const kept: string = (await call(`${url}/v1/health/checks/web`)).json[0].Output;
  t.true(Buffer.byteLength(kept) <= 4096 && kept.endsWith("more)"));
});

/** Runs the probe a definition asks for once. */
async function probeOnce(t: Owner, definition: object, timeoutMs = 5000) {
  const env = createEnv({ logLevel: "error" });
  t.teardown(() => env.close());
  const read = v.parse(AgentCheckDefinitionSchema, { Interval: "1s", ...definition });
  const spec = readCheckSpec(read, { enableScriptChecks: true, nodeName: "n" });
  if (!spec.ok) throw new Error(spec.error.message);
  const { probe } = spec.value;
  if (probe.kind === "ttl" || probe.kind === "alias" || probe.kind === "maintenance") throw new Error(probe.kind);
  return runProbe(env, probe, { timeoutMs, maxOutputBytes: 4096, signal: new AbortController().signal });
}

test("HTTP/2 pings and gRPC health, against a real HTTP/2 server", async (t) => {
  const server = createH2();
  server.on("stream", (stream: ServerHttp2Stream, headers) => {
    const parts: Buffer[] = [];
    stream.on("data", (part: Buffer) => parts.push(part));
    stream.on("end", () => {
      const service = Buffer.concat(parts).subarray(7).toString();
      if (headers[":path"] !== "/grpc.health.v1.Health/Check" || service === "unknown")
        return stream.respond({ ":status": 200, "grpc-status": "5" }, { endStream: true });
      stream.respond({ ":status": 200, "content-type": "application/grpc" });
      stream.end(Buffer.from([0, 0, 0, 0, 2, 8, service === "sick" ? 2 : 1]));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.teardown(() => server.close());
  const { port } = server.address() as { port: number };
  const at = `127.0.0.1:${port}`;
  t.like(await probeOnce(t, { H2PING: at, H2PingUseTLS: false }), { status: "passing" });
  t.like(await probeOnce(t, { GRPC: at }), { status: "passing" });
  t.like(await probeOnce(t, { GRPC: `${at}/well` }), { status: "passing" });
  t.regex((await probeOnce(t, { GRPC: `${at}/sick` })).output, /NOT_SERVING/);
  t.regex((await probeOnce(t, { GRPC: `${at}/unknown` })).output, /no health service/);
  t.is((await probeOnce(t, { H2PING: at })).status, "critical", "it speaks no TLS");
});

test("a server of something else is no HTTP/2 server, and one that says nothing is waited for only so long", async (t) => {
  const plain = createServer((_request, response) => response.end("no"));
  plain.listen(0, "127.0.0.1");
  await once(plain, "listening");
  t.teardown(() => plain.close());
  const at = `127.0.0.1:${(plain.address() as { port: number }).port}`;
  t.is((await probeOnce(t, { H2PING: at, H2PingUseTLS: false })).status, "critical");
  const mute = createTcpServer(() => undefined);
  mute.listen(0, "127.0.0.1");
  await once(mute, "listening");
  t.teardown(() => mute.close());
  const silent = `127.0.0.1:${(mute.address() as { port: number }).port}`;
  t.regex((await probeOnce(t, { GRPC: silent }, 2000)).output, /no answer within 2000 ms/);
});

test("UDP: silence and answers are fine, a refusal is not", async (t) => {
  const socket = createSocket("udp4");
  socket.on("message", (_data, from) => socket.send("hi", from.port, from.address));
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  const UDP = `127.0.0.1:${socket.address().port}`;
  t.regex((await probeOnce(t, { UDP })).output, /answered/);
  socket.removeAllListeners("message");
  t.regex((await probeOnce(t, { UDP }, 100)).output, /nobody refused/);
  socket.close();
  await once(socket, "close");
  t.like(await probeOnce(t, { UDP }), { status: "critical" });
});

test("scripts that print without end, hang or leave children behind cost no more than their limits", async (t) => {
  const run = (script: string, timeoutMs?: number) => probeOnce(t, { ScriptArgs: ["sh", "-c", script] }, timeoutMs);
  const large = await run("head -c 100000000 /dev/zero | tr '\\0' x; exit 1", 60_000);
  t.is(large.status, "warning");
  t.true(large.output.length <= 8192);
  const isGone = async (pid: string) =>
    (await readFile(`/proc/${pid.trim()}/stat`, "utf8").catch(() => " Z ")).includes(" Z ");
  const hung = await run("sleep 300 & echo $!; wait", 300);
  t.regex(hung.output, /Timed out/);
  const [, hungPid = ""] = hung.output.split("\n");
  await until(() => isGone(hungPid), "the child of a script out of time to be killed");
  const left = await run("sleep 300 >/dev/null 2>&1 & echo $!");
  t.is(left.status, "passing");
  await until(() => isGone(left.output), "the child a script left behind to be killed");
});

test("checks of the machine itself say something of every figure", async (t) => {
  const { url } = await startNode(t, { nodeChecks: NODE_CHECKS });
  const own = async () =>
    (await call(`${url}/v1/health/node/node-a`)).json.filter((one: { CheckID: string }) =>
      one.CheckID.startsWith("node-"),
    );
  t.deepEqual((await own()).map((one: { CheckID: string }) => one.CheckID).toSorted(), [
    "node-clock",
    "node-cpu",
    "node-disk",
    "node-files",
    "node-memory",
    "node-temperature",
  ]);
  const env = createEnv({ logLevel: "error" });
  t.teardown(() => env.close());
  for (const check of NODE_CHECKS) t.not((await readNodeHealth(env, check, "/")).output, "", check);
});
