import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import test from "ava";
import * as v from "valibot";
import { freePort } from "#test/free-ports.ts";
import { makeEcKey } from "#base/platform/ec-key.ts";
import { openOwnAuthority, readOwnAuthority } from "#ingress/certificates/own-authority.ts";
import { createConsulClient } from "#base/client/consul-client.ts";
import { createEnv } from "#base/platform/create-env.ts";
import { startNode } from "../../daemons/discovery/node.ts";
import { at, live, shown, until } from "../live.ts";

const run = promisify(execFile);

/** Asks six times as the same visitor, and twelve times as nobody. */
const PAGE = `<!doctype html><body><script>
const ask = async (credentials) => (await fetch("/who", { credentials, cache: "no-store" })).text();
(async () => {
  const [mine, any] = [[], []];
  for (let at = 0; at < 6; at++) mine.push(await ask("include"));
  for (let at = 0; at < 12; at++) any.push(await ask("omit"));
  document.body.textContent = JSON.stringify({ mine, any, cookies: document.cookie, protocol: performance.getEntriesByType("navigation")[0].nextHopProtocol });
})();
</script></body>`;

const SaidSchema = v.object({
  mine: v.array(v.string()),
  any: v.array(v.string()),
  cookies: v.string(),
  protocol: v.string(),
});

async function instance(name: string): Promise<{ readonly port: number; readonly server: Server }> {
  const server = createServer((asked, answer) => {
    answer.setHeader("content-type", asked.url === "/who" ? "text/plain" : "text/html");
    answer.end(asked.url === "/who" ? name : PAGE);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { port: Number(Object(server.address()).port), server };
}

test("Chromium: the cluster's own authority is trusted where it is told to, a session sticks, its cookie is no script's", async (t) => {
  t.timeout(170_000);
  const home = mkdtempSync(join(tmpdir(), "lares-browser-"));
  const httpsPort = await freePort();
  const running = await live({ httpsPort });
  const both = await Promise.all([instance("one"), instance("two")]);
  t.teardown(async () => {
    await running.remove();
    for (const { server } of both) server.close();
    rmSync(home, { recursive: true, force: true, maxRetries: 5 });
  });

  // As the ingress makes it for `certificate=internal`, and `lares ingress ca` shows it.
  const { url } = await startNode(t);
  const env = createEnv({ logToStderr: false });
  t.teardown(() => env.close());
  const consul = createConsulClient({ http: env.http, address: { origin: url, socketPath: undefined }, token: "" });
  const issue = await openOwnAuthority({ env, consul, storeKey: "authority", makeKey: makeEcKey });
  const pem = issue.ok ? await issue.value("pair.test", new AbortController().signal) : issue;
  if (!pem.ok) throw new Error(pem.error.message);
  const kept = await consul.kv.get("authority");
  const text = kept.ok ? Buffer.from(kept.value.value[0]?.Value ?? "", "base64").toString("utf8") : "";
  writeFileSync(join(home, "ca.pem"), readOwnAuthority(text)?.certificate ?? "");

  running.catalog.values.set("lares/ingress/certificates/pair", pem.value);
  const tags = ["lares.host=pair.test", "lares.sticky=true", "lares.sticky-secure=true", "lares.sticky-same-site=Lax"];
  running.catalog.set(both.map(({ port }) => at("pair", port, tags)));
  await until("it serves", async () => (await shown(httpsPort, "pair.test")) !== undefined);

  const visit = async (): Promise<string> => {
    const words = [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-dev-shm-usage",
      "--no-first-run",
      `--user-data-dir=${home}/profile`,
      "--host-resolver-rules=MAP pair.test 127.0.0.1",
      "--virtual-time-budget=20000",
      "--timeout=60000",
      "--dump-dom",
      `https://pair.test:${httpsPort}/`,
    ];
    const { stdout } = await run("chromium", words, {
      env: { PATH: process.env["PATH"], HOME: home },
      timeout: 100_000,
    });
    return stdout;
  };
  const distrusted = await visit();
  t.false(distrusted.includes('"mine"'), "nobody vouches for it yet");
  const database = `sql:${home}/.pki/nssdb`;
  await run("mkdir", ["-p", `${home}/.pki/nssdb`]);
  await run("certutil", ["-d", database, "-N", "--empty-password"]);
  await run("certutil", ["-d", database, "-A", "-t", "C,,", "-n", "lares", "-i", join(home, "ca.pem")]);
  const page = await visit();
  const json = /<body>(\{.*\})<\/body>/s.exec(page)?.[1];
  t.truthy(json, page);
  const said = v.parse(SaidSchema, JSON.parse(json ?? "{}"));
  t.is(said.mine.length, 6);
  t.is(new Set(said.mine).size, 1, said.mine.join(" "));
  t.deepEqual(new Set(said.any), new Set(["one", "two"]));
  t.is(said.cookies, "");
  t.is(said.protocol, "h2");
});
