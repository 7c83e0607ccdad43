import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import fc from "fast-check";
import { createEnv } from "#base/platform/create-env.ts";
import { openSqlFile } from "#base/platform/sql-file.ts";
import { importSettings } from "#daemons/dns/http/archive/import-settings.ts";
import { readForm } from "#daemons/dns/http/archive/form.ts";
import { readTarGz } from "#daemons/dns/http/archive/tar.ts";
import { readToml, writeToml } from "#daemons/dns/http/archive/toml.ts";
import { readZip, writeZip } from "#daemons/dns/http/archive/zip.ts";
import { defaultSettings } from "#daemons/dns/settings/settings.ts";
import { lares } from "../../../../cli/cluster.ts";
import { startApi } from "../api-world.ts";

function folderOf(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), "lares-archive-"));
  t.teardown(() => rmSync(folder, { recursive: true }));
  return folder;
}

async function imported(t: ExecutionContext, bytes: Uint8Array) {
  const env = createEnv({ logToStderr: false });
  t.teardown(() => env.close());
  return importSettings({ env, openSql: openSqlFile, folder: folderOf(t) }, { bytes, onto: defaultSettings() });
}

test("an archive of one server makes another the same, also by Pi-hole's own files alone", async (t) => {
  const rules = [
    { id: 5, kind: "deny", match: "exact", text: "bad.example", groups: [7] },
    { id: 6, kind: "allow", match: "regex", text: String.raw`(^|\.)good\.example$` },
  ];
  const settings = {
    rules,
    groups: [{ id: 7, name: "kids", comment: "small" }],
    clients: [{ id: 8, match: "192.168.1.0/24", groups: [7] }],
    local: { records: [{ name: "nas.lan", type: "A", value: "192.168.1.5" }], domain: "home" },
    blocking: { mode: "nxdomain" },
  };
  const from = await startApi(t, settings);
  const archive = (await from.call("GET", "/api/teleporter")).bytes;
  const to = await startApi(t, { lists: [{ id: 1, url: "sample:ads" }] });
  const form = new FormData();
  form.set("file", new Blob([Buffer.from(archive)]), "archive.zip");
  form.set("import", JSON.stringify({ config: true, gravity: { group: true, domainlist: true } }));
  t.is((await to.call("POST", "/api/teleporter", { body: form })).status, 200);
  t.like(await to.saved(), { ...settings, rules: [{ id: 5, text: "bad.example", groups: [7] }, { id: 6 }] });

  const files = readZip(archive);
  const theirs = files.ok ? files.value.filter(({ name }) => name.startsWith("etc/pihole/")) : [];
  t.deepEqual(
    theirs.map(({ name }) => name),
    ["etc/pihole/pihole.toml", "etc/pihole/gravity.db"],
  );
  const read = await imported(t, writeZip(theirs));
  t.true(read.ok, JSON.stringify(read));
  if (!read.ok) return;
  const { settings: made } = read.value;
  const kids = made.groups.find(({ name }) => name === "kids")?.id;
  t.like(made.rules, [
    { text: "bad.example", kind: "deny", match: "exact", groups: [kids] },
    { kind: "allow", match: "regex" },
  ]);
  t.like(made.clients, [{ match: "192.168.1.0/24", groups: [kids] }]);
  t.like(made, {
    blocking: { mode: "nxdomain" },
    local: { domain: "home", records: [{ name: "nas.lan" }] },
    lists: [{ url: "sample:ads" }],
  });
  t.is((await to.call("POST", "/api/teleporter", { body: "PK nonsense" })).status, 400);
});

test("an archive of Pi-hole 5 becomes settings", async (t) => {
  const folder = folderOf(t);
  const write = (name: string, value: unknown): void =>
    writeFileSync(join(folder, name), typeof value === "string" ? value : JSON.stringify(value));
  write("adlist.json", [{ id: 1, address: "https://lists.example/a.txt", enabled: 0, comment: "a" }]);
  write("blacklist.exact.json", [{ domain: "bad.example", enabled: 1 }]);
  write("whitelist.regex.json", [{ domain: "good[0-9]", enabled: 1 }]);
  write("group.json", [
    { id: 0, name: "Default", enabled: 1 },
    { id: 2, name: "kids", enabled: 1 },
  ]);
  write("custom.list", "192.168.1.5 nas.lan\n");
  write("setupVars.conf", "PIHOLE_DNS_1=9.9.9.9\n");
  const names = [
    "adlist.json",
    "blacklist.exact.json",
    "whitelist.regex.json",
    "group.json",
    "custom.list",
    "setupVars.conf",
  ];
  const archive = join(folder, "x.tar.gz");
  execFileSync("tar", ["czf", archive, "--transform", "s,^,./,", "-C", folder].concat(names));
  const read = await imported(t, readFileSync(archive));
  t.true(read.ok, JSON.stringify(read));
  if (!read.ok) return;
  t.like(read.value.settings, {
    lists: [{ url: "https://lists.example/a.txt", enabled: false }],
    rules: [
      { text: "bad.example", kind: "deny" },
      { text: "good[0-9]", kind: "allow", match: "regex" },
    ],
    groups: [{ name: "kids" }],
    local: { records: [{ name: "nas.lan", value: "192.168.1.5" }] },
  });
  t.deepEqual(read.value.left, ["setupVars.conf: was not read"]);
});

const ADGUARD = `
users: [{ name: admin, password: x }]
dns:
  upstream_dns: ["https://dns.quad9.net/dns-query", "[/corp.example/]10.0.0.1", "quic://x"]
  bootstrap_dns: [9.9.9.9]
  upstream_mode: parallel
  ratelimit: 20
filtering:
  blocking_mode: nxdomain
  rewrites: [{ domain: nas.lan, answer: 192.168.1.5 }, { domain: www.lan, answer: nas.lan }]
filters:
  - { enabled: true, url: "https://lists.example/a.txt", name: A }
user_rules: ["||ads.example^", "@@||good.example^", "0.0.0.0 bad.example", "/x[0-9]/", "||m.example^$important", "! note"]
clients: { persistent: [{ name: tv, ids: ["AA:BB:CC:DD:EE:FF"], upstreams: [1.1.1.1] }] }
querylog: { interval: 2160h }
`;

test("AdGuard Home's file becomes settings, and what does not is told", async (t) => {
  const folder = folderOf(t);
  const path = join(folder, "AdGuardHome.yaml");
  const output = join(folder, "dns.json");
  writeFileSync(path, ADGUARD);
  const said = await lares({}, ["dns", "import", "-output", output, path]);
  t.is(said.code, 0, said.err);
  t.like(JSON.parse(readFileSync(output, "utf8")), {
    upstream: { servers: ["https://dns.quad9.net/dns-query"], mode: "parallel", bootstrap: ["9.9.9.9"] },
    conditional: [{ match: "corp.example", servers: ["10.0.0.1"] }],
    blocking: { mode: "nxdomain" },
    limits: { rateCount: 1200 },
    log: { retentionDays: 90 },
    lists: [{ url: "https://lists.example/a.txt" }],
    rules: [
      { kind: "deny", match: "regex" },
      { kind: "allow", match: "regex" },
      { text: "bad.example" },
      { text: "x[0-9]" },
    ],
    local: { records: [{ type: "A" }, { type: "CNAME", value: "nas.lan" }] },
    clients: [{ match: "aa:bb:cc:dd:ee:ff", servers: ["1.1.1.1"] }],
  });
  for (const left of [/quic/, /users/, /important/]) t.regex(said.err, left);
});

test("no bytes break the readers", async (t) => {
  const zip = writeZip([
    { name: "a/pihole.toml", bytes: Buffer.from("[dns]\nport = 53\n") },
    { name: "b", bytes: Buffer.alloc(3000, "x") },
  ]);
  t.like(readZip(zip), { ok: true, value: { length: 2 } });
  const mutated = fc
    .array(fc.tuple(fc.nat(zip.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 })
    .map((changes) => {
      const bytes = Buffer.from(zip);
      for (const [at, byte] of changes) bytes[at] = byte;
      return bytes;
    });
  fc.assert(
    fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 300 })), (bytes) => void readZip(bytes)),
    { numRuns: 1000 },
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void readTarGz(bytes)),
    { numRuns: 200 },
  );
  const leaf = fc.oneof(fc.boolean(), fc.integer(), fc.string(), fc.array(fc.string(), { maxLength: 4 }));
  const key = fc.stringMatching(/^[a-z][a-z0-9_]{0,6}$/);
  const tree = fc.dictionary(key, fc.oneof(leaf, fc.dictionary(key, leaf, { maxKeys: 4 })), { maxKeys: 5 });
  fc.assert(
    fc.property(tree, (given) => {
      const back = readToml(writeToml(given));
      t.true(back.ok);
      if (back.ok) t.deepEqual(JSON.parse(JSON.stringify(back.value)), prune(given));
    }),
    { numRuns: 200 },
  );
  const noise = fc.array(fc.constantFrom("[", "]", "a", ".", "=", '"', "'", "\\", "\n", "1", "true", ",", "#", " "), {
    maxLength: 40,
  });
  fc.assert(
    fc.property(noise, (parts) => void readToml(parts.join(""))),
    { numRuns: 1000 },
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      t.true(readForm(bytes, "multipart/form-data; boundary=x").size <= 20);
    }),
  );
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.string(), fc.json()), async (text) => {
      t.is(typeof (await imported(t, Buffer.from(text))).ok, "boolean");
    }),
    { numRuns: 50 },
  );
});

/** As it comes back: through JSON, as numbers like -0 do not survive. */
function prune(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}
