import { durationMs, flag, text, textMap } from "#base/language/hcl/decode/readers.ts";
import { freeBlock, nestedBlock, to, type BlockTable } from "#base/language/hcl/decode/table.ts";
import { GOSSIP_PROFILES } from "../config.ts";
import { count, durationsMs, oneOf, oneOrMore, port } from "../readers.ts";

const dns: BlockTable = {
  name: "dns",
  attributes: {
    node_ttl: to("nodeTtlMs", durationMs),
    service_ttl: to("serviceTtlMs", durationsMs),
    only_passing: to("onlyPassing", flag),
    recursors: to("recursors", oneOrMore),
    udp_answer_limit: to("udpAnswerLimit", count),
    enable_truncate: to("enableTruncate", flag),
    allow_stale: to("allowStale", flag),
  },
  blocks: { service_ttl: freeBlock("serviceTtlMs", durationsMs) },
};

const gossip: BlockTable = {
  name: "gossip",
  attributes: {
    enabled: to("enabled", flag),
    profile: to("profile", oneOf(GOSSIP_PROFILES)),
    tags: to("tags", textMap),
    rpc_addr: to("rpcAddress", text),
    rpc_auth: to("rpcAuth", text),
    reconnect_timeout: to("reconnectTimeoutMs", durationMs),
    rejoin_after_leave: to("rejoinAfterLeave", flag),
  },
  blocks: { tags: freeBlock("tags", textMap) },
};

const email: BlockTable = {
  name: "email",
  attributes: {
    to: to("to", oneOrMore),
    from: to("from", text),
    server: to("server", text),
    user: to("user", text),
    password: to("password", text),
    tls: to("tls", flag),
  },
  blocks: {},
};

const alert: BlockTable = {
  name: "alert",
  attributes: {
    services: to("services", oneOrMore),
    nodes: to("nodes", oneOrMore),
    checks: to("checks", oneOrMore),
    on: to("on", oneOrMore),
    after: to("afterMs", durationMs),
    remind: to("remindMs", durationMs),
    quiet: to("quiet", text),
    webhook: to("webhook", text),
    slack: to("slack", text),
    command: to("command", oneOrMore),
  },
  blocks: { email: nestedBlock("email", email) },
};

export const discovery: BlockTable = {
  name: "discovery",
  attributes: {
    enabled: to("enabled", flag),
    domain: to("domain", text),
    alt_domain: to("altDomain", text),
    encrypt: to("encrypt", text),
    announce: to("announce", flag),
    definitions: to("definitions", text),
    disable_remote_exec: to("disableRemoteExec", flag),
    enable_script_checks: to("enableScriptChecks", flag),
    enable_local_script_checks: to("enableLocalScriptChecks", flag),
    node_checks: to("nodeChecks", oneOrMore),
    node_meta: to("nodeMeta", textMap),
    retry_join: to("retryJoin", oneOrMore),
    start_join: to("startJoin", oneOrMore),
    retry_max: to("retryMax", count),
    retry_interval: to("retryIntervalMs", durationMs),
  },
  blocks: {
    dns: nestedBlock("dns", dns),
    gossip: nestedBlock("gossip", gossip),
    alert: nestedBlock("alerts", alert, { many: "list", label: "name" }),
  },
};

export const ingress: BlockTable = {
  name: "ingress",
  attributes: {
    enabled: to("enabled", flag),
    http_port: to("httpPort", port),
    https_port: to("httpsPort", port),
    certificates: to("certificates", text),
    template: to("template", text),
    virtual_ip: to("virtualIp", text),
  },
  blocks: {},
};

export const secrets: BlockTable = {
  name: "secrets",
  attributes: { enabled: to("enabled", flag), address: to("address", text) },
  blocks: {},
};
