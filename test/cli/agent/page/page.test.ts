import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Script } from "node:vm";
import test from "ava";
import { silentLog } from "#base/env/log.ts";
import { createEnv } from "#base/platform/create-env.ts";
import { Claim } from "#cli/agent/page/claim.ts";
import { STATUS_HTML } from "#cli/agent/page/status-html.ts";
import { STATUS_SCRIPT } from "#cli/agent/page/status-script.ts";
import { testAgent } from "#test/scenario/agent.ts";

const system = createEnv({ logLevel: "error" });
test.after.always(() => system.close());

test("whoever reads the screen gets the token, once, and guessing is slow", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "lares-claim-"));
  t.teardown(() => rmSync(folder, { recursive: true }));
  let nowMs = 0;
  const clock = { ...system.clock, monotonicMs: () => nowMs };
  const paths = { codePath: join(folder, "claim"), tokenPath: join(folder, "management-token") };
  const claim = new Claim({ env: { clock, disk: system.disk, log: silentLog }, ...paths });
  const codeOf = async (code: string): Promise<string> => {
    const taken = await claim.take(code);
    return taken.ok ? taken.value : taken.error.code;
  };
  t.false(await claim.isOpen());
  t.is(await codeOf(""), "claimed", "no code is no empty code");
  writeFileSync(paths.codePath, "12345678\n");
  writeFileSync(paths.tokenPath, "secret\n");
  t.true(await claim.isOpen());
  for (let tries = 0; tries < 5; tries++) t.is(await codeOf("1234567"), "wrong_code");
  t.is(await codeOf("12345678"), "too_many");
  nowMs += 60_000;
  t.is(await codeOf("1234 5678"), "secret");
  t.false(existsSync(paths.codePath));
  t.is(await codeOf("12345678"), "claimed");
});

test("the page's parts name each other, and nothing else", (t) => {
  t.notThrows(() => new Script(STATUS_SCRIPT));
  const ids = new Set([...STATUS_HTML.matchAll(/ id="([\w-]+)"/g)].map(([, id]) => id));
  const used = [...STATUS_SCRIPT.matchAll(/"#([\w-]+)[" ]/g)].map(([, id]) => id);
  t.true(used.length > 8);
  t.deepEqual(
    used.filter((id) => !ids.has(id)),
    [],
  );
  t.notRegex(STATUS_HTML + STATUS_SCRIPT, /https?:\/\/|innerHTML|eval\(/);
});

test("an agent shows its page to browsers", async (t) => {
  const agent = await testAgent();
  t.teardown(() => agent.remove());
  const page = await fetch(`${agent.nomad}/`);
  t.is(page.status, 200);
  t.regex(page.headers.get("content-type") ?? "", /^text\/html/);
  t.regex(page.headers.get("content-security-policy") ?? "", /default-src 'none'/);
  t.is(await page.text(), STATUS_HTML);
  for (const [, path = ""] of STATUS_HTML.matchAll(/(?:href|src)="([^"]+)"/g))
    t.is((await fetch(`${agent.nomad}${path}`)).status, 200, path);
  t.is((await fetch(`${agent.nomad}/v1/cluster/claim`)).status, 404, "no screen, no code");
  // What the page asks for.
  for (const [, path = ""] of STATUS_SCRIPT.matchAll(/call\("(\/v1\/[^"?]+)(?:\?[^"]*)?"\)/g))
    if (!/claim|rollout/.test(path)) t.is((await fetch(`${agent.nomad}${path}`)).status, 200, path);
});
