import { anything, durationMs, flag, text, textMap, texts } from "#base/language/hcl/decode/readers.ts";
import { freeBlock, nestedBlock, to, type BlockTable, type Fields } from "#base/language/hcl/decode/table.ts";
import { LOG_LEVELS } from "../config.ts";
import { bytes, count, oneOf, port, word } from "../readers.ts";
import { backup } from "./backup.ts";
import { client } from "./client.ts";
import { discovery, ingress, secrets } from "./roles.ts";
import { acl, audit, limits, telemetry, tls, vault } from "./security.ts";
import { server } from "./server.ts";

const LISTENERS = ["http", "rpc", "consul", "dns", "vault", "gossip"] as const;
/** Nomad's and Consul's names for the gossip port. */
const OLD_NAMES = { serf: to("gossip", text), serf_lan: to("gossip", text) } as const;

const addresses: BlockTable = {
  name: "addresses",
  attributes: {
    ...Object.fromEntries(LISTENERS.map((name) => [name, to(name, text)])),
    ...OLD_NAMES,
  },
  blocks: {},
};
const advertise: BlockTable = {
  name: "advertise",
  attributes: {
    http: to("http", text),
    rpc: to("rpc", text),
    gossip: to("gossip", text),
    ...OLD_NAMES,
  },
  blocks: {},
};
const ports: BlockTable = {
  name: "ports",
  attributes: {
    ...Object.fromEntries(LISTENERS.map((name) => [name, to(name, port)])),
    etcd: to("etcd", port),
    etcd_peer: to("etcdPeer", port),
    serf: to("gossip", port),
    serf_lan: to("gossip", port),
  },
  blocks: {},
};

/** `plugin "docker" { config { … } }`: only the configuration is kept. */
const plugin: BlockTable = {
  name: "plugin",
  attributes: { args: to("args", texts) },
  blocks: { config: freeBlock("config", anything) },
  finish: ({ config }): Fields => (typeof config === "object" && config !== null ? { ...config } : {}),
};

const etcd: BlockTable = {
  name: "etcd",
  attributes: {
    endpoints: to("endpoints", texts),
    ca_file: to("caFile", text),
    cert_file: to("certFile", text),
    key_file: to("keyFile", text),
    server_name: to("serverName", text),
    dead_member_after: to("deadMemberMs", durationMs),
    quota: to("quotaBytes", bytes),
  },
  blocks: {},
};
const state: BlockTable = {
  name: "state",
  attributes: { migrate_after: to("migrateAfterMs", durationMs) },
  blocks: { etcd: nestedBlock("etcd", etcd) },
};

const label: BlockTable = {
  name: "label",
  attributes: {
    text: to("text", text),
    background_color: to("backgroundColor", text),
    text_color: to("textColor", text),
  },
  blocks: {},
};
const ui: BlockTable = {
  name: "ui",
  attributes: { enabled: to("enabled", flag) },
  blocks: { label: nestedBlock("label", label) },
};

export const agent: BlockTable = {
  name: "the agent's configuration",
  attributes: {
    region: to("region", word),
    datacenter: to("datacenter", word),
    name: to("name", word),
    data_dir: to("dataDir", text),
    plugin_dir: to("pluginDir", text),
    bind_addr: to("bindAddress", text),
    log_level: to("logLevel", oneOf(LOG_LEVELS)),
    log_json: to("logJson", flag),
    log_file: to("logFile", text),
    log_rotate_bytes: to("logRotateBytes", bytes),
    log_rotate_duration: to("logRotateDurationMs", durationMs),
    log_rotate_max_files: to("logRotateMaxFiles", count),
    enable_syslog: to("enableSyslog", flag),
    syslog_facility: to("syslogFacility", text),
    enable_debug: to("enableDebug", flag),
    leave_on_interrupt: to("leaveOnInterrupt", flag),
    leave_on_terminate: to("leaveOnTerminate", flag),
    disable_update_check: to("disableUpdateCheck", flag),
    http_api_response_headers: to("httpApiResponseHeaders", textMap),
  },
  blocks: {
    addresses: nestedBlock("addresses", addresses),
    advertise: nestedBlock("advertise", advertise),
    ports: nestedBlock("ports", ports),
    server: nestedBlock("server", server),
    state: nestedBlock("state", state),
    client: nestedBlock("client", client),
    plugin: nestedBlock("plugins", plugin, { many: "map", label: "" }),
    tls: nestedBlock("tls", tls),
    acl: nestedBlock("acl", acl),
    backup: nestedBlock("backup", backup),
    audit: nestedBlock("audit", audit),
    telemetry: nestedBlock("telemetry", telemetry),
    limits: nestedBlock("limits", limits),
    ui: nestedBlock("ui", ui),
    http_api_response_headers: freeBlock("httpApiResponseHeaders", textMap),
    discovery: nestedBlock("discovery", discovery),
    ingress: nestedBlock("ingress", ingress),
    secrets: nestedBlock("secrets", secrets),
    vault: nestedBlock("vault", vault),
  },
  ignored: {
    consul: "discovery is built in: its settings are in the block discovery { … }",
    sentinel: "policies of this kind are not available",
    autopilot: "servers are looked after by themselves; remove the block",
    disable_anonymous_signature: "nothing is sent anywhere; remove it",
    reporting: "nothing is sent anywhere; remove it",
    keyring: "keys are kept by the secrets role; remove it",
  },
};
