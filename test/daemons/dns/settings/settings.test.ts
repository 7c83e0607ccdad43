import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { createConsulClient } from "#base/client/consul-client.ts";
import { fail, succeed } from "#base/env/errors.ts";
import { silentLog } from "#base/env/log.ts";
import { clusterSources } from "#daemons/dns/local/cluster-names.ts";
import { openKvSettings } from "#daemons/dns/settings/kv-settings.ts";
import type { SettingsStore } from "#daemons/dns/settings/settings-store.ts";
import { examplesIn } from "#test/documents.ts";
import { startNode } from "#test/daemons/discovery/node.ts";
import { createEnv } from "#base/platform/create-env.ts";
import { openFileSettings } from "#daemons/dns/settings/file-settings.ts";
import { readSettings } from "#daemons/dns/settings/read-settings.ts";
import { defaultSettings } from "#daemons/dns/settings/settings.ts";
import { LEASE_NAMES_PREFIX, type LeaseName } from "#base/protocol/lease-name.ts";
import { isBlocked, QUERY_STATUS } from "#daemons/dns/query-record.ts";

test("an empty file is the defaults, in both languages", (t) => {
  for (const text of ["", "{}", "# nothing\n"])
    t.deepEqual(readSettings({ name: "dns.hcl", text }), { ok: true, value: defaultSettings() });
});

test("HCL and JSON say the same", (t) => {
  const hcl = `
    listen { addresses = ["127.0.0.1:5300"] }
    upstream {
      servers = ["9.9.9.9", "tls://dns.quad9.net@9.9.9.9"]
      mode    = "failover"
    }
    blocking {
      mode = "nxdomain"
      special_domains { mozilla_canary = false }
    }
    lists = [{ id = 1, url = "sample:ads", groups = [0, 2] }]
    rules = [{ id = 2, kind = "deny", match = "regex", text = "^ad[0-9]" }]
  `;
  const json = {
    listen: { addresses: ["127.0.0.1:5300"] },
    upstream: { servers: ["9.9.9.9", "tls://dns.quad9.net@9.9.9.9"], mode: "failover" },
    blocking: { mode: "nxdomain", specialDomains: { mozillaCanary: false } },
    lists: [{ id: 1, url: "sample:ads", groups: [0, 2] }],
    rules: [{ id: 2, kind: "deny", match: "regex", text: "^ad[0-9]" }],
  };
  const fromHcl = readSettings({ name: "dns.hcl", text: hcl });
  t.true(fromHcl.ok);
  t.deepEqual(fromHcl, readSettings({ name: "dns.json", text: JSON.stringify(json) }));
});

test("what is wrong is named with its file and path", (t) => {
  const wrong = (text: string): string => {
    const read = readSettings({ name: "dns.hcl", text });
    return read.ok ? "" : `${read.error.message} ${read.error.hint ?? ""}`;
  };
  t.regex(wrong('blocking { mode = "sinkhole" }'), /dns\.hcl: blocking\.mode: .*"null"/);
  t.regex(wrong("caches { size = 1 }"), /no setting "caches".*did you mean "cache"/);
  t.regex(wrong("cache {"), /dns\.hcl|brace|block/i);
  t.regex(wrong("{ nope"), /is no JSON/);
});

test("every status of a blocked query counts as blocked, and no other", (t) => {
  const blocked = Object.entries(QUERY_STATUS).filter(([, status]) => isBlocked(status));
  t.true(blocked.every(([name]) => name.startsWith("blocked")));
  t.is(blocked.length, 7);
  t.is(LEASE_NAMES_PREFIX, "lares/dhcp/names/");
});

test("a lone server keeps what was changed beside what was written", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "lares-dns-"));
  t.teardown(() => rm(folder, { recursive: true }));
  const { disk } = createEnv({ logToStderr: false });
  const paths = { configPath: join(folder, "dns.hcl"), changesPath: join(folder, "settings.json") };
  t.false((await openFileSettings({ disk }, paths)).ok);
  await writeFile(paths.configPath, "cache { size = 7 }");
  const opened = await openFileSettings({ disk }, paths);
  if (!opened.ok) return t.fail(opened.error.message);
  const store = opened.value;
  t.is(store.current.cache.size, 7);
  const seen: number[] = [];
  store.onChange((settings) => void seen.push(settings.cache.size));
  const sized = (size: number) => store.update((now) => succeed({ ...now, cache: { ...now.cache, size } }));
  await Promise.all([sized(8), sized(9)]);
  t.false((await sized(-1)).ok);
  t.deepEqual(seen, [8, 9]);
  await store.stop();
  const again = await openFileSettings({ disk }, paths);
  t.is(again.ok ? again.value.current.cache.size : 0, 9);
});

test("instances of a cluster share their settings and the house's names", async (t) => {
  const { url } = await startNode(t);
  const env = { ...createEnv({ logToStderr: false }), log: silentLog };
  t.teardown(() => env.close());
  const client = createConsulClient({ http: env.http, address: { origin: url, socketPath: undefined }, token: "" });
  const given = { ...defaultSettings(), cache: { ...defaultSettings().cache, size: 77 } };
  const [first, second] = [
    await openKvSettings(env, client, given),
    await openKvSettings(env, client, defaultSettings()),
  ];
  t.teardown(() => Promise.all([first.stop(), second.stop()]));
  t.is(second.current.cache.size, 77);
  const heard = new Promise<number>((resolve) => second.onChange(({ cache }) => resolve(cache.minTtl)));
  const grow = (store: SettingsStore) =>
    store.update((now) => succeed({ ...now, cache: { ...now.cache, minTtl: now.cache.minTtl + 1 } }));
  const written = await Promise.all([grow(first), grow(second), grow(first)]);
  t.true(written.every(({ ok }) => ok));
  t.true((await heard) >= 1);
  while (second.current.cache.minTtl < 3) await new Promise((resolve) => setTimeout(resolve, 10));
  t.like(await first.update(() => fail("no", "thanks")), { ok: false, error: { code: "no" } });

  const leases = new Promise<readonly LeaseName[]>((resolve) => {
    t.teardown(
      clusterSources(env, client, undefined).watchLeases?.((all) => all.length > 0 && resolve(all)) ?? (() => {}),
    );
  });
  const lease = { name: "phone", domain: "", address: "192.168.1.30", mac: "aa:bb:cc:00:00:02" };
  await client.kv.put(`${LEASE_NAMES_PREFIX}192.168.1.29`, "nonsense");
  await client.kv.put(`${LEASE_NAMES_PREFIX}192.168.1.30`, JSON.stringify(lease));
  t.deepEqual(await leases, [lease]);
});

test("an unknown key is told with those that are known where it stands", (t) => {
  const read = readSettings({ name: "dns.hcl", text: 'upstream { server = ["9.9.9.9"] }' });
  t.is(read.ok ? "" : read.error.message, 'dns.hcl: there is no setting "upstream.server"');
  t.is(read.ok ? "" : read.error.hint, 'did you mean "servers"?');
  const list = readSettings({ name: "dns.hcl", text: 'lists = [{ id = 1, url = "sample:ads", of = 1 }]' });
  t.regex(list.ok ? "" : (list.error.hint ?? ""), /known here: .*url/);
});

test("the documents' examples are settings", (t) => {
  for (const document of ["home-dns.md", "dns-api.md"]) {
    const examples = examplesIn(document, "hcl");
    t.true(examples.length > 0, document);
    for (const text of examples) {
      const read = readSettings({ name: document, text });
      t.true(read.ok, JSON.stringify(read));
    }
  }
});
