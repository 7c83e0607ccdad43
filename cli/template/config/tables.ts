import { durationMs, flag, integer, text, texts } from "#base/language/hcl/decode/readers.ts";
import { freeBlock, nestedBlock, to, type BlockTable } from "#base/language/hcl/decode/table.ts";
import { auth as authText, asField, command, logLevel, owner, perms, share, signal, waitText } from "./readers.ts";

const retry: BlockTable = {
  name: "retry",
  attributes: {
    enabled: to("enabled", flag),
    attempts: to("attempts", integer),
    backoff: to("backoffMs", durationMs),
    max_backoff: to("maxBackoffMs", durationMs),
  },
  blocks: {},
};
const ssl: BlockTable = {
  name: "ssl",
  attributes: {
    enabled: to("enabled", flag),
    verify: to("verify", flag),
    cert: to("cert", text),
    key: to("key", text),
    ca_cert: to("caCert", text),
    ca_cert_bytes: to("caCertBytes", text),
    ca_path: to("caPath", text),
    server_name: to("serverName", text),
  },
  blocks: {},
};
const transport: BlockTable = {
  name: "transport",
  attributes: {
    custom_dialer: to("customDialer", text),
    dial_keep_alive: to("dialKeepAliveMs", durationMs),
    dial_timeout: to("dialTimeoutMs", durationMs),
    disable_keep_alives: to("disableKeepAlives", flag),
    idle_conn_timeout: to("idleConnTimeoutMs", durationMs),
    max_idle_conns: to("maxIdleConns", integer),
    max_idle_conns_per_host: to("maxIdleConnsPerHost", integer),
    max_conns_per_host: to("maxConnsPerHost", integer),
    tls_handshake_timeout: to("tlsHandshakeTimeoutMs", durationMs),
  },
  blocks: {},
};
const auth: BlockTable = {
  name: "auth",
  attributes: { enabled: to("enabled", flag), username: to("username", text), password: to("password", text) },
  blocks: {},
};
const connection = {
  retry: nestedBlock("retry", retry),
  ssl: nestedBlock("ssl", ssl),
  transport: nestedBlock("transport", transport),
};
const consul: BlockTable = {
  name: "consul",
  attributes: {
    address: to("address", text),
    namespace: to("namespace", text),
    token: to("token", text),
    token_file: to("tokenFile", text),
    auth: to("auth", authText),
  },
  blocks: { ...connection, auth: nestedBlock("auth", auth) },
};
const vault: BlockTable = {
  name: "vault",
  attributes: {
    address: to("address", text),
    enabled: to("enabled", flag),
    namespace: to("namespace", text),
    token: to("token", text),
    vault_agent_token_file: to("agentTokenFile", text),
    unwrap_token: to("unwrapToken", flag),
    renew_token: to("renewToken", flag),
    renew: to("renewToken", flag),
    default_lease_duration: to("defaultLeaseMs", durationMs),
    lease_renewal_threshold: to("leaseRenewalThreshold", share),
    client_user_agent: to("userAgent", text),
    grace: to("grace", durationMs),
    k8s_auth_role_name: to("k8sRole", text),
    k8s_service_account_token: to("k8sToken", text),
    k8s_service_account_token_path: to("k8sTokenPath", text),
    k8s_service_mount_path: to("k8sMount", text),
  },
  blocks: connection,
};
const nomad: BlockTable = {
  name: "nomad",
  attributes: {
    address: to("address", text),
    enabled: to("enabled", flag),
    namespace: to("namespace", text),
    token: to("token", text),
    auth_username: to("authUsername", text),
    auth_password: to("authPassword", text),
  },
  blocks: connection,
};
const wait: BlockTable = {
  name: "wait",
  attributes: { enabled: to("enabled", flag), min: to("minMs", durationMs), max: to("maxMs", durationMs) },
  blocks: {},
};
const env: BlockTable = {
  name: "env",
  attributes: {
    pristine: to("pristine", flag),
    custom: to("custom", texts),
    allowlist: to("allowlist", texts),
    whitelist: to("allowlist", texts),
    denylist: to("denylist", texts),
    blacklist: to("denylist", texts),
  },
  blocks: {},
};
const exec: BlockTable = {
  name: "exec",
  attributes: {
    command: to("command", command),
    enabled: to("enabled", flag),
    kill_signal: to("killSignal", signal),
    kill_timeout: to("killTimeoutMs", durationMs),
    reload_signal: to("reloadSignal", signal),
    splay: to("splayMs", durationMs),
    timeout: to("timeoutMs", durationMs),
  },
  blocks: { env: nestedBlock("env", env) },
};
const template: BlockTable = {
  name: "template",
  attributes: {
    source: to("source", text),
    contents: to("contents", text),
    destination: to("destination", text),
    create_dest_dirs: to("createDestDirs", flag),
    command: to("command", command),
    command_timeout: to("commandTimeoutMs", durationMs),
    error_on_missing_key: to("errorOnMissingKey", flag),
    error_fatal: to("errorFatal", flag),
    perms: to("perms", perms),
    user: to("user", owner),
    uid: to("user", owner),
    group: to("group", owner),
    gid: to("group", owner),
    backup: to("backup", flag),
    left_delimiter: to("leftDelimiter", text),
    right_delimiter: to("rightDelimiter", text),
    function_denylist: to("functionDenylist", texts),
    function_blacklist: to("functionDenylist", texts),
    sandbox_path: to("sandboxPath", text),
    map_to_environment_variable: to("environmentVariable", text),
    wait: to("wait", waitText),
  },
  blocks: { wait: nestedBlock("wait", wait), exec: nestedBlock("exec", exec) },
};
const anything = freeBlock("telemetry", (value) => ({ value }));

/** What both tools have at the top of their configuration (https://github.com/hashicorp/consul-template/blob/main/docs/configuration.md). */
export const shared = {
  attributes: {
    kill_signal: to("killSignal", signal),
    reload_signal: to("reloadSignal", signal),
    log_level: to("logLevel", logLevel),
    max_stale: to("maxStaleMs", durationMs),
    block_query_wait: to("blockQueryWaitMs", durationMs),
    pid_file: to("pidFile", text),
    wait: to("wait", waitText),
    consul: to("consul", asField("address", text)),
  },
  blocks: {
    consul: nestedBlock("consul", consul),
    vault: nestedBlock("vault", vault),
    nomad: nestedBlock("nomad", nomad),
    exec: nestedBlock("exec", exec),
    wait: nestedBlock("wait", wait),
    syslog: nestedBlock("syslog", {
      name: "syslog",
      attributes: { enabled: to("enabled", flag), facility: to("facility", text), name: to("name", text) },
      blocks: {},
    }),
    log_file: nestedBlock("logFile", {
      name: "log_file",
      attributes: {
        path: to("path", text),
        log_rotate_bytes: to("rotateBytes", integer),
        log_rotate_duration: to("rotateMs", durationMs),
        log_rotate_max_files: to("maxFiles", integer),
      },
      blocks: {},
    }),
    telemetry: anything,
  },
};

export const consulTemplate: BlockTable = {
  name: "the configuration",
  attributes: {
    ...shared.attributes,
    dump_signal: to("dumpSignal", signal),
    once: to("once", flag),
    parse_only: to("parseOnly", flag),
    template_error_fatal: to("templateErrorFatal", flag),
    err_on_failed_lookup: to("errOnFailedLookup", flag),
  },
  blocks: {
    ...shared.blocks,
    template: nestedBlock("templates", template, { many: "list" }),
    deduplicate: nestedBlock("deduplicate", {
      name: "deduplicate",
      attributes: {
        enabled: to("enabled", flag),
        prefix: to("prefix", text),
        max_stale: to("maxStaleMs", durationMs),
        block_query_wait: to("blockQueryWaitMs", durationMs),
        ttl: to("ttlMs", durationMs),
      },
      blocks: {},
    }),
    default_delimiters: nestedBlock("defaultDelimiters", {
      name: "default_delimiters",
      attributes: { left: to("left", text), right: to("right", text) },
      blocks: {},
    }),
  },
};
