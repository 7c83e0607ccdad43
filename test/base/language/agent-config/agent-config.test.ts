import { readFileSync } from "node:fs";
import test from "ava";
import fc from "fast-check";
import { checkAgentConfig } from "#base/language/agent-config/check-config.ts";
import { defaultAgentConfig, type AgentConfig } from "#base/language/agent-config/config.ts";
import { readAgentConfig } from "#base/language/agent-config/read-config.ts";
import { agent } from "#base/language/agent-config/tables/agent.ts";
import type { BlockTable } from "#base/language/hcl/decode/table.ts";
import { renderDiagnostics } from "#base/language/hcl/diagnostic.ts";

const file = (text: string, name = "lares.hcl") => ({ name, text });

function config(...files: readonly { name: string; text: string }[]): AgentConfig {
  const read = readAgentConfig({ files });
  if (!read.ok) throw new Error(renderDiagnostics(read.diagnostics));
  return read.config;
}

function complaints(text: string, name?: string): readonly string[] {
  const read = readAgentConfig({ files: [file(text, name)] });
  return read.ok
    ? []
    : read.diagnostics.map(
        (d) => `${d.start.line}:${d.start.column} ${d.message}${d.hint === undefined ? "" : ` (${d.hint})`}`,
      );
}

const FULL =
  `
region     = "eu"
datacenter = "home"
name       = "pi-1"
data_dir   = "/var/lib/lares"
bind_addr  = "0.0.0.0"
log_level  = "DEBUG"
log_json   = true
log_file   = "/var/log/lares/"
log_rotate_bytes    = "10MiB"
log_rotate_duration = "12h"
leave_on_terminate  = true
ports {
  http = 5646
  serf = 5648
  dns  = 0
}
advertise { http = "10.0.0.1" }
server {
  enabled          = true
  bootstrap_expect = 3
  server_join { retry_join = ["a", "b"] }
  default_scheduler_config {
    scheduler_algorithm = "spread"
    preemption_config { batch_scheduler_enabled = true }
  }
}
client {
  enabled = true
  meta {
    rack = "r1"
    n    = 2
  }
  options = { "driver.raw_exec.enable" = "1" }
  host_volume "data" {
    path      = "/srv/data"
    read_only = true
  }
  host_network "lan" { cidr = "192.168.0.0/16" }
  reserved {
    cpu            = 500
    reserved_ports = "22,8000-8100"
  }
  gc_interval = "2m"
}
plugin "docker" {
  config {
    allow_privileged = true
    gc { image_delay = "1h" }
  }
}
plugin "raw_exec" { config { enabled = true } }
`.replace("{ config { enabled = true } }", "{\n  config { enabled = true }\n}") +
  `
acl { enabled = true }
telemetry { prometheus_metrics = true }
limits { http_max_body_size = "1MB" }
discovery {
  domain = "home."
  dns {
    recursors   = ["1.1.1.1"]
    service_ttl = { "*" = "5s", web = "30s" }
  }
}
`;

test("nothing said: all defaults", (t) => {
  t.deepEqual(config(), defaultAgentConfig());
  t.like(defaultAgentConfig(), { region: "global", datacenter: "dc1", logLevel: "info" });
  t.deepEqual(defaultAgentConfig().ports, {
    http: 4646,
    rpc: 4647,
    consul: 8500,
    dns: 8600,
    vault: 8200,
    gossip: 8301,
    etcd: 2379,
    etcdPeer: 2380,
  });
  t.is(defaultAgentConfig().client.minDynamicPort, 20_000);
});

test("every block lands in its field", (t) => {
  const found = config(file(FULL));
  t.like(found, {
    region: "eu",
    datacenter: "home",
    name: "pi-1",
    dataDir: "/var/lib/lares",
    logLevel: "debug",
    logJson: true,
  });
  t.is(found.logRotateBytes, 10 * 1024 * 1024);
  t.is(found.logRotateDurationMs, 12 * 3600_000);
  t.true(found.leaveOnTerminate);
  t.like(found.ports, { http: 5646, gossip: 5648, dns: 0, rpc: 4647 });
  t.is(found.advertise.http, "10.0.0.1");
  t.like(found.server, { enabled: true, bootstrapExpect: 3 });
  t.deepEqual(found.server.serverJoin.retryJoin, ["a", "b"]);
  t.is(found.server.defaultSchedulerConfig.schedulerAlgorithm, "spread");
  t.like(found.server.defaultSchedulerConfig.preemptionConfig, {
    batchSchedulerEnabled: true,
    systemSchedulerEnabled: true,
  });
  t.deepEqual(found.client.meta, { rack: "r1", n: "2" });
  t.deepEqual(found.client.options, { "driver.raw_exec.enable": "1" });
  t.deepEqual(found.client.hostVolumes, [{ name: "data", path: "/srv/data", readOnly: true }]);
  t.like(found.client.hostNetworks[0], { name: "lan", cidr: "192.168.0.0/16" });
  t.like(found.client.reserved, { cpu: 500, reservedPorts: "22,8000-8100" });
  t.is(found.client.gcIntervalMs, 120_000);
  t.deepEqual(found.plugins, {
    docker: { allow_privileged: true, gc: [{ image_delay: "1h" }] },
    raw_exec: { enabled: true },
  });
  t.true(found.acl.enabled && found.telemetry.prometheusMetrics);
  t.is(found.limits.httpMaxBodyBytes, 1_000_000);
  t.deepEqual(found.discovery.dns.serviceTtlMs, { "*": 5000, web: 30_000 });
});

test("JSON says the same as HCL", (t) => {
  const json = JSON.stringify({
    data_dir: "/d",
    ports: { http: 5646 },
    client: { enabled: true, meta: { a: "${x}" }, host_volume: { data: { path: "/p" }, more: [{ path: "/q" }] } },
    server: [{ enabled: true }],
    plugin: { docker: { config: { allow_privileged: true } } },
  });
  const found = config(file(json, "lares.json"));
  t.like(found, { dataDir: "/d", ports: { http: 5646 }, server: { enabled: true } });
  t.deepEqual(found.client.meta, { a: "${x}" });
  t.deepEqual(
    found.client.hostVolumes.map((each) => [each.name, each.path]),
    [
      ["data", "/p"],
      ["more", "/q"],
    ],
  );
  t.deepEqual(found.plugins, { docker: { allow_privileged: true } });
  t.deepEqual(complaints('{\n  "clinet": {}\n}'), [
    '2:3 unknown attribute "clinet" in the agent\'s configuration (did you mean "client"?)',
  ]);
  t.deepEqual(complaints('{\n  "name": \n}'), ["2:11 expected a value, found the end of the line"]);
});

test("later files win; blocks are merged, lists replaced, named blocks joined; flags win over all", (t) => {
  const first = file(
    'client {\n enabled = true\n servers = ["a"]\n meta { x = 1 }\n host_volume "v" { path = "/1" }\n}\nlog_level = "warn"',
  );
  const second = file(
    'client {\n servers = ["b"]\n meta { y = 2 }\n host_volume "w" { path = "/2" }\n host_volume "v" { path = "/3" }\n}',
  );
  const found = config(first, second);
  t.like(found.client, { enabled: true, servers: ["b"], meta: { x: "1", y: "2" } });
  t.deepEqual(
    found.client.hostVolumes.map((each) => each.path),
    ["/2", "/3"],
  );
  const read = readAgentConfig({
    files: [first],
    base: { logLevel: "error", region: "eu" },
    overrides: { logLevel: "trace" },
  });
  t.true(read.ok && read.config.logLevel === "trace" && read.config.region === "eu");
});

const MISTAKES: readonly (readonly [text: string, complaint: string])[] = [
  ['data_dri = "x"', '1:1 unknown attribute "data_dri" in the agent\'s configuration (did you mean "data_dir"?)'],
  ["client {\n  enable = true\n}", '2:3 unknown attribute "enable" in client (did you mean "enabled"?)'],
  ["ports { http = 70000 }", "1:16 http: expected 0 to 65535, found 70000"],
  [
    'log_level = "loud"',
    '1:13 log_level: "loud" is not known; expected trace, debug, info, warn, error (known here: debug, error, info, trace, warn)',
  ],
  ['name = "a b"', '1:8 name: expected a name without spaces, found "a b"'],
  [
    'log_rotate_duration = "1d"',
    '1:23 log_rotate_duration: "1d" is no duration (there is no unit for days: write "24h")',
  ],
  [
    'log_rotate_bytes = "much"',
    '1:20 log_rotate_bytes: "much" is no size (expected a number with a unit, for example "512KB", "10MiB" or "2GB")',
  ],
  [
    'client {\n reserved { reserved_ports = "22,x" }\n}'.replace("{ reserved_ports", "{ reserved_ports"),
    '2:30 reserved_ports: "x" is no port or range of ports (written: "22,80,8000-8100")',
  ],
  [
    "consul {}",
    '1:1 "consul" is not supported in the agent\'s configuration (discovery is built in: its settings are in the block discovery { … })',
  ],
  ["data_dir = foo", '1:12 data_dir: the name "foo" is not known (for text write "foo")'],
];

for (const [text, complaint] of MISTAKES) {
  test(`mistake ${JSON.stringify(text)}`, (t) => t.deepEqual(complaints(text), [complaint]));
}

test("any edit of a configuration is read without a throw", (t) => {
  fc.assert(
    fc.property(
      fc.constantFrom(FULL, JSON.stringify({ client: { meta: { a: 1 } }, plugin: { x: [{}] } })),
      fc.nat(1500),
      fc.nat(9),
      fc.string({ maxLength: 4 }),
      (text, at, cut, put) => {
        const changed = text.slice(0, at % text.length) + put + text.slice((at % text.length) + cut);
        const read = readAgentConfig({ files: [file(changed)] });
        if (!read.ok && read.diagnostics.length === 0) throw new Error("failed without saying why");
      },
    ),
    { numRuns: 500 },
  );
  t.pass();
});

const CONTRADICTIONS: readonly (readonly [text: string, ...messages: string[]])[] = [
  ["server { enabled = true }"],
  ["", "the agent is neither server nor client"],
  ['client { enabled = true }\ndata_dir = "var/lares"', 'data_dir "var/lares" is not an absolute path'],
  [
    "client {\n enabled = true\n min_dynamic_port = 9\n max_dynamic_port = 8\n}",
    "client.min_dynamic_port 9 is more than max_dynamic_port 8",
  ],
  [
    "client { enabled = true }\nports {\n http = 1\n rpc = 1\n dns = 0\n consul = 0\n}",
    "ports: http and rpc are both 1",
  ],
  ['client { enabled = true }\ntls { ca_file = "/a" }', "tls: cert_file and key_file missing"],
];

for (const [text, ...messages] of CONTRADICTIONS) {
  test(`contradiction ${JSON.stringify(text)}`, (t) => {
    t.deepEqual(
      checkAgentConfig(config(file(text))).map((each) => each.message),
      messages,
    );
  });
}

/** Every key as `block key`, `block inner key`; those of the file itself as `top key`. */
function keysOf(table: BlockTable, path: string): string[] {
  const inner = Object.entries(table.blocks).flatMap(([name, rule]) =>
    rule.kind === "nested" ? keysOf(rule.table(), path === "top" ? name : `${path} ${name}`) : [`${path} ${name}`],
  );
  return [...Object.keys(table.attributes).map((key) => `${path} ${key}`), ...inner];
}

test("the manual has a row for every key", (t) => {
  const manual = readFileSync(new URL("../../../../docs/configuration.md", import.meta.url), "utf8");
  const rows = new Set(
    manual.split(/^#+ /m).flatMap((section) => {
      const [heading = "", ...lines] = section.split("\n");
      const cells = lines.flatMap((line) => /^\| (`[^|]*) \|/.exec(line)?.[1] ?? []);
      return cells.flatMap((cell) => [...cell.matchAll(/`(\w+)/g)].map(([, key]) => `${heading} ${key}`));
    }),
  );
  t.deepEqual(
    keysOf(agent, "top").filter((key) => !rows.has(key)),
    [],
    "write these into docs/configuration.md",
  );
});
