import { spawn } from "node:child_process";
import { once } from "node:events";
import test from "ava";
import { startApi } from "../../daemons/dns/http/api-world.ts";
import { lares } from "../cluster.ts";

const like = (text: string): Record<string, unknown> => JSON.parse(text);

test("lares dns shows, blocks, allows, pauses and says why", async (t) => {
  const world = await startApi(t);
  const environment = { LARES_DNS_ADDR: world.url };
  const run = (...words: readonly string[]) => lares(environment, ["dns", ...words]);
  await world.ask("www.example");
  await world.ask("doubleclick.net");
  const status = await run("status");
  t.is(status.code, 0, status.err);
  t.regex(status.out, /Blocking +=? ?enabled/);
  t.regex(status.out, /Blocked +=? ?1 \(50\.0 %\)/);
  t.like(like((await run("status", "-json")).out), { queries: { total: 2 }, blocking: "enabled" });
  const log = await run("log", "-blocked");
  t.regex(log.out, /blocked +doubleclick\.net/);
  t.notRegex(log.out, /www\.example/);
  t.regex((await run("top")).out, /www\.example +1/);
  t.regex((await run("block", "bad.example", "-comment", "no")).out, /Blocked: bad\.example/);
  const blocked = await run("test", "bad.example");
  t.is(blocked.code, 1);
  t.regex(blocked.out, /bad\.example: blocked\n/);
  t.is((await run("allow", "doubleclick.net")).code, 0);
  const allowed = await run("test", "doubleclick.net");
  t.is(allowed.code, 0);
  t.regex(allowed.out, /allowed, although lists block it/);
  t.regex((await run("rules")).out, /deny +exact +bad\.example/);
  t.is((await run("unblock", "bad.example")).code, 0);
  const missing = await run("unblock", "bad.example");
  t.is(missing.code, 1);
  t.regex(missing.err, /there is no such rule/);
  t.regex((await run("pause", "30s")).out, /Nothing is blocked for/);
  t.regex((await run("status")).out, /disabled for/);
  t.is((await run("resume")).code, 0);
  t.regex((await run("lists")).out, /sample:ads +block +\d+/);
  t.is((await run("lists", "add", "sample:trackers")).code, 0);
  t.is((await run("lists", "remove", "sample:trackers")).code, 0);
  t.regex((await run("lists", "update")).out, /names are blocked/);
  t.regex((await run("groups")).out, /Default +true +everybody else/);
  t.is((await run("pause", "soon")).code, 2);
});

test("lares dns status -live tells it again and again, until it is told to stop", async (t) => {
  const world = await startApi(t);
  const main = new URL("../../../cli/main.ts", import.meta.url).pathname;
  const env = { ...process.env, LARES_DNS_ADDR: world.url };
  const child = spawn(process.execPath, [main, "dns", "status", "-live"], { env, stdio: ["ignore", "pipe", "ignore"] });
  t.teardown(() => child.kill("SIGKILL"));
  const ended = once(child, "exit");
  let said = "";
  await new Promise<void>((resolve) => {
    child.stdout.on("data", (data: Buffer) => {
      said += data.toString();
      if ([...said.matchAll(/Blocking +=/g)].length > 1) resolve();
    });
    void ended.then(() => resolve());
  });
  t.regex(said, /Blocking +=[^]+Blocking +=/);
  child.kill("SIGTERM");
  await ended;
});

test("a server that is not there, or is shut, is told with what to do", async (t) => {
  const gone = await lares({ LARES_DNS_ADDR: "http://127.0.0.1:1" }, ["dns", "status"]);
  t.is(gone.code, 1);
  t.regex(gone.err, /no DNS server answers at http:\/\/127\.0\.0\.1:1/);
  const world = await startApi(t);
  const body = { config: { webserver: { api: { password: "secret" } } } };
  await world.call("PATCH", "/api/config", { body });
  const shut = await lares({ LARES_DNS_ADDR: world.url }, ["dns", "status"]);
  t.regex(shut.err, /LARES_DNS_PASSWORD/);
  const environment = { LARES_DNS_ADDR: world.url, LARES_DNS_PASSWORD: "secret" };
  t.is((await lares(environment, ["dns", "status"])).code, 0);
  t.regex(
    (await lares({ ...environment, LARES_DNS_PASSWORD: "other" }, ["dns", "status"])).err,
    /refused|incorrect|answered 401/,
  );
});
