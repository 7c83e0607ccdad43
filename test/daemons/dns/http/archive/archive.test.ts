import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
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

test("an archive of Pi-hole 5 becomes settings, with the groups everything is in", async (t) => {
  const folder = folderOf(t);
  const row = { enabled: 1, date_added: 1_690_837_001, date_modified: 1_690_837_001, comment: null };
  const list = { date_updated: 1_690_837_001, number: 203_872, invalid_domains: 1, status: 1 };
  // Names and columns as https://docs.pi-hole.net/database/gravity/ and threads about such archives tell them.
  const files: Readonly<Record<string, unknown>> = {
    "adlist.json": [{ ...row, ...list, id: 1, address: "https://lists.example/a.txt", enabled: 0, comment: "a" }],
    "adlist_by_group.json": [
      { adlist_id: 1, group_id: 0 },
      { adlist_id: 1, group_id: 2 },
    ],
    "blacklist.exact.json": [{ ...row, id: 3, type: 1, domain: "bad.example" }],
    "blacklist.regex.json": [{ ...row, id: 5, type: 3, domain: "^ads?[0-9]" }],
    "whitelist.exact.json": [],
    "whitelist.regex.json": [{ ...row, id: 4, type: 2, domain: "good[0-9]" }],
    "domainlist_by_group.json": [
      { domainlist_id: 3, group_id: 2 },
      { domainlist_id: 4, group_id: 0 },
    ],
    "group.json": [
      { ...row, id: 0, name: "Default", description: "The default group" },
      { ...row, id: 2, name: "kids", description: null },
    ],
    "client.json": [{ ...row, id: 7, ip: "AA:BB:CC:DD:EE:FF", comment: "tablet" }],
    "client_by_group.json": [{ client_id: 7, group_id: 2 }],
    "custom.list": "192.168.1.5 nas.lan\n",
    "dnsmasq.d/04-pihole-static-dhcp.conf": "dhcp-host=AA:BB:CC:DD:EE:FF,192.168.1.7,tablet\n",
    "dnsmasq.d/05-pihole-custom-cname.conf": "cname=files.lan,nas.lan\n",
    "setupVars.conf": `PIHOLE_INTERFACE=eth0
BLOCKING_ENABLED=true
DNS_FQDN_REQUIRED=true
DNS_BOGUS_PRIV=true
DNSSEC=false
REV_SERVER=true
REV_SERVER_CIDR=192.168.1.0/24
REV_SERVER_TARGET=192.168.1.1
REV_SERVER_DOMAIN=fritz.box
PIHOLE_DNS_1=127.0.0.1#5335
PIHOLE_DNS_2=2620:fe::fe#53
PIHOLE_DNS_3=
CACHE_SIZE=20000
PIHOLE_DOMAIN=home
QUERY_LOGGING=true
`,
  };
  mkdirSync(join(folder, "dnsmasq.d"));
  for (const [name, value] of Object.entries(files))
    writeFileSync(join(folder, name), typeof value === "string" ? value : JSON.stringify(value));
  const archive = join(folder, "x.tar.gz");
  execFileSync("tar", ["czf", archive, "--transform", "s,^,./,", "-C", folder, ...Object.keys(files)]);
  const read = await imported(t, readFileSync(archive));
  t.true(read.ok, JSON.stringify(read));
  if (!read.ok) return;
  const kids = read.value.settings.groups[0]?.id;
  t.like(read.value.settings, {
    lists: [{ url: "https://lists.example/a.txt", enabled: false, groups: [0, kids] }],
    rules: [
      { text: "bad.example", kind: "deny", groups: [kids] },
      { text: "^ads?[0-9]", kind: "deny", match: "regex", groups: [] },
      { text: "good[0-9]", kind: "allow", match: "regex", groups: [0] },
    ],
    groups: [{ name: "kids" }],
    clients: [{ match: "aa:bb:cc:dd:ee:ff", comment: "tablet", groups: [kids] }],
    local: {
      domain: "home",
      records: [
        { name: "nas.lan", value: "192.168.1.5" },
        { name: "files.lan", type: "CNAME", value: "nas.lan" },
      ],
    },
    upstream: { servers: ["127.0.0.1:5335", "[2620:fe::fe]:53"], dnssec: "pass" },
    conditional: [
      { match: "192.168.1.0/24", servers: ["192.168.1.1"] },
      { match: "fritz.box", servers: ["192.168.1.1"] },
    ],
    cache: { size: 20_000 },
  });
  t.deepEqual(read.value.left, [
    "setupVars.conf: no counterpart have DNS_FQDN_REQUIRED, PIHOLE_INTERFACE",
    "dnsmasq.d/04-pihole-static-dhcp.conf: reservations are those of the role dhcp (lares dhcp reserve)",
  ]);
});

/** The form of https://github.com/pi-hole/docker-pi-hole/issues/1742: indented, remarks behind values, lists over lines. */
const PIHOLE_TOML = `# Pi-hole configuration file (v6.0.2)
[dns]
  # Array of upstream DNS servers used by Pi-hole
  upstreams = [
    "8.8.8.8",
    "2001:4860:4860:0:0:0:0:8888",
    "2606:4700:4700::1111#5353"
  ] ### CHANGED, default = []
  CNAMEdeepInspect = true
  hosts = [
    "192.168.1.5 nas.lan files.lan"
  ] ### CHANGED, default = []
  expandHosts = false
  domain = "home" ### CHANGED, default = "lan"
  interface = "eth0" ### CHANGED, default = ""
  cnameRecords = [ "www.home,nas.lan" ]
  revServers = [ "true,192.168.0.0/24,192.168.0.1#53,fritz.box" ]
  [dns.cache]
    size = 10000
    optimizer = 3600
  [dns.blocking]
    active = true
    mode = "NX" ### CHANGED, default = "NULL"
[dhcp]
  active = false
[webserver]
  domain = "pi.hole"
  [webserver.api]
    pwhash = "$BALLOON-SHA256$v=1$s=1024,t=32$x==$y=" ### CHANGED, default = ""
`;

test("pihole.toml is read in the form Pi-hole writes it", async (t) => {
  const archive = writeZip([{ name: "etc/pihole/pihole.toml", bytes: Buffer.from(PIHOLE_TOML) }]);
  const read = await imported(t, archive);
  t.true(read.ok, JSON.stringify(read));
  if (!read.ok) return;
  t.like(read.value.settings, {
    upstream: { servers: ["8.8.8.8", "2001:4860:4860:0:0:0:0:8888", "[2606:4700:4700::1111]:5353"] },
    local: {
      domain: "home",
      expandNames: false,
      records: [
        { name: "nas.lan", value: "192.168.1.5" },
        { name: "files.lan", value: "192.168.1.5" },
        { name: "www.home", value: "nas.lan" },
      ],
    },
    conditional: [
      { match: "192.168.0.0/24", servers: ["192.168.0.1:53"] },
      { match: "fritz.box", servers: ["192.168.0.1:53"] },
    ],
    blocking: { mode: "nxdomain" },
  });
  t.deepEqual(read.value.left, [
    "dns.interface: has no counterpart",
    "webserver.api.pwhash: secrets do not come along; set a password with lares dns password",
  ]);
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

/** Keys and nesting of https://github.com/AdguardTeam/AdGuardHome/wiki/Configuration and of files people show in its threads. */
const ADGUARD_2024 = `
http:
  address: 0.0.0.0:80
  session_ttl: 720h
users:
  - name: admin
    password: $2a$10$x
auth_attempts: 5
language: ""
dns:
  bind_hosts: [0.0.0.0]
  port: 53
  anonymize_client_ip: false
  ratelimit: 0
  refuse_any: true
  upstream_dns:
    - "# Quad9"
    - https://dns10.quad9.net/dns-query
    - "[/168.192.in-addr.arpa/]192.168.1.1"
  upstream_dns_file: ""
  bootstrap_dns: [9.9.9.10, 2620:fe::10]
  upstream_mode: load_balance
  allowed_clients: [192.168.0.0/16]
  disallowed_clients: []
  blocked_hosts: [version.bind, id.server, hostname.bind]
  cache_size: 4194304
  cache_ttl_min: 0
  cache_ttl_max: 0
  cache_optimistic: false
  enable_dnssec: false
  use_private_ptr_resolvers: true
  local_ptr_upstreams: [192.168.1.1]
tls:
  enabled: false
  port_https: 443
querylog:
  dir_path: ""
  ignored: []
  interval: 168h
  enabled: true
filters:
  - { enabled: false, url: "https://adguardteam.github.io/HostlistsRegistry/assets/filter_1.txt", name: AdGuard, id: 1 }
whitelist_filters: []
user_rules: []
dhcp: { enabled: false, interface_name: "", dhcpv4: { gateway_ip: "" } }
filtering:
  blocking_ipv4: 192.168.1.9
  blocking_ipv6: ""
  blocked_services:
    schedule: { time_zone: UTC }
    ids: [tiktok, nosuchservice]
  protection_disabled_until: null
  safe_search: { enabled: true, bing: true }
  blocking_mode: custom_ip
  rewrites: []
  filters_update_interval: 12
  blocked_response_ttl: 10
  filtering_enabled: true
  protection_enabled: true
clients:
  runtime_sources: { whois: true, arp: true }
  persistent:
    - name: television
      ids: [192.168.1.20]
      tags: []
      upstreams: []
      uid: 018f
      safe_search: { enabled: false }
      blocked_services:
        schedule: { time_zone: UTC, sun: { start: 0s, end: 24h } }
        ids: [netflix]
      use_global_settings: true
      use_global_blocked_services: false
    - name: guest
      ids: [192.168.1.21]
      blocked_services: { schedule: { time_zone: UTC }, ids: [] }
      use_global_settings: false
      filtering_enabled: false
      use_global_blocked_services: true
log: { enabled: true }
schema_version: 28
`;

test("AdGuard Home's newer files: what was moved, services, safe search; what is not in use is not complained about", async (t) => {
  const read = await imported(t, Buffer.from(ADGUARD_2024));
  t.true(read.ok, JSON.stringify(read));
  if (!read.ok) return;
  const { settings, left } = read.value;
  const television = settings.groups.find(({ name }) => name === "television")?.id;
  t.like(settings, {
    upstream: {
      servers: ["https://dns10.quad9.net/dns-query"],
      mode: "fastest",
      bootstrap: ["9.9.9.10", "2620:fe::10"],
    },
    conditional: [
      { match: "168.192.in-addr.arpa" },
      { match: "10.0.0.0/8", servers: ["192.168.1.1"] },
      { match: "172.16.0.0/12" },
      { match: "192.168.0.0/16" },
    ],
    blocking: { mode: "ip", ipv4: "192.168.1.9", ttl: 10, enabled: true },
    listUpdates: { everyHours: 12 },
    limits: { rateCount: 0, allowFrom: ["192.168.0.0/16"] },
    log: { retentionDays: 7 },
    lists: [{ enabled: false }],
    groups: [
      { id: 0, services: ["tiktok"], safeSearch: true },
      { name: "television", services: ["netflix"], safeSearch: false },
    ],
    clients: [
      { match: "192.168.1.20", groups: [0, television], comment: "television" },
      { match: "192.168.1.21", groups: [] },
    ],
  });
  t.deepEqual(left, [
    "blocked services of everybody: there is no preset of nosuchservice",
    "blocked services of client television: their pauses; give the group schedules",
    "users: set a password with lares dns password",
    "dns.cache_size: it is in bytes there and in replies here; cache.size stays",
  ]);
});

test("AdGuard Home's older files: settings before they were moved", async (t) => {
  const read = await imported(
    t,
    Buffer.from(`
bind_host: 0.0.0.0
dns:
  querylog_enabled: true
  querylog_interval: 90
  protection_enabled: false
  blocking_mode: nxdomain
  blocked_response_ttl: 60
  all_servers: true
  upstream_dns: ["8.8.8.8:53"]
  blocked_services: [youtube]
clients:
  - name: tv
    ids: [192.168.1.20]
`),
  );
  t.true(read.ok, JSON.stringify(read));
  if (!read.ok) return;
  t.like(read.value.settings, {
    upstream: { servers: ["8.8.8.8:53"], mode: "parallel" },
    blocking: { enabled: false, mode: "nxdomain", ttl: 60 },
    log: { retentionDays: 90 },
    groups: [{ id: 0, services: ["youtube"] }],
    clients: [{ match: "192.168.1.20", groups: [0] }],
  });
  t.deepEqual(read.value.left, []);
});

test("what is no archive is said to be none, in few words", async (t) => {
  const hosts = "0.0.0.0 ads.example\n".repeat(1000);
  for (const text of [hosts, "", `dns: ${JSON.stringify(hosts)}\n`]) {
    const read = await imported(t, Buffer.from(text));
    t.false(read.ok);
    if (!read.ok) t.true(read.error.message.length < 400, read.error.message);
  }
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
