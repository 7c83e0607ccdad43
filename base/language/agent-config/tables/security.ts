import { durationMs, flag, text, texts } from "#base/language/hcl/decode/readers.ts";
import { nestedBlock, to, type BlockTable } from "#base/language/hcl/decode/table.ts";
import { bytes, count, fileMode, oneOf } from "../readers.ts";

export const tls: BlockTable = {
  name: "tls",
  attributes: {
    http: to("http", flag),
    rpc: to("rpc", flag),
    ca_file: to("caFile", text),
    cert_file: to("certFile", text),
    key_file: to("keyFile", text),
    verify_server_hostname: to("verifyServerHostname", flag),
    verify_https_client: to("verifyHttpsClient", flag),
    tls_min_version: to("tlsMinVersion", oneOf(["tls12", "tls13"])),
    tls_cipher_suites: to("tlsCipherSuites", text),
  },
  blocks: {},
  ignored: { rpc_upgrade_mode: "traffic between servers is always encrypted; remove it" },
};

export const acl: BlockTable = {
  name: "acl",
  attributes: {
    enabled: to("enabled", flag),
    token_ttl: to("tokenTtlMs", durationMs),
    policy_ttl: to("policyTtlMs", durationMs),
    role_ttl: to("roleTtlMs", durationMs),
    replication_token: to("replicationToken", text),
    token_min_expiration_ttl: to("tokenMinExpirationTtlMs", durationMs),
    token_max_expiration_ttl: to("tokenMaxExpirationTtlMs", durationMs),
  },
  blocks: {},
};

export const vault: BlockTable = {
  name: "vault",
  attributes: {
    enabled: to("enabled", flag),
    address: to("address", text),
    namespace: to("namespace", text),
    create_from_role: to("createFromRole", text),
    jwt_auth_backend_path: to("jwtAuthBackendPath", text),
    ca_file: to("caFile", text),
    cert_file: to("certFile", text),
    key_file: to("keyFile", text),
    tls_server_name: to("tlsServerName", text),
    tls_skip_verify: to("tlsSkipVerify", flag),
  },
  blocks: {},
  ignored: { default_identity: "write the identity vault_default into the job's tasks" },
};

const sink: BlockTable = {
  name: "sink",
  attributes: {
    type: to("type", oneOf(["file", "syslog"])),
    format: to("format", oneOf(["json"])),
    delivery_guarantee: to("deliveryGuarantee", oneOf(["enforced", "best-effort"])),
    path: to("path", text),
    mode: to("mode", fileMode),
    rotate_bytes: to("rotateBytes", bytes),
    rotate_duration: to("rotateDurationMs", durationMs),
    rotate_max_files: to("rotateMaxFiles", count),
    address: to("address", text),
    facility: to("facility", text),
  },
  blocks: {},
};

const filter: BlockTable = {
  name: "filter",
  attributes: {
    type: to("type", oneOf(["httpevent"])),
    endpoints: to("endpoints", texts),
    stages: to("stages", texts),
    operations: to("operations", texts),
  },
  blocks: {},
};

export const audit: BlockTable = {
  name: "audit",
  attributes: { enabled: to("enabled", flag) },
  blocks: {
    sink: nestedBlock("sinks", sink, { many: "list", label: "name" }),
    filter: nestedBlock("filters", filter, { many: "list", label: "name" }),
  },
};

export const telemetry: BlockTable = {
  name: "telemetry",
  attributes: {
    prometheus_metrics: to("prometheusMetrics", flag),
    collection_interval: to("collectionIntervalMs", durationMs),
    in_memory_collection_interval: to("inMemoryCollectionIntervalMs", durationMs),
    in_memory_retention_period: to("inMemoryRetentionPeriodMs", durationMs),
    publish_allocation_metrics: to("publishAllocationMetrics", flag),
    publish_node_metrics: to("publishNodeMetrics", flag),
    include_alloc_metadata_in_metrics: to("includeAllocMetadataInMetrics", flag),
    disable_hostname: to("disableHostname", flag),
    use_node_name: to("useNodeName", flag),
    statsd_address: to("statsdAddress", text),
    statsite_address: to("statsiteAddress", text),
    datadog_address: to("datadogAddress", text),
    datadog_tags: to("datadogTags", texts),
    prefix_filter: to("prefixFilter", texts),
  },
  blocks: {},
};

export const limits: BlockTable = {
  name: "limits",
  attributes: {
    http_max_conns_per_client: to("httpMaxConnsPerClient", count),
    https_handshake_timeout: to("httpsHandshakeTimeoutMs", durationMs),
    rpc_max_conns_per_client: to("rpcMaxConnsPerClient", count),
    rpc_handshake_timeout: to("rpcHandshakeTimeoutMs", durationMs),
    http_max_body_size: to("httpMaxBodyBytes", bytes),
    kv_max_value_size: to("kvMaxValueSize", bytes),
    txn_max_ops: to("txnMaxOps", count),
  },
  blocks: {},
};
